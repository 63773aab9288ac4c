//! A streamed answer. Clients hold a stream to this: the message begins before anything else, one block goes on at a time, at least one
//! block there is, and the end names its reason and the counts.
//!
//! Calls of several tools may come interleaved, which cannot be said here. A call goes on until its arguments are a whole object; what
//! comes before that waits.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::write::{Calls, Kept, message_id, own, stop_reason, usage};
use crate::chat::{Event, Finish, Seal, Usage};

/// Writes pieces as they come.
#[derive(Debug)]
pub struct Emitter {
    id: String,
    model: String,
    has_begun: bool,
    open: Option<Open>,
    /// The number of the next block.
    next: u64,
    calls: usize,
    /// What came while a call was not whole.
    waiting: Vec<Event>,
    finish: Option<Finish>,
    usage: Usage,
}

#[derive(Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Tool { slot: u32, arguments: Braces },
}

impl Emitter {
    /// A writer of one answer. `id` names it and `model` the model where the provider does not.
    #[must_use]
    pub fn new(id: &str, model: &str) -> Self {
        Self {
            id: message_id(None, id),
            model: model.to_owned(),
            has_begun: false,
            open: None,
            next: 0,
            calls: 0,
            waiting: Vec::new(),
            finish: None,
            usage: Usage::default(),
        }
    }

    /// Adds what a provider said to what is sent next.
    pub fn events(&mut self, events: &[Event], out: &mut String) {
        // The beginning has counts too, where they are known by then.
        for event in events {
            if let Event::Usage(counts) = event {
                self.usage = *counts;
            }
        }
        for event in events {
            if self.waits(event) {
                self.waiting.push(event.clone());
                continue;
            }
            self.event(event, out);
            while self.is_whole() && !self.waiting.is_empty() {
                self.catch_up(out);
            }
        }
    }

    /// Adds the end of a whole answer.
    pub fn end(&mut self, out: &mut String) {
        self.begin(out);
        while !self.waiting.is_empty() {
            // Nothing more will come for the call that others wait for.
            self.close(out);
            self.catch_up(out);
        }
        if self.next == 0 {
            self.start(Open::Text, &json!({"type": "text", "text": ""}), out);
        }
        self.close(out);
        let reason = stop_reason(self.finish.unwrap_or(Finish::Stop), Calls::of(self.calls));
        let end = json!({
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": usage(&self.usage),
        });
        send("message_delta", &end, out);
        send("message_stop", &json!({"type": "message_stop"}), out);
    }

    /// Adds the end of an answer that broke off.
    pub fn broken(&mut self, message: &str, out: &mut String) {
        let error = json!({"type": "api_error", "message": message});
        send("error", &json!({"type": "error", "error": error}), out);
    }

    /// Nothing but its own arguments may stand in a call that is not whole, and nothing may overtake what waits; counts and ends stand in
    /// no block.
    fn waits(&self, event: &Event) -> bool {
        let is_block = match event {
            Event::Text { choice, .. }
            | Event::Reasoning { choice, .. }
            | Event::Sealed { choice, .. }
            | Event::Refusal { choice, .. }
            | Event::ToolStart { choice, .. } => *choice == 0,
            Event::ToolArguments { choice, slot, .. } => *choice == 0 && !self.is_open(*slot),
            Event::Start { .. } | Event::Finish { .. } | Event::Usage(_) => false,
        };
        is_block && !(self.is_whole() && self.waiting.is_empty())
    }

    fn is_open(&self, call: u32) -> bool {
        matches!(&self.open, Some(Open::Tool { slot, .. }) if *slot == call)
    }

    fn is_whole(&self) -> bool {
        match &self.open {
            Some(Open::Tool { arguments, .. }) => arguments.is_whole(),
            Some(Open::Text | Open::Thinking) | None => true,
        }
    }

    /// Writes what waited, in order, as far as it may now be said: the first of it, and all that belongs to the next call.
    fn catch_up(&mut self, out: &mut String) {
        for event in std::mem::take(&mut self.waiting) {
            if self.waits(&event) {
                self.waiting.push(event);
            } else {
                self.event(&event, out);
            }
        }
    }

