//! A whole response.

use serde_json::{Map, Value, json};

use crate::chat::{
    Answer, Call, ChatRequest, Choice, Fields, Finish, Part, Reasoning, Surface, Usage, Vendor,
};
use crate::surface::About;

/// What a response repeats of its request, and what it says where the request is silent.
const REPEATED: [(&str, &str); 10] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("parallel_tool_calls", "true"),
    ("temperature", "1.0"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "1.0"),
    ("metadata", "{}"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
];

/// A response of this surface.
#[must_use]
pub fn whole(chat: &ChatRequest, answer: &Answer, about: &About) -> Value {
    let nothing = Choice::default();
    let said = answer.choices.first().unwrap_or(&nothing);
    let finish = said.finish.unwrap_or(Finish::Stop);
    let about = &About {
        model: answer.model.clone().unwrap_or_else(|| about.model.clone()),
        ..about.clone()
    };
    response(chat, about, (finish, output(said, about)), answer.usage.as_ref())
}

/// The object itself, at its end.
pub(super) fn response(
    chat: &ChatRequest,
    about: &About,
    (finish, output): (Finish, Vec<Value>),
    counts: Option<&Usage>,
) -> Value {
    let (status, why) = match finish {
        Finish::Stop | Finish::ToolCalls => ("completed", Value::Null),
        Finish::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
        Finish::Filtered => ("incomplete", json!({"reason": "content_filter"})),
    };
    let mut written = shell(chat, about, status);
    written.insert("incomplete_details".to_owned(), why);
    written.insert("output".to_owned(), Value::Array(output));
    written.insert("usage".to_owned(), counts.map_or(Value::Null, usage));
    Value::Object(written)
}

/// The object with everything but what the model says.
pub(super) fn shell(chat: &ChatRequest, about: &About, status: &str) -> Map<String, Value> {
    let mut written = Map::new();
    let mut set = |name: &str, value: Value| drop(written.insert(name.to_owned(), value));
    set("id", json!(about.id));
    set("object", json!("response"));
    set("created_at", json!(about.created));
    set("status", json!(status));
    set("error", Value::Null);
    set("incomplete_details", Value::Null);
    set("model", json!(about.model));
    set("output", json!([]));
    set("previous_response_id", Value::Null);
    set("store", json!(false));
    set("truncation", json!("disabled"));
    set("usage", Value::Null);
    let asked = chat.written(Surface::Responses);
    for (name, silent) in REPEATED {
        let text = asked.and_then(|fields: &Fields| fields.get(name)).unwrap_or(silent);
        set(name, serde_json::from_str(text).unwrap_or_default());
    }
    written
}

fn output(said: &Choice, about: &About) -> Vec<Value> {
    let mut items = Vec::new();
    let mut content = Vec::new();
    for part in &said.parts {
        match part {
            Part::Text(text) => content.push(text_part(text)),
            Part::Refusal(refusal) => content.push(refusal_part(refusal)),
            Part::Reasoning(thought) => {
                items.push(reasoning(&item_id("rs", about, items.len()), thought));
            }
            Part::Call(call) => {
                flush(&mut items, &mut content, about);
                items.push(function_call(&item_id("fc", about, items.len()), call));
            }
            Part::Image(_)
            | Part::Audio(_)
            | Part::File(_)
            | Part::Returned(_)
            | Part::CachePoint(_)
            | Part::Other(_) => {}
        }
    }
    flush(&mut items, &mut content, about);
    items
}

fn flush(items: &mut Vec<Value>, content: &mut Vec<Value>, about: &About) {
    if !content.is_empty() {
        let id = item_id("msg", about, items.len());
        items.push(message(&id, &std::mem::take(content)));
    }
}

/// Items are told apart by the response's id and their place in it.
pub(super) fn item_id(kind: &str, about: &About, place: usize) -> String {
    let bare = about.id.trim_start_matches("resp_");
    format!("{kind}_{bare}_{place}")
}

pub(super) fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

pub(super) fn refusal_part(refusal: &str) -> Value {
    json!({"type": "refusal", "refusal": refusal})
}

pub(super) fn message(id: &str, content: &[Value]) -> Value {
    json!({"id": id, "type": "message", "status": "completed", "role": "assistant", "content": content})
}

pub(super) fn function_call(id: &str, call: &Call) -> Value {
    let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
    json!({
        "id": id,
        "type": "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
    })
}

pub(super) fn reasoning(id: &str, thought: &Reasoning) -> Value {
    let summary = if thought.text.is_empty() {
        json!([])
    } else {
        json!([{"type": "summary_text", "text": thought.text}])
    };
    let mut item = json!({"id": id, "type": "reasoning", "summary": summary});
    if let Some(seal) = thought.seal.as_ref().filter(|seal| seal.vendor == Vendor::OpenAi) {
        item["encrypted_content"] = json!(seal.data);
    }
    item
}

fn usage(counts: &Usage) -> Value {
    json!({
        "input_tokens": counts.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": counts.cached_tokens.unwrap_or(0),
            "cache_write_tokens": counts.cache_write_tokens.unwrap_or(0),
        },
        "output_tokens": counts.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning_tokens.unwrap_or(0)},
        "total_tokens": counts.prompt_tokens + counts.completion_tokens,
    })
}
