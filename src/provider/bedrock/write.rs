//! The body of a request.

use serde_json::{Map, Value, json};

use super::tools;
use super::turns::turns;
use crate::chat::{Conversation, Effort, Format, Loss, Losses, Thinking, ToolChoice};
use crate::config::{SchemaManner, ThinkingManner};
use crate::provider::dialect::{Recipient, Unsayable, Written};
use crate::provider::wording::{
    JSON_WORDS, described, effort_of, limit, own, schema_words, unsaid, within,
};

/// Fields of its own that a caller may write, and OpenAI's that it has in another form.
const OWN: [&str; 9] = [
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
    "metadata",
    "service_tier",
];
/// What `unsaid` need not note: it is said below.
const SAID: [&str; 3] = ["temperature", "top_p", "stop"];
/// Fewest tokens of thinking.
const BUDGET_MIN: u64 = 1_024;

/// How an answer in JSON is asked for.
enum Form {
    /// A field says it.
    Field(Value),
    /// A tool with this schema must be called.
    Tool(Value),
    /// The instructions say it.
    Words(String),
}

/// Writes a request. `model` is not in the body, see [`super::path`].
///
/// # Errors
/// When nothing of the conversation is left to be said.
pub fn write(chat: &Conversation, to: &Recipient<'_>) -> Result<Written, Unsayable> {
    let mut losses = Losses::default();
    let mut said = turns(chat, to.manner, &mut losses);
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    let mut answer = None;
    match form(chat, to.manner.schema, &mut losses) {
        Some(Form::Field(format)) => set("outputConfig", json!({"textFormat": format})),
        Some(Form::Tool(schema)) => answer = Some(schema),
        Some(Form::Words(words)) => said.system.push(json!({"text": words})),
        None => {}
    }
    if said.messages.is_empty() && !said.system.is_empty() {
        losses.add("messages[0].role", Loss::Emulated);
        said.messages.push(json!({"role": "user", "content": said.system}));
        said.system = Vec::new();
    }
    if said.messages.is_empty() {
        let message = "`messages` has nothing that this provider's dialect can say".to_owned();
        return Err(Unsayable { param: "messages".to_owned(), message });
    }
    set("messages", Value::Array(said.messages));
    if !said.system.is_empty() {
        set("system", Value::Array(said.system));
    }
    if let Some(tools) = tools::config(chat, to.manner, answer.as_ref(), &mut losses) {
        set("toolConfig", tools);
    }
    let inference = inference(chat, to, &mut losses);
    if !inference.is_empty() {
        set("inferenceConfig", Value::Object(inference));
    }
    let fields = thinking(chat, to, &mut losses);
    body.extend(fields.map(|fields| ("additionalModelRequestFields".to_owned(), fields)));
    for (name, value) in own(chat, &OWN, &mut losses) {
        add(&mut body, (name, value), &mut losses);
    }
    Ok(Written { body, losses })
}

fn inference(chat: &Conversation, to: &Recipient<'_>, losses: &mut Losses) -> Map<String, Value> {
    let sampling = &chat.sampling;
    unsaid(sampling, &SAID, losses);
    let mut config = Map::new();
    let mut set = |name: &str, value: Value| drop(config.insert(name.to_owned(), value));
    if let Some(most) = limit(chat, to, losses) {
        set("maxTokens", json!(most));
    }
    for (param, name, number) in
        [("temperature", "temperature", &sampling.temperature), ("top_p", "topP", &sampling.top_p)]
    {
        if let Some(number) = number {
            set(name, Value::Number(within(number, &(0.0..=1.0), (param, losses))));
        }
    }
    if !sampling.stop.is_empty() {
        set("stopSequences", json!(sampling.stop));
    }
    config
}

