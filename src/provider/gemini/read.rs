//! Answers. Every event of a stream is a whole answer in small, so that both are read by the same code.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::MADE_ID;
use crate::chat::{Answer, ChunkError, Event, Finish, Seal, Usage, Vendor};
use crate::provider::dialect::{Frame, Progress};

/// Reads a whole answer. Where a stream was asked for without `alt=sse`, it is an array of them.
///
/// # Errors
/// When it is an error, a failure in disguise, or no answer at all.
pub fn answer(json: &str) -> Result<Answer, ChunkError> {
    let mut answer = Answer::default();
    for event in Reading::default().events(json)? {
        answer.add(event);
    }
    Ok(answer)
}

/// What has been read of a stream. It has no closing event: it is over when the connection ends.
#[derive(Debug, Default)]
pub struct Reading {
    has_begun: bool,
    id: Option<String>,
    choices: Vec<Choice>,
}

/// One answer of several.
#[derive(Debug)]
struct Choice {
    index: u32,
    /// Calls so far.
    calls: u32,
    has_said: bool,
    is_over: bool,
}

impl Reading {
    /// Reads one event.
    ///
    /// # Errors
    /// When it is an error, a failure in disguise, or no answer at all.
    pub fn read(&mut self, frame: &Frame) -> Result<Progress, ChunkError> {
        // Google sends no such thing, but servers that imitate it do.
        if frame.data.trim() == "[DONE]" {
            return Ok(Progress::Done);
        }
        self.events(&frame.data).map(Progress::Events)
    }

    fn events(&mut self, json: &str) -> Result<Vec<Event>, ChunkError> {
        let is_list = json.trim_start().starts_with('[');
        let wires: Vec<Wire<'_>> = match is_list {
            true => serde_json::from_str(json).map_err(ChunkError::Malformed)?,
            false => vec![serde_json::from_str(json).map_err(ChunkError::Malformed)?],
        };
        let mut events = Vec::new();
        for wire in wires {
            let failed = self.wire(wire, &mut events).is_err();
            if failed {
                return Err(ChunkError::InBand { json: json.to_owned() });
            }
        }
        Ok(events)
    }

    fn wire(&mut self, wire: Wire<'_>, events: &mut Vec<Event>) -> Result<(), Failed> {
        if wire.error.is_some() {
            return Err(Failed);
        }
        if !self.has_begun {
            self.has_begun = true;
            self.id.clone_from(&wire.response_id);
            events.push(Event::Start { id: wire.response_id, model: wire.model_version });
        }
        let candidates = wire.candidates.unwrap_or_default();
        let is_blocked =
            wire.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some());
        if candidates.is_empty() && is_blocked {
            events.push(Event::Finish { choice: 0, reason: Finish::Filtered });
        }
        for candidate in candidates {
            self.candidate(candidate, events)?;
        }
        events.extend(wire.usage_metadata.map(|counts| Event::Usage(counts.usage())));
        Ok(())
    }

    fn candidate(&mut self, wire: Candidate<'_>, events: &mut Vec<Event>) -> Result<(), Failed> {
        let id = self.id.clone();
        let choice = self.choice(wire.index);
        let parts = wire.content.and_then(|content| content.parts).unwrap_or_default();
        for part in parts {
            choice.part(part, id.as_deref(), events);
        }
        let Some(word) = wire.finish_reason.filter(|_| !choice.is_over) else { return Ok(()) };
        if let Some(reason) = choice.finish(&word)? {
            choice.is_over = true;
            events.push(Event::Finish { choice: choice.index, reason });
        }
        Ok(())
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        let known = self.choices.iter().position(|choice| choice.index == index);
        let at = known.unwrap_or(self.choices.len());
        if known.is_none() {
            self.choices.push(Choice { index, calls: 0, has_said: false, is_over: false });
        }
        // It was there, or has just been put there.
        &mut self.choices[at]
    }
}

impl Choice {
    fn part(&mut self, part: WirePart<'_>, answer: Option<&str>, events: &mut Vec<Event>) {
        let choice = self.index;
        let seal = part.thought_signature.filter(|signature| !signature.is_empty());
        let seal = seal.map(|data| Seal { vendor: Vendor::Google, is_whole: false, data });
        if let Some(call) = part.function_call {
            let slot = self.calls;
            self.calls += 1;
            self.has_said = true;
            let theirs = call.id.filter(|id| !id.is_empty());
            let id = theirs.unwrap_or_else(|| made_id(answer, choice, slot));
            let name = call.name.unwrap_or_default();
            events.push(Event::ToolStart { choice, slot, id, name, seal });
            let fragment = call.args.map_or("{}", RawValue::get).to_owned();
            events.push(Event::ToolArguments { choice, slot, fragment });
            return;
        }
        if let Some(text) = part.text.filter(|text| !text.is_empty()) {
            self.has_said = true;
            events.push(match part.thought {
                Some(true) => Event::Reasoning { choice, text },
                Some(false) | None => Event::Text { choice, text },
            });
        }
        events.extend(seal.map(|seal| Event::Sealed { choice, seal }));
    }

    /// Why it ended; nothing where it only says that it goes on.
    fn finish(&self, word: &str) -> Result<Option<Finish>, Failed> {
        let end = match word {
            "FINISH_REASON_UNSPECIFIED" => return Ok(None),
            // Google calls it a stop also where tools are to be called.
            "STOP" if self.calls > 0 => Finish::ToolCalls,
            "STOP" => Finish::Stop,
            "MAX_TOKENS" => Finish::Length,
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE"
            | "MODEL_ARMOR" | "JAILBREAK" => Finish::Filtered,
            image if image.starts_with("IMAGE_") => Finish::Filtered,
            // No reason at all, which is an end only for who has said something.
            "OTHER" if self.calls > 0 => Finish::ToolCalls,
            "OTHER" if self.has_said => Finish::Stop,
            // Calls that were not well formed and the like: the model failed. Reasons that are not known yet are taken for failures as
            // well, because everything that went well has been `STOP` since the first version.
            _ => return Err(Failed),
        };
        Ok(Some(end))
    }
}

/// The same answer always has the same ids.
fn made_id(answer: Option<&str>, choice: u32, slot: u32) -> String {
    let answer = answer.unwrap_or("made");
    let choice = if choice == 0 { String::new() } else { format!("{choice}_") };
    format!("{MADE_ID}{answer}_{choice}{slot}")
}

/// The provider failed, and says so in an answer.
struct Failed;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    prompt_feedback: Option<Feedback>,
    usage_metadata: Option<Counts>,
    model_version: Option<String>,
    response_id: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<WirePart<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePart<'a> {
    text: Option<String>,
    thought: Option<bool>,
    thought_signature: Option<String>,
    #[serde(borrow)]
    function_call: Option<FunctionCall<'a>>,
}

#[derive(Deserialize)]
struct FunctionCall<'a> {
    id: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    prompt_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
}

impl Counts {
    /// Google counts thoughts beside what is said, and what its own tools had read beside the prompt.
    fn usage(&self) -> Usage {
        let sum = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).saturating_add(b.unwrap_or(0));
        Usage {
            prompt_tokens: sum(self.prompt_token_count, self.tool_use_prompt_token_count),
            completion_tokens: sum(self.candidates_token_count, self.thoughts_token_count),
            cached_tokens: self.cached_content_token_count,
            cache_write_tokens: None,
            reasoning_tokens: self.thoughts_token_count,
        }
    }
}
