//! A streamed answer. Clients hold a stream to this: one id, time and model; the first delta of an answer names the role; every answer
//! ends once; a call's id and name are sent once.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{thinking_block, tool_call, usage};
use crate::chat::{ChatRequest, Chunk, Event, Seal, Usage};
use crate::surface::About;

/// Writes pieces as they come.
#[derive(Debug)]
pub struct Writer {
    about: About,
    wants_usage: bool,
    /// The first piece that passed, in whose name pieces of others go on.
    passed: Option<String>,
    /// The answers whose role has been named, one bit each.
    begun: u128,
    /// What the model thought since its last seal, where it may still be sealed.
    thoughts: String,
    /// Token counts that no piece has carried yet.
    usage: Option<Usage>,
}

impl Writer {
    pub(in crate::surface) fn new(about: About, chat: &ChatRequest) -> Self {
        let (passed, thoughts, wants_usage) = (None, String::new(), chat.wants_usage());
        Self { about, wants_usage, passed, begun: 0, thoughts, usage: None }
    }

    /// Passes on what a provider wrote in this dialect.
    pub(in crate::surface) fn pass(&mut self, chunk: &Chunk, json: &str, out: &mut String) {
        // Pieces without choices carry token counts, which only those get who asked, or filter results, which everyone gets.
        if chunk.is_bare && chunk.usage.is_some() && !self.wants_usage {
            return;
        }
        if self.passed.is_none() {
            self.passed = Some(json.to_owned());
        }
        self.begun |= chunk.choices;
        send(json, out);
    }

    /// Writes what a provider of another dialect said.
    pub(in crate::surface) fn events(&mut self, events: &[Event], out: &mut String) {
        self.take_name();
        for event in events {
            match event {
                Event::Start { id, model } => {
                    if self.begun == 0 {
                        self.about.id = id.clone().unwrap_or_else(|| self.about.id.clone());
                        self.about.model =
                            model.clone().unwrap_or_else(|| self.about.model.clone());
                    }
                }
                Event::Text { choice, text } => {
                    self.delta(*choice, json!({"content": text}), out);
                }
                Event::Reasoning { choice, text } => {
                    self.thoughts.push_str(text);
                    self.delta(*choice, json!({"reasoning_content": text}), out);
                }
                Event::Sealed { choice, seal } => self.sealed(*choice, seal, out),
                Event::Refusal { choice, text } => {
                    self.delta(*choice, json!({"refusal": text}), out);
                }
                Event::ToolStart { choice, slot, id, name, seal } => {
                    let mut call = tool_call(id, name, "", seal.as_ref());
                    call["index"] = json!(slot);
                    self.delta(*choice, json!({"tool_calls": [call]}), out);
                }
                Event::ToolArguments { choice, slot, fragment } => {
                    let call = json!({"index": slot, "function": {"arguments": fragment}});
                    self.delta(*choice, json!({"tool_calls": [call]}), out);
                }
                Event::Finish { choice, reason } => {
                    self.choice(*choice, json!({}), Some(reason.label()), out);
                }
                Event::Usage(counts) => self.usage = Some(*counts),
            }
        }
    }

    pub(in crate::surface) fn end(&mut self, out: &mut String) {
        if let Some(counts) = self.usage.take().filter(|_| self.wants_usage) {
            let mut last = self.head(&json!([]));
            last["usage"] = usage(&counts);
            send(&last.to_string(), out);
        }
        // Only a whole answer ends like this: client libraries take a clean end for one.
        send("[DONE]", out);
    }

    /// A piece for clients that read nothing else, and an error for those that look for one.
    pub(in crate::surface) fn broken(&mut self, message: &str, out: &mut String) {
        self.take_name();
        let mut last = self.head(&json!([{"index": 0, "delta": {}, "finish_reason": "error"}]));
        last["error"] = json!({
            "message": message,
            "type": "upstream_error",
            "param": null,
            "code": "stream_interrupted",
        });
        send(&last.to_string(), out);
    }

    /// Who goes on with another's answer goes on in the other's name.
    fn take_name(&mut self) {
        let Some(first) = self.passed.take() else { return };
        let Ok(first) = serde_json::from_str::<Value>(&first) else { return };
        let text = |key: &str| first.get(key).and_then(Value::as_str).map(str::to_owned);
        self.about.id = text("id").unwrap_or_else(|| self.about.id.clone());
        self.about.model = text("model").unwrap_or_else(|| self.about.model.clone());
        self.about.created =
            first.get("created").and_then(Value::as_u64).unwrap_or(self.about.created);
    }

    fn sealed(&mut self, choice: u32, seal: &Seal, out: &mut String) {
        let thoughts = std::mem::take(&mut self.thoughts);
        if let Some(block) = thinking_block(&thoughts, seal) {
            self.delta(choice, json!({"thinking_blocks": [block]}), out);
        }
    }

    fn delta(&mut self, choice: u32, delta: Value, out: &mut String) {
        self.choice(choice, delta, None, out);
    }

    fn choice(&mut self, choice: u32, mut delta: Value, finish: Option<&str>, out: &mut String) {
        let bit = 1_u128.checked_shl(choice).unwrap_or(1);
        if self.begun & bit == 0 {
            self.begun |= bit;
            delta["role"] = json!("assistant");
        }
        let choices = json!([{"index": choice, "delta": delta, "finish_reason": finish}]);
        send(&self.head(&choices).to_string(), out);
    }

    fn head(&self, choices: &Value) -> Value {
        let mut head = json!({
            "id": self.about.id,
            "object": "chat.completion.chunk",
            "created": self.about.created,
            "model": self.about.model,
            "choices": choices,
        });
        if self.wants_usage {
            head["usage"] = Value::Null;
        }
        head
    }
}

fn send(data: &str, out: &mut String) {
    // Writing to a string cannot fail.
    let _written = write!(out, "data: {data}\n\n");
}
