//! A whole answer.

use serde_json::{Map, Value, json};

use super::{thinking_block, tool_call, usage};
use crate::chat::{Answer, Choice, Finish, Part, text_of};
use crate::surface::About;

/// A chat completion.
#[must_use]
pub fn whole(answer: &Answer, about: &About) -> Value {
    let choices = answer.choices.iter().enumerate().map(|(index, choice)| {
        let finish = choice.finish.unwrap_or(Finish::Stop).label();
        json!({
            "index": index,
            "message": message(choice),
            "logprobs": null,
            "finish_reason": finish,
        })
    });
    let mut written = json!({
        "id": answer.id.as_deref().unwrap_or(&about.id),
        "object": "chat.completion",
        "created": about.created,
        "model": answer.model.as_deref().unwrap_or(&about.model),
        "choices": choices.collect::<Vec<Value>>(),
    });
    if let Some(counts) = &answer.usage {
        written["usage"] = usage(counts);
    }
    written
}

fn message(choice: &Choice) -> Map<String, Value> {
    let text = text_joined(&choice.parts);
    let (mut refusal, mut thoughts) = (String::new(), String::new());
    let (mut calls, mut blocks) = (Vec::new(), Vec::new());
    for part in &choice.parts {
        match part {
            Part::Refusal(words) => refusal.push_str(words),
            Part::Reasoning(thought) => {
                thoughts.push_str(&thought.text);
                let seal = thought.seal.as_ref();
                blocks.extend(seal.and_then(|seal| thinking_block(&thought.text, seal)));
            }
            Part::Call(call) => {
                calls.push(tool_call(&call.id, &call.name, &call.arguments, call.seal.as_ref()));
            }
            Part::Text(_)
            | Part::Image(_)
            | Part::Audio(_)
            | Part::File(_)
            | Part::Returned(_)
            | Part::CachePoint(_)
            | Part::Other(_) => {}
        }
    }
    let said = |words: String| if words.is_empty() { Value::Null } else { json!(words) };
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), said(text));
    message.insert("refusal".to_owned(), said(refusal));
    for (name, list) in [("tool_calls", calls), ("thinking_blocks", blocks)] {
        if !list.is_empty() {
            message.insert(name.to_owned(), Value::Array(list));
        }
    }
    if !thoughts.is_empty() {
        message.insert("reasoning_content".to_owned(), json!(thoughts));
    }
    message
}

/// Texts that stand apart only because something stood between them are one text to clients of this surface.
fn text_joined(parts: &[Part]) -> String {
    let texts = parts.iter().map(|part| text_of(std::slice::from_ref(part)));
    texts.collect()
}
