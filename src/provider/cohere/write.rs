//! The body of a request.

use serde_json::{Map, Value, json};

use super::turns::turns;
use crate::chat::{Conversation, Effort, Format, Loss, Losses, Takes, Tool, ToolChoice};
use crate::config::{JsonManner, SchemaManner, ThinkingManner};
use crate::provider::dialect::{Recipient, Unsayable, Written};
use crate::provider::wording::{
    JSON_WORDS, described, limit, own, schema_words, stops, unsaid, within,
};

/// Texts to stop at.
const STOPS_MAX: usize = 5;
/// Tokens that the next one may be among.
const AMONG_MAX: u64 = 500;
/// Fields of its own that a caller may write.
const OWN: [&str; 4] = ["documents", "citation_options", "safety_mode", "priority"];
/// What `unsaid` need not note: it is said below.
const SAID: [&str; 7] =
    ["temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed", "stop"];

/// Writes a request.
///
/// # Errors
/// When nothing of the conversation is left to be said.
pub fn write(chat: &Conversation, to: &Recipient<'_>) -> Result<Written, Unsayable> {
    let mut losses = Losses::default();
    let mut messages = turns(chat, to.manner, &mut losses);
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(to.model));
    sampling(chat, &mut body, &mut losses);
    body.extend(limit(chat, to, &mut losses).map(|most| ("max_tokens".to_owned(), json!(most))));
    if let Some(words) = format(chat, to, (&mut body, &mut losses)) {
        messages.insert(0, json!({"role": "system", "content": words}));
    }
    if messages.is_empty() {
        let message = "`messages` has nothing that this provider's dialect can say".to_owned();
        return Err(Unsayable { param: "messages".to_owned(), message });
    }
    body.insert("messages".to_owned(), Value::Array(messages));
    tools(chat, &mut body, &mut losses);
    if let Some(thinking) = thinking(chat, to, &mut losses) {
        body.insert("thinking".to_owned(), thinking);
    }
    if chat.stream {
        body.insert("stream".to_owned(), json!(true));
    }
    for (name, value) in own(chat, &OWN, &mut losses) {
        // Elsewhere this is a word for how dear the request may be; here it is a number.
        if name == "priority" && !value.is_number() {
            losses.add(name, Loss::Dropped);
            continue;
        }
        body.insert(name.to_owned(), value.clone());
    }
    Ok(Written { body, losses })
}

fn sampling(chat: &Conversation, body: &mut Map<String, Value>, losses: &mut Losses) {
    let sampling = &chat.sampling;
    unsaid(sampling, &SAID, losses);
    let mut set = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    if let Some(temperature) = &sampling.temperature {
        set("temperature", Value::Number(temperature.clone()));
    }
    for (param, name, number, range) in [
        ("top_p", "p", &sampling.top_p, 0.01..=0.99),
        ("presence_penalty", "presence_penalty", &sampling.presence_penalty, 0.0..=1.0),
        ("frequency_penalty", "frequency_penalty", &sampling.frequency_penalty, 0.0..=1.0),
    ] {
        if let Some(number) = number {
            set(name, Value::Number(within(number, &range, (param, losses))));
        }
    }
    if let Some(among) = sampling.top_k {
        if among > AMONG_MAX {
            losses.add("top_k", Loss::Clamped);
        }
        set("k", json!(among.min(AMONG_MAX)));
    }
    if let Some(seed) = sampling.seed {
        // It takes none below zero.
        let fit = seed.unsigned_abs();
        if seed < 0 {
            losses.add("seed", Loss::Clamped);
        }
        set("seed", json!(fit));
    }
    if let Some(texts) = stops(&sampling.stop, STOPS_MAX, losses) {
        set("stop_sequences", json!(texts));
    }
}

