//! OpenAI's chat completions.

mod stream;
mod whole;

pub use stream::Writer;
pub use whole::whole;

use serde_json::{Value, json};

use crate::chat::{Seal, Usage, Vendor};

/// Token counts in OpenAI's shape.
#[must_use]
pub fn usage(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens.unwrap_or(0),
            "cache_write_tokens": usage.cache_write_tokens.unwrap_or(0),
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens.unwrap_or(0),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

/// A sealed thought, to be handed back by clients that continue with tools; nothing of vendors who put it elsewhere.
fn thinking_block(text: &str, seal: &Seal) -> Option<Value> {
    match (seal.vendor, seal.is_whole) {
        (Vendor::Anthropic, true) => Some(json!({"type": "redacted_thinking", "data": seal.data})),
        (Vendor::Anthropic, false) => {
            Some(json!({"type": "thinking", "thinking": text, "signature": seal.data}))
        }
        (Vendor::Google | Vendor::OpenAi, _) => None,
    }
}

/// A call as it is first spoken of. Google's seal goes where Google's own compatible endpoint has it.
fn tool_call(id: &str, name: &str, arguments: &str, seal: Option<&Seal>) -> Value {
    let function = json!({"name": name, "arguments": arguments});
    let mut call = json!({"id": id, "type": "function", "function": function});
    if let Some(seal) = seal.filter(|seal| seal.vendor == Vendor::Google) {
        call["extra_content"] = json!({"google": {"thought_signature": seal.data}});
    }
    call
}
