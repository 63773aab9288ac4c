//! Streams. The transport names the events; their data are what the name promises.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::ANSWER_TOOL;
use super::read::{Counts, finish, redacted, signed};
use crate::chat::{ChunkError, Event};
use crate::provider::dialect::{Frame, Progress};

/// How names of exceptions end.
const EXCEPTION: &str = "Exception";

/// What has been read of a stream. `metadata` comes last, and then the connection ends.
#[derive(Debug, Default)]
pub struct Reading {
    /// Blocks that are calls, by their number among all blocks.
    calls: Vec<Calling>,
    /// Calls that the caller sees.
    slots: u32,
}

#[derive(Debug)]
struct Calling {
    block: u32,
    /// Nothing where it is the answer itself.
    slot: Option<u32>,
    has_arguments: bool,
}

impl Reading {
    /// Reads one event.
    ///
    /// # Errors
    /// When it is an exception, a failure in disguise, or not what its name promises.
    pub fn read(&mut self, frame: &Frame) -> Result<Progress, ChunkError> {
        let name = frame.name.as_deref().unwrap_or_default();
        if name.ends_with(EXCEPTION) || name.is_empty() {
            return Err(exception(name, &frame.data));
        }
        let mut events = Vec::new();
        let wire = || serde_json::from_str(&frame.data).map_err(ChunkError::Malformed);
        match name {
            "messageStart" => events.push(Event::Start { id: None, model: None }),
            "contentBlockStart" => self.start(wire()?, &mut events),
            "contentBlockDelta" => self.delta(wire()?, &mut events),
            "contentBlockStop" => self.stop(&wire()?, &mut events),
            "messageStop" => {
                let word = wire()?.stop_reason.unwrap_or_default();
                let in_band = || ChunkError::InBand { json: frame.data.clone() };
                let reason = finish(&word, self.slots).ok_or_else(in_band)?;
                events.push(Event::Finish { choice: 0, reason });
            }
            "metadata" => events.extend(wire()?.usage.map(|counts| Event::Usage(counts.usage()))),
            // What may come one day.
            _ => {}
        }
        Ok(Progress::Events(events))
    }

    fn start(&mut self, wire: Wire, events: &mut Vec<Event>) {
        let Some(call) = wire.start.and_then(|start| start.tool_use) else { return };
        let block = wire.content_block_index;
        let name = call.name.unwrap_or_default();
        let slot = (name != ANSWER_TOOL).then_some(self.slots);
        self.calls.push(Calling { block, slot, has_arguments: false });
        if let Some(slot) = slot {
            self.slots += 1;
            let id = call.tool_use_id.filter(|id| !id.is_empty());
            let id = id.unwrap_or_else(|| format!("tooluse_{slot}"));
            events.push(Event::ToolStart { choice: 0, slot, id, name, seal: None });
        }
    }

    fn delta(&mut self, wire: Wire, events: &mut Vec<Event>) {
        let choice = 0;
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let Some(delta) = wire.delta else { return };
        events.extend(some(delta.text).map(|text| Event::Text { choice, text }));
        if let Some(thought) = delta.reasoning_content {
            events.extend(some(thought.text).map(|text| Event::Reasoning { choice, text }));
            events.extend(some(thought.signature).map(signed));
            events.extend(some(thought.redacted_content).map(redacted));
        }
        let fragment = some(delta.tool_use.and_then(|call| call.input));
        let calling = self.calling(wire.content_block_index);
        if let (Some(fragment), Some(calling)) = (fragment, calling) {
            calling.has_arguments = true;
            events.push(match calling.slot {
                Some(slot) => Event::ToolArguments { choice, slot, fragment },
                None => Event::Text { choice, text: fragment },
            });
        }
    }

    /// A call without arguments has none of their pieces either.
    fn stop(&mut self, wire: &Wire, events: &mut Vec<Event>) {
        let calling = self.calling(wire.content_block_index);
        if let Some(calling) = calling.filter(|calling| !calling.has_arguments) {
            calling.has_arguments = true;
            let fragment = "{}".to_owned();
            events.extend(calling.slot.map(|slot| Event::ToolArguments {
                choice: 0,
                slot,
                fragment,
            }));
        }
    }

    fn calling(&mut self, block: u32) -> Option<&mut Calling> {
        self.calls.iter_mut().rev().find(|calling| calling.block == block)
    }
}

/// The error as it would stand in a body of its own: there, the transport's header has its name.
fn exception(name: &str, data: &str) -> ChunkError {
    let mut fields: Map<String, Value> = serde_json::from_str(data).unwrap_or_default();
    if !name.is_empty() {
        // Streams begin it with a small letter, errors of their own with a capital one.
        let mut letters = name.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        let kind: String = first.into_iter().chain(letters).collect();
        fields.entry("__type").or_insert(Value::String(kind));
    }
    let is_text = fields.get("message").is_none() && !data.trim().is_empty();
    if is_text && !data.trim_start().starts_with('{') {
        fields.insert("message".to_owned(), Value::from(data));
    }
    ChunkError::InBand { json: Value::Object(fields).to_string() }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    content_block_index: u32,
    start: Option<Start>,
    delta: Option<Delta>,
    stop_reason: Option<String>,
    usage: Option<Counts>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    tool_use: Option<Begun>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    tool_use_id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delta {
    text: Option<String>,
    tool_use: Option<Continued>,
    reasoning_content: Option<Thought>,
}

#[derive(Deserialize)]
struct Continued {
    input: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thought {
    text: Option<String>,
    signature: Option<String>,
    redacted_content: Option<String>,
}