/// Sets the form of the answer; gives back what the instructions have to say of it.
fn format(
    chat: &Conversation,
    to: &Recipient<'_>,
    (body, losses): (&mut Map<String, Value>, &mut Losses),
) -> Option<String> {
    let mut set = |form: Value| drop(body.insert("response_format".to_owned(), form));
    let words = match (&chat.format, described(&chat.format)) {
        (Format::Text, _) => None,
        (Format::Json, _) | (Format::Schema { .. }, None) => match to.manner.json {
            JsonManner::Native | JsonManner::Word => {
                set(json!({"type": "json_object"}));
                None
            }
            JsonManner::Words => Some(JSON_WORDS.to_owned()),
        },
        (Format::Schema { .. }, Some(schema)) => match to.manner.schema {
            SchemaManner::Native => {
                set(json!({"type": "json_object", "json_schema": schema}));
                None
            }
            SchemaManner::Object => {
                set(json!({"type": "json_object"}));
                Some(schema_words(&schema))
            }
            SchemaManner::Tool | SchemaManner::Words => Some(schema_words(&schema)),
        },
    };
    if words.is_some() {
        losses.add("response_format", Loss::Emulated);
    }
    words
}

fn tools(chat: &Conversation, body: &mut Map<String, Value>, losses: &mut Losses) {
    if chat.parallel_tools == Some(false) && !chat.tools.is_empty() {
        losses.add("parallel_tool_calls", Loss::Dropped);
    }
    let mut is_strict = false;
    let mut functions = Vec::new();
    for (at, tool) in chat.tools.iter().enumerate() {
        match &tool.takes {
            Takes::Object { schema, strict } => {
                is_strict |= *strict == Some(true);
                functions.push((tool.name.as_str(), function(tool, schema.as_ref())));
            }
            Takes::Text(_) => {
                losses.add(&format!("tools[{at}]"), Loss::Emulated);
                let input = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]});
                functions.push((tool.name.as_str(), function(tool, Some(&input))));
            }
            Takes::Hosted(_) => losses.add(&format!("tools[{at}]"), Loss::Dropped),
        }
    }
    let choice = chat.tool_choice.as_ref();
    // It cannot be told which one: the others are not offered instead.
    match choice {
        Some(ToolChoice::Named(only)) => functions.retain(|(name, _)| name == only),
        Some(ToolChoice::Among { names, .. }) => {
            functions.retain(|(name, _)| names.iter().any(|kept| kept == name));
        }
        Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Required) | None => {}
    }
    let word = match choice {
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required | ToolChoice::Named(_))
        | Some(ToolChoice::Among { required: true, .. }) => Some("REQUIRED"),
        Some(ToolChoice::Auto | ToolChoice::Among { required: false, .. }) | None => None,
    };
    if functions.is_empty() {
        if word == Some("REQUIRED") {
            losses.add("tool_choice", Loss::Dropped);
        }
        return;
    }
    let functions = functions.into_iter().map(|(_, written)| written).collect();
    body.insert("tools".to_owned(), Value::Array(functions));
    body.extend(word.map(|word| ("tool_choice".to_owned(), json!(word))));
    if is_strict {
        body.insert("strict_tools".to_owned(), json!(true));
    }
}

fn function(tool: &Tool, schema: Option<&Value>) -> Value {
    let open = || json!({"type": "object", "properties": {}});
    let schema = schema.cloned().unwrap_or_else(open);
    let mut inner = json!({"name": tool.name, "parameters": schema});
    if let Some(description) = &tool.description {
        inner["description"] = json!(description);
    }
    json!({"type": "function", "function": inner})
}

/// On or off, and a number of tokens: words for an effort are read as tokens, all but the strongest, which sets no limit.
fn thinking(chat: &Conversation, to: &Recipient<'_>, losses: &mut Losses) -> Option<Value> {
    let asked = chat.thinking;
    if to.manner.thinking == ThinkingManner::None {
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
    let on = |tokens: u64| json!({"type": "enabled", "token_budget": tokens});
    match (asked.budget_tokens, asked.effort) {
        (Some(0), _) | (None, Some(Effort::None)) => Some(json!({"type": "disabled"})),
        (Some(tokens), _) => Some(on(tokens)),
        (None, Some(Effort::Minimal | Effort::Low)) => Some(on(1_024)),
        (None, Some(Effort::Medium)) => Some(on(8_192)),
        (None, Some(Effort::High | Effort::ExtraHigh | Effort::Max)) => {
            Some(json!({"type": "enabled"}))
        }
        (None, None) => None,
    }
}
