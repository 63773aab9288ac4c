//! A whole response to an answer.

use serde::Deserialize;
use serde_json::Value;

use crate::chat::{Answer, Call, Choice, ChunkError, Finish, Part, Reasoning, Seal, Usage, Vendor};

/// Reads a whole response.
///
/// # Errors
/// When it failed, or is none.
pub(in crate::provider) fn answer(json: &str) -> Result<Answer, ChunkError> {
    let wire: Wire = serde_json::from_str(json).map_err(ChunkError::Malformed)?;
    let in_band = || ChunkError::InBand { json: json.to_owned() };
    if wire.error.as_ref().is_some_and(|error| !error.is_null()) {
        return Err(in_band());
    }
    let mut said = Choice::default();
    for item in wire.output.iter().flatten() {
        said.parts.extend(parts(item));
    }
    said.finish = Some(wire.finish(&said).ok_or_else(in_band)?);
    let usage = wire.usage();
    Ok(Answer { id: wire.id, model: wire.model, choices: vec![said], usage })
}

/// What one item says.
fn parts(item: &Value) -> Vec<Part> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    match text("type").unwrap_or_default() {
        "message" => {
            let content = item.get("content").and_then(Value::as_array).into_iter().flatten();
            let each = content.filter_map(|part| {
                let words = |key: &str| part.get(key).and_then(Value::as_str).map(str::to_owned);
                words("text").map(Part::Text).or_else(|| words("refusal").map(Part::Refusal))
            });
            each.collect()
        }
        "function_call" | "custom_tool_call" => {
            let arguments = text("arguments").or_else(|| text("input")).unwrap_or_default();
            vec![Part::Call(Call {
                id: text("call_id").unwrap_or_default().to_owned(),
                name: text("name").unwrap_or_default().to_owned(),
                arguments: arguments.to_owned(),
                seal: None,
            })]
        }
        "reasoning" => vec![Part::Reasoning(thought(item))],
        _ => Vec::new(),
    }
}

fn thought(item: &Value) -> Reasoning {
    let summary = item.get("summary").and_then(Value::as_array).into_iter().flatten();
    let texts = summary.filter_map(|part| part.get("text").and_then(Value::as_str));
    Reasoning { text: texts.collect::<Vec<&str>>().join("\n"), seal: seal(item) }
}

pub(super) fn seal(item: &Value) -> Option<Seal> {
    let data = item.get("encrypted_content").and_then(Value::as_str)?.to_owned();
    Some(Seal { vendor: Vendor::OpenAi, is_whole: false, data })
}

/// A response as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Wire {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(default)]
    incomplete_details: Option<Value>,
    #[serde(default)]
    output: Option<Vec<Value>>,
    #[serde(default)]
    usage: Option<Value>,
}

impl Wire {
    /// Why it ended; nothing where it did not end well.
    pub(super) fn finish(&self, said: &Choice) -> Option<Finish> {
        let is_call = |part: &Part| matches!(part, Part::Call(_));
        match self.status.as_deref() {
            Some("completed") if said.parts.iter().any(is_call) => Some(Finish::ToolCalls),
            Some("completed") => Some(Finish::Stop),
            Some("incomplete") => {
                let why = self.incomplete_details.as_ref();
                match why.and_then(|why| why.get("reason")?.as_str()) {
                    Some("content_filter") => Some(Finish::Filtered),
                    Some(_) | None => Some(Finish::Length),
                }
            }
            Some(_) | None => None,
        }
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        let usage = self.usage.as_ref().filter(|usage| usage.is_object())?;
        let count = |path: &str| usage.pointer(path).and_then(Value::as_u64);
        Some(Usage {
            prompt_tokens: count("/input_tokens").unwrap_or(0),
            completion_tokens: count("/output_tokens").unwrap_or(0),
            cached_tokens: count("/input_tokens_details/cached_tokens"),
            cache_write_tokens: count("/input_tokens_details/cache_write_tokens"),
            reasoning_tokens: count("/output_tokens_details/reasoning_tokens"),
        })
    }
}
