//! OpenAI's chat JSON into a [`Conversation`]. Only needed where a target speaks another dialect.
//!
//! A caller's mistakes that a provider of the same dialect would have to find are found here: what cannot be understood is a
//! [`BadRequest`] that names its place. What is understood but known to nobody else stays in `others`.

mod parts;
mod tools;
mod turns;

use serde_json::{Number, Value};

use super::conversation::{Conversation, Effort, Format, Sampling, Thinking};
use super::request::BadRequest;
use turns::turns;

/// Reads the fields of a chat body. `fields` are a body's top level without nulls.
pub(super) fn conversation<'a>(
    fields: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Conversation, BadRequest> {
    let mut read = Conversation::default();
    let mut limit = None;
    for (name, written) in fields {
        let value: Value = serde_json::from_str(written).map_err(|error| {
            wrong(name, format!("`{name}` is not JSON that can be read: {error}"))
        })?;
        match name {
            "model" | "stream_options" | "functions" | "function_call" => {
                tools::legacy(&mut read, name, &value)?;
            }
            "messages" => read.turns = turns(&value)?,
            "stream" => read.stream = value == Value::Bool(true),
            "max_completion_tokens" => read.max_tokens = value.as_u64(),
            "max_tokens" => limit = value.as_u64(),
            "tools" => read.tools.extend(tools::tools(&value)?),
            "tool_choice" => read.tool_choice = Some(tools::choice(&value)?),
            "parallel_tool_calls" => read.parallel_tools = value.as_bool(),
            "response_format" => read.format = format(&value)?,
            "reasoning_effort" => read.thinking.effort = Some(effort(&value)?),
            // What OpenRouter and Qwen call it.
            "reasoning" => read.thinking = thinking(&value)?,
            "thinking_budget" => read.thinking.budget_tokens = value.as_u64(),
            _ if is_sampling(&mut read.sampling, name, &value)? => {}
            _ => read.others.push((name.to_owned(), value)),
        }
    }
    read.max_tokens = read.max_tokens.or(limit);
    Ok(read)
}

fn is_sampling(to: &mut Sampling, name: &str, value: &Value) -> Result<bool, BadRequest> {
    match name {
        "temperature" => to.temperature = number(value),
        "top_p" => to.top_p = number(value),
        "top_k" => to.top_k = value.as_u64(),
        "presence_penalty" => to.presence_penalty = number(value),
        "frequency_penalty" => to.frequency_penalty = number(value),
        "seed" => to.seed = value.as_i64(),
        "n" => to.choices = value.as_u64().and_then(|choices| u32::try_from(choices).ok()),
        "logprobs" => to.logprobs = value.as_bool(),
        "top_logprobs" => to.top_logprobs = value.as_u64(),
        "stop" => to.stop = stop(value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

fn stop(value: &Value) -> Result<Vec<String>, BadRequest> {
    let one = |written: &Value| written.as_str().map(str::to_owned);
    let found = match value {
        Value::Array(texts) => texts.iter().map(one).collect(),
        other => one(other).map(|text| vec![text]),
    };
    found.ok_or_else(|| wrong("stop", "`stop` is not a string or an array of strings".to_owned()))
}

fn effort(value: &Value) -> Result<Effort, BadRequest> {
    value.as_str().and_then(Effort::of).ok_or_else(|| {
        let known: Vec<&str> = Effort::ALL.into_iter().map(Effort::label).collect();
        let message = format!("`reasoning_effort` is {value}; known here: {}", known.join(", "));
        wrong("reasoning_effort", message)
    })
}

fn thinking(value: &Value) -> Result<Thinking, BadRequest> {
    let asked = value.get("effort").filter(|effort| !effort.is_null());
    let is_off = value.get("enabled") == Some(&Value::Bool(false));
    let effort = match asked {
        Some(asked) => Some(effort(asked)?),
        None => is_off.then_some(Effort::None),
    };
    Ok(Thinking { effort, budget_tokens: value.get("max_tokens").and_then(Value::as_u64) })
}

fn format(value: &Value) -> Result<Format, BadRequest> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "text" => Ok(Format::Text),
        // llama.cpp's callers put a schema beside it.
        "json_object" => Ok(match value.get("schema") {
            Some(schema) if schema.is_object() => schema_of(value, schema),
            _ => Format::Json,
        }),
        "json_schema" => {
            let inner = value.get("json_schema").unwrap_or(value);
            let schema = inner.get("schema").filter(|schema| schema.is_object());
            let open = serde_json::json!({});
            Ok(schema_of(inner, schema.unwrap_or(&open)))
        }
        _ => {
            let known = "text, json_object, json_schema";
            let message = format!("`response_format.type` is `{kind}`; known here: {known}");
            Err(wrong("response_format.type", message))
        }
    }
}

fn schema_of(around: &Value, schema: &Value) -> Format {
    let text = |key: &str| around.get(key).and_then(Value::as_str).map(str::to_owned);
    Format::Schema {
        name: text("name").unwrap_or_else(|| "answer".to_owned()),
        description: text("description"),
        schema: schema.clone(),
        strict: around.get("strict").and_then(Value::as_bool),
    }
}

fn wrong(param: &str, message: String) -> BadRequest {
    BadRequest { message, param: Some(param.to_owned()), code: "invalid_value" }
}

/// The text under a key.
fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
