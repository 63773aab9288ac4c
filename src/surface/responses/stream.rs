//! A streamed response: named events with numbers, items that open and close in turn, and the whole response at its end. There is no
//! sentinel: the last event is `response.completed`, `.incomplete` or `.failed`.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use super::whole::{
    function_call, item_id, message, reasoning, refusal_part, response, shell, text_part,
};
use crate::chat::{Call, ChatRequest, Event, Finish, Reasoning, Seal, Usage};
use crate::surface::{About, passed};

/// Writes pieces as they come. Only the first answer is told of: this surface has no other.
#[derive(Debug)]
pub struct Writer {
    chat: Arc<ChatRequest>,
    about: About,
    sequence: u64,
    has_begun: bool,
    open: Option<Open>,
    /// The items that are complete.
    output: Vec<Value>,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

/// The item that is being written.
#[derive(Debug)]
enum Open {
    Message { parts: Vec<Value>, text: String, kind: Kind },
    Thought(Reasoning),
    Call(Call),
}

/// What kind of words a message has last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
}

impl Kind {
    fn part(self, text: &str) -> Value {
        match self {
            Self::Text => text_part(text),
            Self::Refusal => refusal_part(text),
        }
    }

    /// Its events, and the field in which they carry words.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("output_text", "text"),
            Self::Refusal => ("refusal", "refusal"),
        }
    }
}

impl Writer {
    pub(in crate::surface) fn new(about: About, chat: &Arc<ChatRequest>) -> Self {
        Self {
            chat: Arc::clone(chat),
            about,
            sequence: 0,
            has_begun: false,
            open: None,
            output: Vec::new(),
            finish: None,
            usage: None,
        }
    }

    /// Passes on what a provider wrote in this dialect.
    pub(in crate::surface) fn pass(&mut self, json: &str, out: &mut String) {
        self.has_begun = true;
        passed::event(json, out);
        self.sequence += 1;
    }

    /// Writes what a provider of another dialect said.
    pub(in crate::surface) fn events(&mut self, events: &[Event], out: &mut String) {
        for event in events {
            match event {
                Event::Start { model, .. } => {
                    if let (Some(model), false) = (model, self.has_begun) {
                        self.about.model.clone_from(model);
                    }
                }
                Event::Text { choice: 0, text } => self.words(Kind::Text, text, out),
                Event::Refusal { choice: 0, text } => self.words(Kind::Refusal, text, out),
                Event::Reasoning { choice: 0, text } => self.thought(text, out),
                Event::Sealed { choice: 0, seal } => self.sealed(seal, out),
                Event::ToolStart { choice: 0, id, name, seal, .. } => {
                    let (id, name, seal) = (id.clone(), name.clone(), seal.clone());
                    self.call(Call { id, name, arguments: String::new(), seal }, out);
                }
                Event::ToolArguments { choice: 0, fragment, .. } => self.arguments(fragment, out),
                Event::Finish { choice: 0, reason } => self.finish = Some(*reason),
                Event::Usage(counts) => self.usage = Some(*counts),
                Event::Text { .. }
                | Event::Refusal { .. }
                | Event::Reasoning { .. }
                | Event::Sealed { .. }
                | Event::ToolStart { .. }
                | Event::ToolArguments { .. }
                | Event::Finish { .. } => {}
            }
        }
    }

    pub(in crate::surface) fn end(&mut self, out: &mut String) {
        // A passed stream has brought its own end.
        let Some(finish) = self.finish else { return };
        self.begin(out);
        self.close(out);
        let output = std::mem::take(&mut self.output);
        let whole = response(&self.chat, &self.about, (finish, output), self.usage.as_ref());
        let name = match finish {
            Finish::Stop | Finish::ToolCalls => "response.completed",
            Finish::Length | Finish::Filtered => "response.incomplete",
        };
        self.send(name, json!({"response": whole}), out);
    }

    pub(in crate::surface) fn broken(&mut self, message: &str, out: &mut String) {
        let error = json!({"message": message, "type": "upstream_error", "param": null, "code": "stream_interrupted"});
        let told = json!({"code": "stream_interrupted", "message": message, "param": null, "error": error});
        self.send("error", told, out);
    }

    fn begin(&mut self, out: &mut String) {
        if !self.has_begun {
            self.has_begun = true;
            for name in ["response.created", "response.in_progress"] {
                let response = shell(&self.chat, &self.about, "in_progress");
                self.send(name, json!({"response": response}), out);
            }
        }
    }

    fn words(&mut self, kind: Kind, words: &str, out: &mut String) {
        if !matches!(self.open, Some(Open::Message { .. })) {
            self.start(Open::Message { parts: Vec::new(), text: String::new(), kind }, out);
            self.content_added(kind, out);
        } else if !matches!(&self.open, Some(Open::Message { kind: open, .. }) if *open == kind) {
            self.close_part(out);
            if let Some(Open::Message { kind: open, text, .. }) = &mut self.open {
                *open = kind;
                text.clear();
            }
            self.content_added(kind, out);
        }
        if let Some(Open::Message { text, .. }) = &mut self.open {
            text.push_str(words);
        }
        let (event, _) = kind.words();
        let place = self.place();
        let mut delta = place;
        delta["content_index"] = json!(self.content_index());
        delta["delta"] = json!(words);
        if kind == Kind::Text {
            delta["logprobs"] = json!([]);
        }
        self.send(&format!("response.{event}.delta"), delta, out);
    }

