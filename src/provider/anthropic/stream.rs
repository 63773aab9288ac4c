//! A streamed answer.

use serde_json::{Value, json};

use super::SCHEMA_TOOL;
use super::read::{Counts, explanation, finish, is_error};
use crate::chat::{ChunkError, Event, Finish, Seal, Vendor};
use crate::provider::dialect::{Frame, Progress};

/// Reads a stream, event by event; one per stream.
#[derive(Debug, Default)]
pub struct Reading {
    has_begun: bool,
    has_ended: bool,
    /// Blocks that go on, by the provider's number.
    open: Vec<(u64, Block)>,
    /// Calls so far.
    calls: u32,
    /// The tool by which the model was held to a schema has been called.
    answers_in_tool: bool,
    counts: Counts,
}

#[derive(Debug)]
enum Block {
    Text,
    Thinking {
        signature: String,
    },
    /// `input` came with the beginning of the block; nothing of it counts once a piece has come.
    Tool {
        slot: u32,
        input: Option<Value>,
    },
    /// What is written is the answer.
    Answer {
        input: Option<Value>,
    },
    /// Of the vendor's own tools.
    Foreign,
}

impl Reading {
    /// Reads the next event.
    ///
    /// # Errors
    /// When it is an error, or not JSON.
    pub fn read(&mut self, frame: &Frame) -> Result<Progress, ChunkError> {
        if frame.data.starts_with("[DONE]") {
            return Ok(Progress::Done);
        }
        let json: Value = serde_json::from_str(&frame.data).map_err(ChunkError::Malformed)?;
        let name = json["type"].as_str().or(frame.name.as_deref()).unwrap_or_default();
        if is_error(&json) || name == "error" {
            return Err(ChunkError::InBand { json: frame.data.clone() });
        }
        let mut events = Vec::new();
        let index = json["index"].as_u64().unwrap_or_default();
        match name {
            "message_start" => self.start(&json["message"], &mut events),
            "content_block_start" => self.block(index, &json["content_block"], &mut events),
            "content_block_delta" => self.delta(index, &json["delta"], &mut events),
            "content_block_stop" => self.stop(index, &mut events),
            "message_delta" => {
                self.begin(&mut events);
                self.counts.update(&json["usage"]);
                let delta = &json["delta"];
                let details = [&delta["stop_details"], &json["stop_details"]];
                self.end(&delta["stop_reason"], details, &mut events);
                if json["usage"].is_object() {
                    events.push(Event::Usage(self.counts.usage()));
                }
            }
            "message_stop" => return Ok(Progress::Done),
            // `ping`, and events to come, which the vendor's versioning policy announces.
            _ => {}
        }
        Ok(Progress::Events(events))
    }

    /// Reads a whole message. `rest` is what stands beside its content.
    pub(super) fn message(&mut self, content: &[Value], rest: &Value) -> Vec<Event> {
        let mut events = Vec::new();
        self.start(rest, &mut events);
        for (index, block) in (0..).zip(content) {
            self.block(index, block, &mut events);
            self.stop(index, &mut events);
        }
        self.end(&rest["stop_reason"], [&rest["stop_details"]], &mut events);
        events
    }

    fn start(&mut self, message: &Value, events: &mut Vec<Event>) {
        let text = |key: &str| message[key].as_str().map(str::to_owned);
        if !self.has_begun {
            self.has_begun = true;
            events.push(Event::Start { id: text("id"), model: text("model") });
        }
        if message["usage"].is_object() {
            self.counts.update(&message["usage"]);
            events.push(Event::Usage(self.counts.usage()));
        }
    }

    /// Streams of compatible servers do not always say who answers.
    fn begin(&mut self, events: &mut Vec<Event>) {
        if !self.has_begun {
            self.start(&Value::Null, events);
        }
    }

