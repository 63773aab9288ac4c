//! What callers say beside what every dialect can say.

use serde_json::{Value, json};

use super::write::Draft;
use crate::chat::Loss;

/// Fields of this vendor that no other one knows.
const OWN: [&str; 9] = [
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "fallbacks",
    "inference_geo",
    "mcp_servers",
    "speed",
    "user_profile_id",
];
/// Hints for a cache that works differently here.
const HINTS: [&str; 2] = ["prompt_cache_key", "prompt_cache_retention"];
/// Longest name of a user, in characters.
const USER_CHARS_MAX: usize = 256;

pub(super) fn write(draft: &mut Draft<'_>, others: &[(String, Value)]) {
    for (name, value) in others {
        match name.as_str() {
            own if OWN.contains(&own) => draft.set(own, value.clone()),
            hint if HINTS.contains(&hint) => {}
            "user" | "safety_identifier" => user(draft, name, value),
            "metadata" => metadata(draft, value),
            "service_tier" => service_tier(draft, value),
            "thinking" => thinking(draft, value),
            "output_config" => output_config(draft, value),
            "modalities" if *value == json!(["text"]) => {}
            _ if says_nothing(value) => {}
            _ => draft.lose(name, Loss::Dropped),
        }
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    }
}

fn user(draft: &mut Draft<'_>, name: &str, value: &Value) {
    match value.as_str() {
        Some(id) if id.chars().count() <= USER_CHARS_MAX => {
            draft.set_in("metadata", "user_id", json!(id));
        }
        Some(_) => draft.lose(name, Loss::Dropped),
        None if value.is_null() => {}
        None => draft.lose(name, Loss::Dropped),
    }
}

/// Of a caller's notes only the user's id has a place here.
fn metadata(draft: &mut Draft<'_>, value: &Value) {
    let Some(notes) = value.as_object() else { return };
    for (name, note) in notes {
        match name.as_str() {
            "user_id" => user(draft, "metadata", note),
            _ => draft.lose("metadata", Loss::Dropped),
        }
    }
}

fn service_tier(draft: &mut Draft<'_>, value: &Value) {
    match value.as_str() {
        Some("auto") => draft.set("service_tier", json!("auto")),
        Some("default" | "standard_only") => draft.set("service_tier", json!("standard_only")),
        Some(_) | None => draft.lose("service_tier", Loss::Dropped),
    }
}

/// The vendor's own object, from callers of another surface: whole, or what it adds to thinking that was asked for in other words.
fn thinking(draft: &mut Draft<'_>, value: &Value) {
    let Some(fields) = value.as_object() else { return };
    let is_whole = match fields.get("type").and_then(Value::as_str) {
        Some("adaptive" | "disabled") => true,
        Some("enabled") => fields.contains_key("budget_tokens"),
        Some(_) | None => false,
    };
    let is_on = draft.body.get("thinking").is_some_and(|thinking| thinking["type"] != "disabled");
    if is_on {
        if let Some(display) = fields.get("display") {
            draft.set_in("thinking", "display", display.clone());
        }
    } else if is_whole && !draft.body.contains_key("thinking") {
        draft.set("thinking", value.clone());
    } else if fields.contains_key("type") {
        draft.lose("thinking", Loss::Dropped);
    }
}

/// What the program has said already counts.
fn output_config(draft: &mut Draft<'_>, value: &Value) {
    for (name, setting) in value.as_object().into_iter().flatten() {
        let known = draft.body.get("output_config").and_then(|config| config.get(name));
        if known.is_none() {
            draft.set_in("output_config", name, setting.clone());
        }
    }
}