    fn content_added(&mut self, kind: Kind, out: &mut String) {
        let mut added = self.place();
        added["content_index"] = json!(self.content_index());
        added["part"] = kind.part("");
        self.send("response.content_part.added", added, out);
    }

    fn content_index(&self) -> usize {
        match &self.open {
            Some(Open::Message { parts, .. }) => parts.len(),
            Some(Open::Thought(_) | Open::Call(_)) | None => 0,
        }
    }

    fn close_part(&mut self, out: &mut String) {
        let mut done = self.place();
        done["content_index"] = json!(self.content_index());
        let Some(Open::Message { parts, text, kind }) = &mut self.open else { return };
        let (event, field) = kind.words();
        let part = kind.part(text);
        let mut words = done.clone();
        words[field] = json!(text);
        if *kind == Kind::Text {
            words["logprobs"] = json!([]);
        }
        parts.push(part.clone());
        self.send(&format!("response.{event}.done"), words, out);
        done["part"] = part;
        self.send("response.content_part.done", done, out);
    }

    fn thought(&mut self, words: &str, out: &mut String) {
        if !matches!(self.open, Some(Open::Thought(_))) {
            self.start(Open::Thought(Reasoning::default()), out);
            let mut added = self.summary();
            added["part"] = json!({"type": "summary_text", "text": ""});
            self.send("response.reasoning_summary_part.added", added, out);
        }
        if let Some(Open::Thought(thought)) = &mut self.open {
            thought.text.push_str(words);
        }
        let mut delta = self.summary();
        delta["delta"] = json!(words);
        self.send("response.reasoning_summary_text.delta", delta, out);
    }

    fn summary(&self) -> Value {
        let mut place = self.place();
        place["summary_index"] = json!(0);
        place
    }

    fn sealed(&mut self, seal: &Seal, out: &mut String) {
        if !matches!(self.open, Some(Open::Thought(_))) {
            self.start(Open::Thought(Reasoning::default()), out);
        }
        if let Some(Open::Thought(thought)) = &mut self.open {
            thought.seal = Some(seal.clone());
        }
    }

    fn call(&mut self, call: Call, out: &mut String) {
        self.start(Open::Call(call), out);
    }

    fn arguments(&mut self, fragment: &str, out: &mut String) {
        if let Some(Open::Call(call)) = &mut self.open {
            call.arguments.push_str(fragment);
        }
        let mut delta = self.place();
        delta["delta"] = json!(fragment);
        self.send("response.function_call_arguments.delta", delta, out);
    }

    /// Opens an item, behind the last one.
    fn start(&mut self, opened: Open, out: &mut String) {
        self.begin(out);
        self.close(out);
        self.open = Some(opened);
        let mut item = self.item();
        if let Some(fields) = item.as_object_mut() {
            fields.insert("status".to_owned(), json!("in_progress"));
        }
        let added = json!({"output_index": self.output.len(), "item": item});
        self.send("response.output_item.added", added, out);
    }

    /// Closes the item that is open.
    fn close(&mut self, out: &mut String) {
        match &self.open {
            None => return,
            Some(Open::Message { .. }) => self.close_part(out),
            Some(Open::Thought(thought)) => {
                if !thought.text.is_empty() {
                    let text = thought.text.clone();
                    let mut done = self.summary();
                    done["text"] = json!(text);
                    self.send("response.reasoning_summary_text.done", done, out);
                    let mut part = self.summary();
                    part["part"] = json!({"type": "summary_text", "text": text});
                    self.send("response.reasoning_summary_part.done", part, out);
                }
            }
            Some(Open::Call(call)) => {
                let (name, arguments) = (call.name.clone(), call.arguments.clone());
                let arguments = if arguments.is_empty() { "{}".to_owned() } else { arguments };
                let mut done = self.place();
                done["name"] = json!(name);
                done["arguments"] = json!(arguments);
                self.send("response.function_call_arguments.done", done, out);
            }
        }
        let item = self.item();
        let done = json!({"output_index": self.output.len(), "item": item});
        self.send("response.output_item.done", done, out);
        self.output.push(item);
        self.open = None;
    }

    /// The open item as it stands.
    fn item(&self) -> Value {
        let id = self.id();
        match &self.open {
            None => Value::Null,
            Some(Open::Message { parts, .. }) => message(&id, parts),
            Some(Open::Thought(thought)) => reasoning(&id, thought),
            Some(Open::Call(call)) => function_call(&id, call),
        }
    }

    fn id(&self) -> String {
        let kind = match &self.open {
            Some(Open::Thought(_)) => "rs",
            Some(Open::Call(_)) => "fc",
            Some(Open::Message { .. }) | None => "msg",
        };
        item_id(kind, &self.about, self.output.len())
    }

    fn place(&self) -> Value {
        json!({"item_id": self.id(), "output_index": self.output.len()})
    }

    fn send(&mut self, name: &str, mut event: Value, out: &mut String) {
        event["type"] = json!(name);
        event["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        // Writing to a string cannot fail.
        let _written = write!(out, "event: {name}\ndata: {event}\n\n");
    }
}
