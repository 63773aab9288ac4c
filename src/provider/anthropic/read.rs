//! A whole answer, and what its pieces have in common with those of a stream.

use serde::Deserialize;
use serde_json::Value;

use super::stream::Reading;
use crate::chat::{Answer, ChunkError, Finish, Usage};

/// Reads a whole answer.
///
/// # Errors
/// When it is an error, or no message.
pub(in crate::provider) fn answer(json: &str) -> Result<Answer, ChunkError> {
    let whole: Value = serde_json::from_str(json).map_err(ChunkError::Malformed)?;
    if is_error(&whole) {
        return Err(ChunkError::InBand { json: json.to_owned() });
    }
    let content = Vec::<Value>::deserialize(&whole["content"]).map_err(ChunkError::Malformed)?;
    let mut answer = Answer::default();
    Reading::default().message(&content, &whole).into_iter().for_each(|event| answer.add(event));
    Ok(answer)
}

/// An error object, whatever stands around it: aggregators send it with status 200.
pub(super) fn is_error(json: &Value) -> bool {
    let says = |error: &Value| !matches!(error, Value::Null | Value::Bool(false));
    json["type"] == "error" || json.get("error").is_some_and(says)
}

/// Words for an end.
pub(super) fn finish(reason: &str) -> Finish {
    match reason {
        "max_tokens" | "model_context_window_exceeded" | "compaction" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Filtered,
        // `end_turn`, `stop_sequence`, `pause_turn`, and words to come, which the vendor's versioning policy announces.
        _ => Finish::Stop,
    }
}

/// Why the model refused, where it says so.
pub(super) fn explanation(details: &Value) -> Option<String> {
    let text = |key: &str| details[key].as_str().filter(|text| !text.is_empty());
    text("explanation").or_else(|| text("category")).map(str::to_owned)
}

/// Counts as the vendor splits them: `input_tokens` has neither what was read from its cache nor what was written to it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    input: u64,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    output: u64,
    thinking: Option<u64>,
}

impl Counts {
    /// Counts in a stream are totals so far; fields that are left out have not changed.
    pub(super) fn update(&mut self, usage: &Value) {
        let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
        // Some compatible servers say 0 at the end for what they counted at the beginning.
        self.input = count("/input_tokens").filter(|count| *count > 0).unwrap_or(self.input);
        self.cache_read = count("/cache_read_input_tokens").or(self.cache_read);
        self.cache_write = count("/cache_creation_input_tokens").or(self.cache_write);
        self.output = count("/output_tokens").unwrap_or(self.output);
        self.thinking = count("/output_tokens_details/thinking_tokens").or(self.thinking);
    }

    pub(super) fn usage(&self) -> Usage {
        let cached = [self.cache_read, self.cache_write].into_iter().flatten();
        Usage {
            prompt_tokens: cached.fold(self.input, u64::saturating_add),
            completion_tokens: self.output,
            cached_tokens: self.cache_read,
            cache_write_tokens: self.cache_write,
            reasoning_tokens: self.thinking,
        }
    }
}