    fn event(&mut self, event: &Event, out: &mut String) {
        match event {
            Event::Start { id, model } => {
                if !self.has_begun {
                    self.id = message_id(id.as_deref(), &self.id);
                    self.model = model.clone().unwrap_or_else(|| self.model.clone());
                }
                self.begin(out);
            }
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                if self.open != Some(Open::Text) {
                    self.start(Open::Text, &json!({"type": "text", "text": ""}), out);
                }
                self.delta(&json!({"type": "text_delta", "text": text}), out);
            }
            Event::Reasoning { choice: 0, text } => {
                self.think(out);
                self.delta(&json!({"type": "thinking_delta", "thinking": text}), out);
            }
            Event::Sealed { choice: 0, seal } => self.sealed(seal, out),
            Event::ToolStart { choice: 0, slot, id, name, seal: _ } => {
                self.calls += 1;
                let open = Open::Tool { slot: *slot, arguments: Braces::default() };
                let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                self.start(open, &block, out);
            }
            Event::ToolArguments { choice: 0, slot, fragment } => {
                self.arguments(*slot, fragment, out);
            }
            Event::Finish { choice: 0, reason } => self.finish = Some(*reason),
            Event::Usage(_) => {}
            // There is one answer on this surface.
            Event::Text { .. }
            | Event::Reasoning { .. }
            | Event::Sealed { .. }
            | Event::Refusal { .. }
            | Event::ToolStart { .. }
            | Event::ToolArguments { .. }
            | Event::Finish { .. } => {}
        }
    }

    fn arguments(&mut self, of: u32, fragment: &str, out: &mut String) {
        let Some(Open::Tool { slot, arguments }) = &mut self.open else { return };
        if *slot != of || fragment.is_empty() {
            return;
        }
        arguments.add(fragment);
        self.delta(&json!({"type": "input_json_delta", "partial_json": fragment}), out);
    }

    fn think(&mut self, out: &mut String) {
        if self.open != Some(Open::Thinking) {
            let block = json!({"type": "thinking", "thinking": "", "signature": ""});
            self.start(Open::Thinking, &block, out);
        }
    }

    fn sealed(&mut self, seal: &Seal, out: &mut String) {
        match own(seal) {
            Some((Kept::Whole, data)) => {
                self.start(
                    Open::Thinking,
                    &json!({"type": "redacted_thinking", "data": data}),
                    out,
                );
            }
            Some((Kept::Beside, data)) => {
                self.think(out);
                self.delta(&json!({"type": "signature_delta", "signature": data}), out);
            }
            None => return,
        }
        self.close(out);
    }

    fn begin(&mut self, out: &mut String) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let message = json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage(&self.usage),
        });
        send("message_start", &json!({"type": "message_start", "message": message}), out);
    }

    fn start(&mut self, open: Open, block: &Value, out: &mut String) {
        self.begin(out);
        self.close(out);
        let start =
            json!({"type": "content_block_start", "index": self.next, "content_block": block});
        send("content_block_start", &start, out);
        self.open = Some(open);
    }

    fn delta(&mut self, delta: &Value, out: &mut String) {
        let delta = json!({"type": "content_block_delta", "index": self.next, "delta": delta});
        send("content_block_delta", &delta, out);
    }

    fn close(&mut self, out: &mut String) {
        if self.open.take().is_some() {
            let stop = json!({"type": "content_block_stop", "index": self.next});
            send("content_block_stop", &stop, out);
            self.next += 1;
        }
    }
}

/// Finds the end of a JSON object that comes in pieces.
#[derive(Debug, Default, PartialEq, Eq)]
struct Braces {
    depth: u32,
    has_begun: bool,
    text: Text,
}

/// Where a piece ends.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
enum Text {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Braces {
    fn add(&mut self, fragment: &str) {
        for byte in fragment.bytes() {
            self.text = match (self.text, byte) {
                (Text::Outside, b'"') | (Text::Escaped, _) => Text::Inside,
                (Text::Inside, b'"') => Text::Outside,
                (Text::Inside, b'\\') => Text::Escaped,
                (same, _) => same,
            };
            match (self.text, byte) {
                (Text::Outside, b'{' | b'[') => {
                    self.has_begun = true;
                    self.depth = self.depth.saturating_add(1);
                }
                (Text::Outside, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.has_begun && self.depth == 0
    }
}

fn send(name: &str, json: &Value, out: &mut String) {
    // Writing to a string cannot fail.
    let _written = write!(out, "event: {name}\ndata: {json}\n\n");
}