/// There is no field for "any JSON object".
fn form(chat: &Conversation, manner: SchemaManner, losses: &mut Losses) -> Option<Form> {
    let Format::Schema { name, description, schema, .. } = &chat.format else {
        return (chat.format == Format::Json).then(|| {
            losses.add("response_format", Loss::Emulated);
            Form::Words(JSON_WORDS.to_owned())
        });
    };
    if manner == SchemaManner::Native {
        let mut inner = json!({"name": name, "schema": schema.to_string()});
        if let Some(description) = description {
            inner["description"] = json!(description);
        }
        return Some(Form::Field(
            json!({"type": "json_schema", "structure": {"jsonSchema": inner}}),
        ));
    }
    losses.add("response_format", Loss::Emulated);
    // Tools take objects only; and who must call one tool cannot be made to call another.
    let is_object = schema.get("type").is_some_and(|kind| kind == "object");
    // Nor can who is told to think first.
    let is_free = matches!(chat.tool_choice, None | Some(ToolChoice::Auto | ToolChoice::None))
        && chat.thinking == Thinking::default();
    let schema = described(&chat.format).unwrap_or_else(|| schema.clone());
    Some(if manner == SchemaManner::Tool && is_object && is_free {
        Form::Tool(schema)
    } else {
        Form::Words(schema_words(&schema))
    })
}

/// In the words of Anthropic's models, the only ones here that are told how much to think.
fn thinking(chat: &Conversation, to: &Recipient<'_>, losses: &mut Losses) -> Option<Value> {
    let asked = chat.thinking;
    let by_tokens = to.manner.thinking == ThinkingManner::Budget;
    if !by_tokens && to.manner.thinking != ThinkingManner::Effort {
        for (name, is_set) in [
            ("reasoning_effort", asked.effort.is_some()),
            ("thinking_budget", asked.budget_tokens.is_some()),
        ] {
            if is_set {
                losses.add(name, Loss::Dropped);
            }
        }
        return None;
    }
    let effort = asked.effort.or_else(|| asked.budget_tokens.map(effort_of))?;
    if effort == Effort::None {
        return Some(json!({"thinking": {"type": "disabled"}}));
    }
    if by_tokens {
        let tokens = asked.budget_tokens.unwrap_or_else(|| budget(effort)).max(BUDGET_MIN);
        // Thoughts are part of what may be written, so that a little must be left for the answer.
        let room = chat
            .max_tokens
            .or(to.default_max_tokens)
            .map_or(u64::MAX, |most| most.saturating_sub(1));
        if tokens > room {
            losses.add("reasoning_effort", Loss::Clamped);
        }
        let tokens = Some(tokens.min(room)).filter(|tokens| *tokens >= BUDGET_MIN)?;
        return Some(json!({"thinking": {"type": "enabled", "budget_tokens": tokens}}));
    }
    if asked.budget_tokens.is_some() {
        let loss = if asked.effort.is_some() { Loss::Dropped } else { Loss::Emulated };
        losses.add("thinking_budget", loss);
    }
    let word = match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh => "xhigh",
        Effort::Max => "max",
    };
    Some(json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": word}}))
}

fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::None | Effort::Minimal => BUDGET_MIN,
        Effort::Low => 2_048,
        Effort::Medium => 8_192,
        Effort::High => 16_384,
        Effort::ExtraHigh | Effort::Max => 32_768,
    }
}

/// One of the fields in `OWN`.
fn add(body: &mut Map<String, Value>, (name, value): (&str, &Value), losses: &mut Losses) {
    match (name, value) {
        ("metadata", Value::Object(pairs)) if pairs.values().all(Value::is_string) => {
            body.insert("requestMetadata".to_owned(), value.clone());
        }
        ("service_tier", Value::String(word)) if word == "auto" => {}
        ("service_tier", Value::String(word))
            if ["default", "flex", "priority"].contains(&word.as_str()) =>
        {
            body.insert("serviceTier".to_owned(), json!({"type": word}));
        }
        ("metadata" | "service_tier", _) => losses.add(name, Loss::Dropped),
        // The caller's word over what was made of others.
        ("additionalModelRequestFields", Value::Object(fields)) => {
            let ours = body.entry(name).or_insert_with(|| json!({}));
            if let Some(ours) = ours.as_object_mut() {
                ours.extend(fields.clone());
            }
        }
        _ => drop(body.insert(name.to_owned(), value.clone())),
    }
}
