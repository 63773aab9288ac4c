//! A whole answer, and what its pieces have in common with those of a stream.

use serde_json::{Value, json};

use crate::chat::{Answer, Finish, Part, Reasoning, Seal, Usage, Vendor};

/// How ids of messages begin.
const ID: &str = "msg_";

/// A message. `id` names the answer and `model` the model where the provider does not.
#[must_use]
pub fn message(answer: &Answer, id: &str, model: &str) -> Value {
    let choice = answer.choices.first();
    let parts = choice.map(|choice| choice.parts.as_slice()).unwrap_or_default();
    let mut content: Vec<Value> = parts.iter().flat_map(blocks).collect();
    if content.is_empty() {
        // Clients take the first block without looking.
        content.push(json!({"type": "text", "text": ""}));
    }
    let has_calls = parts.iter().any(|part| matches!(part, Part::Call(_)));
    let finish = choice.and_then(|choice| choice.finish).unwrap_or(Finish::Stop);
    json!({
        "id": message_id(answer.id.as_deref(), id),
        "type": "message",
        "role": "assistant",
        "model": answer.model.as_deref().unwrap_or(model),
        "content": content,
        "stop_reason": stop_reason(finish, Calls::of(usize::from(has_calls))),
        "stop_sequence": null,
        "usage": usage(&answer.usage.unwrap_or_default()),
    })
}

fn blocks(part: &Part) -> Option<Value> {
    match part {
        Part::Text(words) | Part::Refusal(words) if words.is_empty() => None,
        Part::Text(words) | Part::Refusal(words) => Some(json!({"type": "text", "text": words})),
        Part::Reasoning(Reasoning { text, seal }) => match seal.as_ref().and_then(own) {
            Some((Kept::Whole, data)) => Some(json!({"type": "redacted_thinking", "data": data})),
            Some((Kept::Beside, data)) => {
                Some(json!({"type": "thinking", "thinking": text, "signature": data}))
            }
            None if text.is_empty() => None,
            None => Some(json!({"type": "thinking", "thinking": text, "signature": ""})),
        },
        Part::Call(call) => Some(json!({
            "type": "tool_use", "id": call.id, "name": call.name, "input": call.object(),
        })),
        Part::Image(_)
        | Part::Audio(_)
        | Part::File(_)
        | Part::Returned(_)
        | Part::CachePoint(_)
        | Part::Other(_) => None,
    }
}

/// What a seal stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is all there is.
    Whole,
    /// It stands beside the words.
    Beside,
}

/// A seal that clients of this surface know where to keep.
pub(super) fn own(seal: &Seal) -> Option<(Kept, &str)> {
    match (seal.vendor, seal.is_whole) {
        (Vendor::Anthropic, true) => Some((Kept::Whole, &seal.data)),
        (Vendor::Anthropic, false) => Some((Kept::Beside, &seal.data)),
        (Vendor::Google | Vendor::OpenAi, _) => None,
    }
}

/// An id as clients expect it.
pub(super) fn message_id(provider: Option<&str>, ours: &str) -> String {
    match provider.filter(|id| id.starts_with(ID)) {
        Some(id) => id.to_owned(),
        None => format!("{ID}{}", ours.strip_prefix(ID).unwrap_or(ours)),
    }
}

/// Whether an answer calls tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calls {
    Some,
    None,
}

impl Calls {
    pub(super) fn of(calls: usize) -> Self {
        if calls > 0 { Self::Some } else { Self::None }
    }
}

/// This surface's word for an end. Some servers call it a plain stop when tools are to be called; clients here would not call them.
pub(super) fn stop_reason(finish: Finish, calls: Calls) -> &'static str {
    match (finish, calls) {
        (Finish::Stop | Finish::ToolCalls, Calls::Some) => "tool_use",
        (Finish::Stop | Finish::ToolCalls, Calls::None) => "end_turn",
        (Finish::Length, _) => "max_tokens",
        (Finish::Filtered, _) => "refusal",
    }
}

/// Token counts. `input_tokens` has neither what was read from a cache nor what was written to one.
pub(super) fn usage(usage: &Usage) -> Value {
    let (read, written) = (usage.cached_tokens.unwrap_or(0), usage.cache_write_tokens.unwrap_or(0));
    let mut counts = json!({
        "input_tokens": usage.prompt_tokens.saturating_sub(read).saturating_sub(written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.completion_tokens,
    });
    if let Some(thinking) = usage.reasoning_tokens {
        counts["output_tokens_details"] = json!({"thinking_tokens": thinking});
    }
    counts
}
