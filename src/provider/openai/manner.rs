//! What a provider of this wire format wants otherwise, done to the written JSON.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::chat::{Effort, Loss, Losses, Thinking};
use crate::config::{
    Echo, Instructions, JsonManner, Links, Manner, PrefillManner, SchemaManner, ThinkingManner,
    ToolIds,
};
use crate::provider::body::Body;

/// Fields of other vendors in messages.
const MARKS: [&str; 5] = [
    "\"reasoning",
    "\"thinking_blocks\"",
    "\"cache_control\"",
    "\"extra_content\"",
    "\"prompt_cache_breakpoint\"",
];
/// What a message may carry of a vendor's own.
const THOUGHTS: [&str; 4] =
    ["reasoning", "reasoning_content", "reasoning_details", "thinking_blocks"];

pub(super) fn apply(body: &mut Body<'_>, manner: &Manner, losses: &mut Losses) {
    thinking(body, manner, losses);
    let said = format(body, manner, losses);
    let is_concerned =
        said.is_some() || body.get("messages").is_some_and(|text| concerns(manner, text));
    let messages = is_concerned.then(|| body.value("messages")).flatten();
    let Some(Value::Array(mut messages)) = messages else { return };
    let before = messages.clone();
    for (at, message) in messages.iter_mut().enumerate() {
        if let Some(message) = message.as_object_mut() {
            self::message(message, (at, manner), losses);
        }
    }
    if let Some(words) = said {
        instruct(&mut messages, &words);
    }
    let last = messages.last_mut().filter(|last| last["role"] == "assistant");
    if let (PrefillManner::Marked, Some(last)) = (manner.prefill, last) {
        last["prefix"] = json!(true);
    }
    if messages != before {
        body.set("messages", &Value::Array(messages));
    }
}

/// Whether messages may have something that a manner changes. Most have nothing, and are not parsed.
fn concerns(manner: &Manner, messages: &str) -> bool {
    let has = |mark: &str| messages.contains(mark);
    manner.instructions == Instructions::System && has("\"developer\"")
        || manner.echo != Echo::All && MARKS.into_iter().any(has)
        || manner.tool_ids != ToolIds::Any && has("\"tool_call")
        || manner.links == Links::Refused && has("\"image_url\"")
        || manner.prefill == PrefillManner::Marked && has("\"assistant\"")
}

fn message(message: &mut Map<String, Value>, (at, manner): (usize, &Manner), losses: &mut Losses) {
    if manner.instructions == Instructions::System
        && message.get("role") == Some(&json!("developer"))
    {
        message.insert("role".to_owned(), json!("system"));
    }
    let has_calls = message.get("tool_calls").is_some_and(|calls| !calls.is_null());
    match manner.echo {
        Echo::All => {}
        Echo::ToolTurns if has_calls => {
            let thought = THOUGHTS.iter().find_map(|key| message.get(*key)?.as_str());
            let thought = thought.map(str::to_owned);
            THOUGHTS.iter().for_each(|key| drop(message.remove(*key)));
            message.extend(thought.map(|text| ("reasoning_content".to_owned(), json!(text))));
        }
        Echo::ToolTurns | Echo::None => {
            THOUGHTS.iter().for_each(|key| drop(message.remove(*key)));
        }
    }
    if manner.echo != Echo::All {
        unmark(message);
    }
    tool_ids(message, manner.tool_ids);
    if manner.links == Links::Refused {
        let parts = message.get("content").and_then(Value::as_array).into_iter().flatten();
        let is_link = |part: &Value| {
            let url = part.pointer("/image_url/url").and_then(Value::as_str);
            url.is_some_and(|url| !url.starts_with("data:"))
        };
        if let Some(place) = parts.into_iter().position(is_link) {
            losses.add(&format!("messages[{at}].content[{place}]"), Loss::Dropped);
        }
    }
}

/// Takes out what other vendors' fields have been put into parts and calls.
fn unmark(message: &mut Map<String, Value>) {
    message.remove("cache_control");
    for key in ["content", "tool_calls"] {
        for part in message.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(part) = part.as_object_mut() {
                part.remove("cache_control");
                part.remove("extra_content");
                part.remove("prompt_cache_breakpoint");
            }
        }
    }
}

