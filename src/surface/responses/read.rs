//! The body of `POST /v1/responses` to a conversation. Nothing is stored here, so what leans on an earlier response is refused.

use serde_json::{Number, Value};

use super::items::turns;
use crate::chat::{
    BadRequest, ChatRequest, Conversation, Effort, Fields, Format, Part, Sampling, Speaker,
    Surface, Takes, Tool, ToolChoice, Turn, model,
};

/// Fields that lean on what a provider has kept.
const STATEFUL: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Reads a body.
///
/// # Errors
/// The first thing that is wrong, naming the field.
pub fn parse(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    let fields = Fields::read(body)?;
    if let Some(name) = STATEFUL.iter().find(|name| fields.get(name).is_some()) {
        let message = format!("`{name}` leans on what is kept elsewhere; send the whole input");
        return Err(wrong(name, message));
    }
    let model = model(&fields)?;
    let mut read = Conversation::default();
    let mut instructions = None;
    for (name, written) in fields.iter().filter(|(_, written)| *written != "null") {
        let value: Value = serde_json::from_str(written)
            .map_err(|error| wrong(name, format!("`{name}` is not JSON: {error}")))?;
        field(&mut read, (name, value), &mut instructions)?;
    }
    if read.turns.is_empty() {
        let message = "`input` is missing; write a string or a list of items".to_owned();
        return Err(BadRequest { code: "missing_required_parameter", ..wrong("input", message) });
    }
    if let Some(text) = instructions {
        read.turns.insert(0, Turn::new(Speaker::System, vec![Part::Text(text)]));
    }
    Ok(ChatRequest::new(Surface::Responses, (model, fields), read))
}

fn field(
    read: &mut Conversation,
    (name, value): (&str, Value),
    instructions: &mut Option<String>,
) -> Result<(), BadRequest> {
    match name {
        "model" | "store" | "include" | "truncation" | "stream_options" => {}
        "background" => {
            if value == Value::Bool(true) {
                return Err(wrong(name, "`background` needs a store; send `false`".to_owned()));
            }
        }
        "input" => read.turns = turns(&value)?,
        "instructions" => *instructions = value.as_str().map(str::to_owned),
        "stream" => match value {
            Value::Bool(stream) => read.stream = stream,
            _ => return Err(wrong(name, "`stream` is not true or false".to_owned())),
        },
        "max_output_tokens" => {
            let tokens = value.as_u64().filter(|tokens| *tokens > 0);
            let message = || format!("`{name}` is not a whole number above 0");
            read.max_tokens = Some(tokens.ok_or_else(|| wrong(name, message()))?);
        }
        "temperature" => read.sampling.temperature = Some(number(name, &value, 2.0)?),
        "top_p" => read.sampling.top_p = Some(number(name, &value, 1.0)?),
        "top_logprobs" => logprobs(&mut read.sampling, &value),
        "tools" => read.tools = tools(&value)?,
        "tool_choice" => read.tool_choice = choice(&value),
        "parallel_tool_calls" => read.parallel_tools = value.as_bool(),
        "text" => {
            read.format = format(value.get("format"))?;
            if let Some(verbosity) = value.get("verbosity").filter(|word| !word.is_null()) {
                read.others.push(("verbosity".to_owned(), verbosity.clone()));
            }
        }
        "reasoning" => {
            let word = value.get("effort").and_then(Value::as_str);
            read.thinking.effort = match word {
                Some(word) => Some(Effort::of(word).ok_or_else(|| {
                    wrong("reasoning.effort", format!("`reasoning.effort` is `{word}`"))
                })?),
                None => None,
            };
        }
        _ => read.others.push((name.to_owned(), value)),
    }
    Ok(())
}

fn logprobs(sampling: &mut Sampling, value: &Value) {
    sampling.top_logprobs = value.as_u64();
    sampling.logprobs = Some(true);
}

fn number(name: &str, value: &Value, most: f64) -> Result<Number, BadRequest> {
    let within = value.as_f64().is_some_and(|number| (0.0..=most).contains(&number));
    let number = value.as_number().filter(|_| within);
    number
        .cloned()
        .ok_or_else(|| wrong(name, format!("`{name}` is {value}; it lies between 0 and {most}")))
}

/// Tools are flat here.
fn tools(written: &Value) -> Result<Vec<Tool>, BadRequest> {
    let Some(list) = written.as_array() else {
        return Err(wrong("tools", "`tools` is not a list".to_owned()));
    };
    let one = |(at, tool): (usize, &Value)| {
        let text = |key: &str| tool.get(key).and_then(Value::as_str);
        let kind = text("type").unwrap_or("function");
        let takes = match kind {
            "function" => Takes::Object {
                schema: tool.get("parameters").filter(|schema| schema.is_object()).cloned(),
                strict: tool.get("strict").and_then(Value::as_bool),
            },
            "custom" => Takes::Text(tool.get("format").cloned()),
            _ => Takes::Hosted(tool.clone()),
        };
        let is_named = !matches!(takes, Takes::Hosted(_));
        let param = format!("tools[{at}].name");
        let name = match text("name") {
            Some(name) => name,
            None if is_named => return Err(wrong(&param, format!("`{param}` is missing"))),
            None => kind,
        };
        let description = text("description").map(str::to_owned);
        Ok(Tool { name: name.to_owned(), description, takes, cache: None })
    };
    list.iter().enumerate().map(one).collect()
}

fn choice(written: &Value) -> Option<ToolChoice> {
    let name = |tool: &Value| tool.get("name").and_then(Value::as_str).map(str::to_owned);
    match written {
        Value::String(word) => match word.as_str() {
            "auto" => Some(ToolChoice::Auto),
            "none" => Some(ToolChoice::None),
            "required" => Some(ToolChoice::Required),
            _ => None,
        },
        Value::Object(_) => match written.get("tools").and_then(Value::as_array) {
            Some(tools) => {
                let required = written.get("mode").and_then(Value::as_str) == Some("required");
                let names = tools.iter().filter_map(name).collect();
                Some(ToolChoice::Among { names, required })
            }
            None => name(written).map(ToolChoice::Named),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn format(written: Option<&Value>) -> Result<Format, BadRequest> {
    let Some(written) = written.filter(|written| !written.is_null()) else {
        return Ok(Format::Text);
    };
    let text = |key: &str| written.get(key).and_then(Value::as_str);
    match text("type") {
        Some("text") | None => Ok(Format::Text),
        Some("json_object") => Ok(Format::Json),
        Some("json_schema") => Ok(Format::Schema {
            name: text("name").unwrap_or("answer").to_owned(),
            description: text("description").map(str::to_owned),
            schema: written.get("schema").cloned().unwrap_or_else(|| serde_json::json!({})),
            strict: written.get("strict").and_then(Value::as_bool),
        }),
        Some(kind) => {
            let message =
                format!("`text.format.type` is `{kind}`; known: text, json_object, json_schema");
            Err(wrong("text.format.type", message))
        }
    }
}

pub(super) fn wrong(param: &str, message: String) -> BadRequest {
    BadRequest { message, param: Some(param.to_owned()), code: "invalid_value" }
}