    fn block(&mut self, index: u64, block: &Value, events: &mut Vec<Event>) {
        self.begin(events);
        let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
        let input = || match &block["input"] {
            Value::Null => Some(json!({})),
            said => Some(said.clone()),
        };
        let open = match block["type"].as_str().unwrap_or_default() {
            "text" => {
                push_text(text("text"), events);
                Block::Text
            }
            "thinking" => {
                push_thought(text("thinking"), events);
                Block::Thinking { signature: text("signature") }
            }
            "redacted_thinking" => {
                events.push(sealed(text("data"), SealKind::Whole));
                Block::Foreign
            }
            "tool_use" if block["name"] == SCHEMA_TOOL => {
                self.answers_in_tool = true;
                Block::Answer { input: input() }
            }
            "tool_use" => {
                let slot = self.calls;
                self.calls += 1;
                let (id, name) = (text("id"), text("name"));
                let id = if id.is_empty() { format!("toolu_{slot}") } else { id };
                events.push(Event::ToolStart { choice: 0, slot, id, name, seal: None });
                Block::Tool { slot, input: input() }
            }
            _ => Block::Foreign,
        };
        self.open.retain(|(known, _)| *known != index);
        self.open.push((index, open));
    }

    fn delta(&mut self, index: u64, delta: &Value, events: &mut Vec<Event>) {
        self.begin(events);
        let text = |key: &str| delta[key].as_str().unwrap_or_default().to_owned();
        let open = self.open.iter_mut().find(|(known, _)| *known == index);
        let open = open.map(|(_, block)| block);
        match (delta["type"].as_str().unwrap_or_default(), open) {
            ("text_delta", _) => push_text(text("text"), events),
            ("thinking_delta", _) => push_thought(text("thinking"), events),
            ("signature_delta", Some(Block::Thinking { signature })) => {
                signature.push_str(&text("signature"));
            }
            ("input_json_delta", Some(Block::Tool { slot, input })) => {
                let (slot, fragment) = (*slot, text("partial_json"));
                if !fragment.is_empty() {
                    *input = None;
                    events.push(Event::ToolArguments { choice: 0, slot, fragment });
                }
            }
            ("input_json_delta", Some(Block::Answer { input })) => {
                let fragment = text("partial_json");
                if !fragment.is_empty() {
                    *input = None;
                    push_text(fragment, events);
                }
            }
            // Citations, and pieces of blocks that are not passed on.
            _ => {}
        }
    }

    fn stop(&mut self, index: u64, events: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|(known, _)| *known == index) else { return };
        let (_, block) = self.open.remove(at);
        match block {
            Block::Thinking { signature } if !signature.is_empty() => {
                events.push(sealed(signature, SealKind::Beside));
            }
            // A call without arguments has no pieces.
            Block::Tool { slot, input: Some(input) } => {
                events.push(Event::ToolArguments { choice: 0, slot, fragment: input.to_string() });
            }
            Block::Answer { input: Some(input) } => push_text(input.to_string(), events),
            Block::Thinking { .. }
            | Block::Text
            | Block::Foreign
            | Block::Tool { input: None, .. }
            | Block::Answer { input: None } => {}
        }
    }

    fn end<const N: usize>(
        &mut self,
        reason: &Value,
        details: [&Value; N],
        events: &mut Vec<Event>,
    ) {
        let Some(reason) = reason.as_str().filter(|_| !self.has_ended) else { return };
        self.has_ended = true;
        while let Some((index, _)) = self.open.first() {
            self.stop(*index, events);
        }
        let reason = match finish(reason) {
            Finish::ToolCalls if self.answers_in_tool && self.calls == 0 => Finish::Stop,
            Finish::Filtered => {
                let said = details.into_iter().find_map(explanation);
                events.extend(said.map(|text| Event::Refusal { choice: 0, text }));
                Finish::Filtered
            }
            known @ (Finish::Stop | Finish::Length | Finish::ToolCalls) => known,
        };
        events.push(Event::Finish { choice: 0, reason });
    }
}

/// What a seal stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SealKind {
    Whole,
    Beside,
}

fn sealed(data: String, kind: SealKind) -> Event {
    let is_whole = kind == SealKind::Whole;
    Event::Sealed { choice: 0, seal: Seal { vendor: Vendor::Anthropic, is_whole, data } }
}

fn push_text(text: String, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(Event::Text { choice: 0, text });
    }
}

fn push_thought(text: String, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(Event::Reasoning { choice: 0, text });
    }
}
