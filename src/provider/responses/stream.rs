//! A streamed response to events.

use serde_json::Value;

use super::read::{Wire, seal};
use crate::chat::{Call, Choice, ChunkError, Event, Part};
use crate::provider::dialect::{Frame, Progress};

/// Reads a stream.
#[derive(Debug, Default)]
pub struct Reading {
    /// The calls so far, by the place of their item in the output.
    calls: Vec<u64>,
    /// Calls whose arguments have come in pieces.
    spoken: Vec<u64>,
    has_ended: bool,
}

impl Reading {
    /// Reads the next event.
    ///
    /// # Errors
    /// When it is an error, or no event.
    pub fn read(&mut self, frame: &Frame) -> Result<Progress, ChunkError> {
        if self.has_ended || frame.data.starts_with("[DONE]") {
            return Ok(Progress::Done);
        }
        let event: Value = serde_json::from_str(&frame.data).map_err(ChunkError::Malformed)?;
        let in_band = || ChunkError::InBand { json: frame.data.clone() };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let text =
            |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let said = |words: String, piece: fn(String) -> Event| {
            if words.is_empty() { Vec::new() } else { vec![piece(words)] }
        };
        let events = match kind {
            "response.created" => {
                let response = event.get("response").unwrap_or(&Value::Null);
                let word = |key: &str| response.get(key).and_then(Value::as_str).map(str::to_owned);
                vec![Event::Start { id: word("id"), model: word("model") }]
            }
            "response.output_text.delta" => {
                said(text("delta"), |text| Event::Text { choice: 0, text })
            }
            "response.refusal.delta" => {
                said(text("delta"), |text| Event::Refusal { choice: 0, text })
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                said(text("delta"), |text| Event::Reasoning { choice: 0, text })
            }
            "response.output_item.added" => self.added(&event),
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                self.arguments(&event, text("delta"))
            }
            "response.output_item.done" => self.done(&event),
            "response.completed" | "response.incomplete" => {
                self.has_ended = true;
                let response = event.get("response").cloned().unwrap_or_default();
                self.ended(response).ok_or_else(in_band)?
            }
            "response.failed" | "error" => return Err(in_band()),
            // No name: an error as chats have it, or nothing that is known here.
            "" if event.get("error").is_some_and(|error| !error.is_null()) => {
                return Err(in_band());
            }
            _ => Vec::new(),
        };
        Ok(Progress::Events(events))
    }

    fn added(&mut self, event: &Value) -> Vec<Event> {
        let item = event.get("item").unwrap_or(&Value::Null);
        let word = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if !matches!(word("type").as_str(), "function_call" | "custom_tool_call") {
            return Vec::new();
        }
        let slot = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        self.calls.push(place(event));
        let (id, name) = (word("call_id"), word("name"));
        vec![Event::ToolStart { choice: 0, slot, id, name, seal: None }]
    }

    fn arguments(&mut self, event: &Value, fragment: String) -> Vec<Event> {
        let Some(slot) = self.slot(event).filter(|_| !fragment.is_empty()) else {
            return Vec::new();
        };
        self.spoken.push(place(event));
        vec![Event::ToolArguments { choice: 0, slot, fragment }]
    }

    fn done(&mut self, event: &Value) -> Vec<Event> {
        let item = event.get("item").unwrap_or(&Value::Null);
        let sealed = seal(item).map(|seal| Event::Sealed { choice: 0, seal });
        let word = |key: &str| item.get(key).and_then(Value::as_str);
        let whole = word("arguments").or_else(|| word("input")).filter(|text| !text.is_empty());
        let silent = self.slot(event).filter(|_| !self.spoken.contains(&place(event)));
        let late = silent.zip(whole).map(|(slot, text)| Event::ToolArguments {
            choice: 0,
            slot,
            fragment: text.to_owned(),
        });
        sealed.into_iter().chain(late).collect()
    }

    fn ended(&self, response: Value) -> Option<Vec<Event>> {
        let wire: Wire = serde_json::from_value(response).ok()?;
        let usage = wire.usage();
        let called = self.calls.iter().map(|_| {
            let (id, name, arguments) = (String::new(), String::new(), String::new());
            Part::Call(Call { id, name, arguments, seal: None })
        });
        let said = Choice { parts: called.collect(), finish: None };
        let finish = Event::Finish { choice: 0, reason: wire.finish(&said)? };
        Some(std::iter::once(finish).chain(usage.map(Event::Usage)).collect())
    }

    fn slot(&self, event: &Value) -> Option<u32> {
        let at = self.calls.iter().position(|known| *known == place(event))?;
        u32::try_from(at).ok()
    }
}

fn place(event: &Value) -> u64 {
    event.get("output_index").and_then(Value::as_u64).unwrap_or_default()
}