/// The same id always gets the same other one, so that calls and results still belong together.
fn tool_ids(message: &mut Map<String, Value>, rule: ToolIds) {
    let fit = |id: &mut Value| {
        if let Some(text) = id.as_str().and_then(|text| fitting(text, rule)) {
            *id = Value::String(text);
        }
    };
    message.get_mut("tool_call_id").into_iter().for_each(fit);
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
    calls.into_iter().flatten().filter_map(|call| call.get_mut("id")).for_each(fit);
}

fn fitting(id: &str, rule: ToolIds) -> Option<String> {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let (fits, length) = match rule {
        ToolIds::Any => return None,
        ToolIds::Plain => (!id.is_empty() && id.chars().all(is_plain), 24),
        ToolIds::Nine => (id.len() == 9 && id.chars().all(|c| c.is_ascii_alphanumeric()), 9),
    };
    let hash = Sha256::digest(id.as_bytes());
    let digits = hash.iter().take(length).map(|byte| char::from(DIGITS[usize::from(*byte) % 36]));
    (!fits).then(|| digits.collect())
}

/// How much to think, as the provider wants to be told.
fn thinking(body: &mut Body<'_>, manner: &Manner, losses: &mut Losses) {
    let word = body.value("reasoning_effort");
    let effort = word.as_ref().and_then(Value::as_str).and_then(Effort::of);
    let budget = body.value("thinking_budget").and_then(|budget| budget.as_u64());
    let by_budget = budget.map(Thinking::effort_of);
    match manner.thinking {
        ThinkingManner::Effort | ThinkingManner::Disabled => {
            body.remove("thinking_budget");
            let wanted = effort.or(by_budget);
            if effort.is_none() && by_budget.is_some() {
                losses.add("thinking_budget", Loss::Emulated);
            }
            let is_off = wanted == Some(Effort::None);
            if let (Some(wanted), None) = (wanted, effort) {
                body.set("reasoning_effort", &json!(wanted.label()));
            }
            if is_off && manner.thinking == ThinkingManner::Disabled {
                body.remove("reasoning_effort");
                body.set("thinking", &json!({"type": "disabled"}));
            }
        }
        ThinkingManner::Switch => {
            if let Some(effort) = effort.or(by_budget) {
                body.remove("reasoning_effort");
                body.set("enable_thinking", &json!(effort != Effort::None));
                if budget.is_none() && effort != Effort::None {
                    losses.add("reasoning_effort", Loss::Emulated);
                }
            }
        }
        ThinkingManner::Budget => {}
        ThinkingManner::None => {
            for name in ["reasoning_effort", "thinking_budget"] {
                if body.remove(name).is_some() {
                    losses.add(name, Loss::Dropped);
                }
            }
        }
    }
}

/// What the instructions have to say because no field says it.
fn format(body: &mut Body<'_>, manner: &Manner, losses: &mut Losses) -> Option<String> {
    let asked = body.value("response_format")?;
    let has_word = |said: &Body<'_>| {
        said.get("messages").is_some_and(|text| text.to_ascii_lowercase().contains("json"))
    };
    match asked.get("type").and_then(Value::as_str)? {
        "json_schema" => {
            let schema = asked.pointer("/json_schema/schema").cloned().unwrap_or_else(|| json!({}));
            match manner.schema {
                SchemaManner::Native => return None,
                SchemaManner::Object | SchemaManner::Tool => {
                    body.set("response_format", &json!({"type": "json_object"}));
                }
                SchemaManner::Words => drop(body.remove("response_format")),
            }
            losses.add("response_format", Loss::Emulated);
            Some(format!("Answer with one JSON object that fits this JSON schema: {schema}"))
        }
        "json_object" => match manner.json {
            JsonManner::Native => None,
            JsonManner::Word => {
                (!has_word(body)).then(|| "Answer with one JSON object.".to_owned())
            }
            JsonManner::Words => {
                body.remove("response_format");
                losses.add("response_format", Loss::Emulated);
                Some("Answer with one JSON object and nothing else.".to_owned())
            }
        },
        _ => None,
    }
}

/// Adds a sentence to the instructions of the application.
fn instruct(messages: &mut Vec<Value>, words: &str) {
    let first = messages.first_mut().filter(|first| first["role"] == "system");
    match first.and_then(|first| first.get_mut("content")) {
        Some(Value::String(text)) => {
            text.push_str("\n\n");
            text.push_str(words);
        }
        Some(Value::Array(parts)) => parts.push(json!({"type": "text", "text": words})),
        Some(_) | None => messages.insert(0, json!({"role": "system", "content": words})),
    }
}
