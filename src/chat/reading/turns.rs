//! Messages to turns. Results of tools become parts of the user's turn, because most dialects have them there; the way back to
//! OpenAI's messages of the role `tool` is as plain.

use serde_json::Value;

use super::parts::parts;
use super::{text, wrong};
use crate::chat::conversation::{Call, Part, Reasoning, Returned, Seal, Speaker, Turn, Vendor};
use crate::chat::request::BadRequest;

/// The id of a call in the older shape, which has none.
const LEGACY_ID: &str = "call_function";

pub(super) fn turns(messages: &Value) -> Result<Vec<Turn>, BadRequest> {
    let messages = messages.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut turns: Vec<Turn> = Vec::with_capacity(messages.len());
    for (at, message) in messages.iter().enumerate() {
        let here = format!("messages[{at}]");
        let read = match text(message, "role").unwrap_or_default() {
            "system" | "developer" => speaker(Speaker::System, message, &here)?,
            "user" => speaker(Speaker::User, message, &here)?,
            "assistant" => assistant(message, &here)?,
            "tool" | "function" => returned(message, &here)?,
            other => {
                let reason = format!("`{here}.role` is `{other}`, which is no role");
                return Err(wrong(&format!("{here}.role"), reason));
            }
        };
        // The results of calls that were made together belong together.
        let follows = is_results(&read) && turns.last().is_some_and(is_results);
        match turns.last_mut().filter(|_| follows) {
            Some(before) => before.parts.extend(read.parts),
            None => turns.push(read),
        }
    }
    Ok(turns)
}

fn is_results(turn: &Turn) -> bool {
    let is_result = |part: &Part| matches!(part, Part::Returned(_));
    !turn.parts.is_empty() && turn.parts.iter().all(is_result)
}

fn speaker(speaker: Speaker, message: &Value, here: &str) -> Result<Turn, BadRequest> {
    let parts = content(message, here)?;
    Ok(Turn { speaker, parts, name: text(message, "name").map(str::to_owned) })
}

fn content(message: &Value, here: &str) -> Result<Vec<Part>, BadRequest> {
    let empty = Value::Null;
    parts(message.get("content").unwrap_or(&empty), &format!("{here}.content"))
}

fn assistant(message: &Value, here: &str) -> Result<Turn, BadRequest> {
    let mut said = thoughts(message);
    said.extend(content(message, here)?);
    let refusal = text(message, "refusal").filter(|refusal| !refusal.is_empty());
    said.extend(refusal.map(|refusal| Part::Refusal(refusal.to_owned())));
    let calls = message.get("tool_calls").and_then(Value::as_array);
    for (at, written) in calls.into_iter().flatten().enumerate() {
        let place = format!("{here}.tool_calls[{at}]");
        said.push(Part::Call(call(written, &place)?));
    }
    if let Some(legacy) = message.get("function_call").filter(|legacy| legacy.is_object()) {
        let name = text(legacy, "name").unwrap_or_default().to_owned();
        let arguments = text(legacy, "arguments").unwrap_or_default().to_owned();
        said.push(Part::Call(Call { id: LEGACY_ID.to_owned(), name, arguments, seal: None }));
    }
    let name = text(message, "name").map(str::to_owned);
    Ok(Turn { speaker: Speaker::Assistant, parts: said, name })
}

fn call(written: &Value, here: &str) -> Result<Call, BadRequest> {
    let missing = |what: &str| {
        let param = format!("{here}.{what}");
        wrong(&param, format!("`{param}` is missing"))
    };
    let (inner, arguments) = match (written.get("function"), written.get("custom")) {
        (Some(function), _) => (function, "arguments"),
        (None, Some(custom)) => (custom, "input"),
        (None, None) => return Err(missing("function")),
    };
    let seal = written.pointer("/extra_content/google/thought_signature").and_then(Value::as_str);
    let seal =
        seal.map(|data| Seal { vendor: Vendor::Google, is_whole: false, data: data.to_owned() });
    let arguments = match inner.get(arguments) {
        Some(Value::String(text)) => text.clone(),
        // Some callers send the object itself.
        Some(object @ Value::Object(_)) => object.to_string(),
        Some(_) | None => String::new(),
    };
    Ok(Call {
        id: text(written, "id").ok_or_else(|| missing("id"))?.to_owned(),
        name: text(inner, "name").ok_or_else(|| missing("function.name"))?.to_owned(),
        arguments,
        seal,
    })
}

/// What the model thought, as clients hand it back: with seals, or in the words of those who have none.
fn thoughts(message: &Value) -> Vec<Part> {
    let blocks = message.get("thinking_blocks").and_then(Value::as_array);
    let blocks = blocks.into_iter().flatten().filter_map(|block| {
        let seal = |data: &str, is_whole| {
            Some(Seal { vendor: Vendor::Anthropic, is_whole, data: data.to_owned() })
        };
        match (text(block, "data"), text(block, "signature")) {
            (Some(data), _) => Some(Reasoning { text: String::new(), seal: seal(data, true) }),
            (None, Some(signature)) => {
                let thought = text(block, "thinking").unwrap_or_default().to_owned();
                Some(Reasoning { text: thought, seal: seal(signature, false) })
            }
            (None, None) => None,
        }
    });
    let sealed: Vec<Part> = blocks.map(Part::Reasoning).collect();
    if !sealed.is_empty() {
        return sealed;
    }
    let plain = text(message, "reasoning_content").or_else(|| text(message, "reasoning"));
    let plain = plain.filter(|thought| !thought.is_empty());
    plain
        .map(|thought| Part::Reasoning(Reasoning { text: thought.to_owned(), seal: None }))
        .into_iter()
        .collect()
}

fn returned(message: &Value, here: &str) -> Result<Turn, BadRequest> {
    let content = message.get("content").unwrap_or(&Value::Null);
    let said = match content {
        Value::Array(_) | Value::String(_) | Value::Null => {
            parts(content, &format!("{here}.content"))?
        }
        // Some callers send what the tool returned as it is.
        other => vec![Part::Text(other.to_string())],
    };
    let id = text(message, "tool_call_id");
    let id = match (id, text(message, "role")) {
        (Some(id), _) => id,
        (None, Some("function")) => LEGACY_ID,
        (None, _) => {
            let param = format!("{here}.tool_call_id");
            return Err(wrong(&param, format!("`{param}` is missing; it names the call")));
        }
    };
    let is_error = message.get("is_error").and_then(Value::as_bool).unwrap_or(false);
    let result = Returned { id: id.to_owned(), parts: said, is_error };
    Ok(Turn::new(Speaker::User, vec![Part::Returned(result)]))
}
