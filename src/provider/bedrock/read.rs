//! Whole answers, and the words for their ends and counts, which streams share.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::ANSWER_TOOL;
use crate::chat::{Answer, ChunkError, Event, Finish, Seal, Usage, Vendor};

/// Reads a whole answer.
///
/// # Errors
/// When it is an error, a failure in disguise, or no answer at all.
pub fn answer(json: &str) -> Result<Answer, ChunkError> {
    let wire: Whole<'_> = serde_json::from_str(json).map_err(ChunkError::Malformed)?;
    let in_band = || ChunkError::InBand { json: json.to_owned() };
    let (Some(message), Some(word)) =
        (wire.output.and_then(|output| output.message), wire.stop_reason)
    else {
        return Err(in_band());
    };
    let mut events = vec![Event::Start { id: None, model: None }];
    let mut slot = 0;
    for block in message.content.unwrap_or_default() {
        block.said(&mut slot, &mut events);
    }
    let reason = finish(&word, slot).ok_or_else(in_band)?;
    events.push(Event::Finish { choice: 0, reason });
    events.extend(wire.usage.map(|counts| Event::Usage(counts.usage())));
    let mut answer = Answer::default();
    events.into_iter().for_each(|event| answer.add(event));
    Ok(answer)
}

/// Why an answer with so many calls ended; nothing where it failed, or says what nobody knows yet.
pub(super) fn finish(word: &str, calls: u32) -> Option<Finish> {
    match word {
        "end_turn" | "stop_sequence" => Some(Finish::Stop),
        "max_tokens" | "model_context_window_exceeded" => Some(Finish::Length),
        // The only call was the answer itself.
        "tool_use" if calls == 0 => Some(Finish::Stop),
        "tool_use" => Some(Finish::ToolCalls),
        "guardrail_intervened" | "content_filtered" => Some(Finish::Filtered),
        // `malformed_model_output`, `malformed_tool_use`.
        _ => None,
    }
}

/// Anthropic's signature on words.
pub(super) fn signed(data: String) -> Event {
    Event::Sealed { choice: 0, seal: Seal { vendor: Vendor::Anthropic, is_whole: false, data } }
}

/// What Anthropic shows instead of words.
pub(super) fn redacted(data: String) -> Event {
    Event::Sealed { choice: 0, seal: Seal { vendor: Vendor::Anthropic, is_whole: true, data } }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    #[serde(borrow)]
    output: Option<Output<'a>>,
    stop_reason: Option<String>,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Vec<Block<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    text: Option<String>,
    #[serde(borrow)]
    tool_use: Option<ToolUse<'a>>,
    reasoning_content: Option<Thought>,
    citations_content: Option<Cited>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    tool_use_id: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thought {
    reasoning_text: Option<ReasoningText>,
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
struct ReasoningText {
    text: Option<String>,
    signature: Option<String>,
}

/// Words with what they were taken from.
#[derive(Deserialize)]
struct Cited {
    content: Option<Vec<Value>>,
}

impl Block<'_> {
    fn said(self, slot: &mut u32, events: &mut Vec<Event>) {
        let choice = 0;
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        events.extend(some(self.text).map(|text| Event::Text { choice, text }));
        for cited in self.citations_content.and_then(|cited| cited.content).unwrap_or_default() {
            let text = cited.get("text").and_then(Value::as_str).map(str::to_owned);
            events.extend(some(text).map(|text| Event::Text { choice, text }));
        }
        if let Some(thought) = self.reasoning_content {
            if let Some(words) = thought.reasoning_text {
                events.extend(some(words.text).map(|text| Event::Reasoning { choice, text }));
                events.extend(words.signature.map(signed));
            }
            events.extend(thought.redacted_content.map(redacted));
        }
        if let Some(call) = self.tool_use {
            let fragment = call.input.map_or("{}", RawValue::get).to_owned();
            let name = call.name.unwrap_or_default();
            if name == ANSWER_TOOL {
                events.push(Event::Text { choice, text: fragment });
                return;
            }
            let id = some(call.tool_use_id).unwrap_or_else(|| format!("tooluse_{slot}"));
            events.push(Event::ToolStart { choice, slot: *slot, id, name, seal: None });
            events.push(Event::ToolArguments { choice, slot: *slot, fragment });
            *slot += 1;
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_write_input_tokens: Option<u64>,
}

impl Counts {
    /// What was kept or is kept from now on is not among the tokens that were read.
    pub(super) fn usage(&self) -> Usage {
        let kept = [self.cache_read_input_tokens, self.cache_write_input_tokens];
        let kept = kept.into_iter().flatten().fold(0_u64, u64::saturating_add);
        Usage {
            prompt_tokens: self.input_tokens.unwrap_or(0).saturating_add(kept),
            completion_tokens: self.output_tokens.unwrap_or(0),
            cached_tokens: self.cache_read_input_tokens,
            cache_write_tokens: self.cache_write_input_tokens,
            reasoning_tokens: None,
        }
    }
}
