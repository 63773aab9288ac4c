//! Answers and streams. Tool calls come one object at a time, and the numbers of events count pieces of content, not answers.

use serde::Deserialize;
use serde_json::Value;

use crate::chat::{Answer, ChunkError, Event, Finish, Usage};
use crate::provider::dialect::{Frame, Progress};

/// Reads a whole answer.
///
/// # Errors
/// When it is an error, a failure in disguise, or no answer at all.
pub fn answer(json: &str) -> Result<Answer, ChunkError> {
    let wire: Whole = serde_json::from_str(json).map_err(ChunkError::Malformed)?;
    let in_band = || ChunkError::InBand { json: json.to_owned() };
    let (Some(message), Some(word)) = (wire.message, wire.finish_reason) else {
        return Err(in_band());
    };
    let mut reading = Reading::default();
    let mut events = vec![Event::Start { id: wire.id, model: None }];
    // Errors have a text in the place of a message.
    let Ok(message) = serde_json::from_value::<Message>(message) else { return Err(in_band()) };
    reading.message(message, &mut events);
    let reason = reading.finish(&word).ok_or_else(in_band)?;
    events.push(Event::Finish { choice: 0, reason });
    events.extend(wire.usage.map(|usage| Event::Usage(usage.counts())));
    let mut answer = Answer::default();
    events.into_iter().for_each(|event| answer.add(event));
    Ok(answer)
}

/// What has been read of a stream.
#[derive(Debug, Default)]
pub struct Reading {
    id: Option<String>,
    /// Calls so far.
    calls: u32,
}

impl Reading {
    /// Reads one event.
    ///
    /// # Errors
    /// When it is an error, a failure in disguise, or no event at all.
    pub fn read(&mut self, frame: &Frame) -> Result<Progress, ChunkError> {
        if frame.data.trim() == "[DONE]" {
            return Ok(Progress::Done);
        }
        let wire: Wire = serde_json::from_str(&frame.data).map_err(ChunkError::Malformed)?;
        let in_band = || ChunkError::InBand { json: frame.data.clone() };
        let mut events = Vec::new();
        let delta = wire.delta.unwrap_or_default();
        match wire.kind.as_deref().ok_or_else(in_band)? {
            "message-start" => {
                self.id.clone_from(&wire.id);
                events.push(Event::Start { id: wire.id, model: None });
            }
            "content-start" | "content-delta" | "tool-plan-delta" | "tool-call-start"
            | "tool-call-delta" => self.message(delta.message.unwrap_or_default(), &mut events),
            "message-end" => {
                let word = delta.finish_reason.filter(|_| delta.error.is_none());
                let reason = word.and_then(|word| self.finish(&word)).ok_or_else(in_band)?;
                events.push(Event::Finish { choice: 0, reason });
                events.extend(delta.usage.map(|usage| Event::Usage(usage.counts())));
            }
            "error" => return Err(in_band()),
            // Ends of pieces, citations, and what may come one day.
            _ => {}
        }
        Ok(Progress::Events(events))
    }

    /// A message or a piece of one. What it plans to do with tools is thought, not said.
    fn message(&mut self, message: Message, events: &mut Vec<Event>) {
        let choice = 0;
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        events.extend(some(&message.tool_plan).map(|text| Event::Reasoning { choice, text }));
        for piece in message.content.map(Several::all).unwrap_or_default() {
            events.extend(some(&piece.thinking).map(|text| Event::Reasoning { choice, text }));
            events.extend(some(&piece.text).map(|text| Event::Text { choice, text }));
        }
        for call in message.tool_calls.map(Several::all).unwrap_or_default() {
            let function = call.function.unwrap_or_default();
            if let Some(name) = function.name {
                let slot = self.calls;
                self.calls += 1;
                let made = || format!("call_{}_{slot}", self.id.as_deref().unwrap_or("cohere"));
                let id = some(&call.id).unwrap_or_else(made);
                events.push(Event::ToolStart { choice, slot, id, name, seal: None });
            }
            // Calls come one after the other.
            let slot = self.calls.checked_sub(1);
            if let (Some(slot), Some(fragment)) = (slot, some(&function.arguments)) {
                events.push(Event::ToolArguments { choice, slot, fragment });
            }
        }
    }

    /// Why it ended; nothing where it failed. Cohere's list of reasons is closed.
    fn finish(&self, word: &str) -> Option<Finish> {
        match word {
            "COMPLETE" | "STOP_SEQUENCE" if self.calls > 0 => Some(Finish::ToolCalls),
            "COMPLETE" | "STOP_SEQUENCE" => Some(Finish::Stop),
            "MAX_TOKENS" => Some(Finish::Length),
            "TOOL_CALL" => Some(Finish::ToolCalls),
            "ERROR_TOXIC" => Some(Finish::Filtered),
            // `ERROR`, `TIMEOUT`.
            _ => None,
        }
    }
}

#[derive(Deserialize)]
struct Whole {
    id: Option<String>,
    finish_reason: Option<String>,
    message: Option<Value>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    delta: Option<Delta>,
}

#[derive(Default, Deserialize)]
struct Delta {
    message: Option<Message>,
    finish_reason: Option<String>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<Several<Content>>,
    tool_plan: Option<String>,
    tool_calls: Option<Several<ToolCall>>,
}

/// A list in a whole answer, one of them in an event.
#[derive(Deserialize)]
#[serde(untagged)]
enum Several<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> Several<T> {
    fn all(self) -> Vec<T> {
        match self {
            Self::Many(all) => all,
            Self::One(one) => vec![one],
        }
    }
}

#[derive(Deserialize)]
struct Content {
    text: Option<String>,
    thinking: Option<String>,
}

#[derive(Deserialize)]
struct ToolCall {
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    tokens: Option<Tokens>,
    billed_units: Option<Tokens>,
    cached_tokens: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Tokens {
    input_tokens: Option<Value>,
    output_tokens: Option<Value>,
}

impl WireUsage {
    /// Tokens as the model counts them; what is billed is less, and stands in where they are missing.
    fn counts(&self) -> Usage {
        let of = |side: fn(&Tokens) -> Option<&Value>| {
            let found = [&self.tokens, &self.billed_units].into_iter().flatten().find_map(side);
            found.and_then(count).unwrap_or(0)
        };
        Usage {
            prompt_tokens: of(|tokens| tokens.input_tokens.as_ref()),
            completion_tokens: of(|tokens| tokens.output_tokens.as_ref()),
            cached_tokens: self.cached_tokens.as_ref().and_then(count),
            ..Usage::default()
        }
    }
}

/// Cohere writes counts with a decimal point at times.
fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
}
