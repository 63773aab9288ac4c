//! What callers speak: how their requests are read, and how answers and errors are written for them.
//!
//! Each surface knows only the neutral types. What a provider wrote in the caller's own dialect passes through untouched.

pub mod chat;
pub mod completions;
mod fault;
pub mod messages;
mod passed;
pub mod responses;

pub use fault::{Fault, cut_off, fault};

use std::sync::Arc;

use crate::chat::{BadRequest, Carried, ChatRequest, Chunk, Completion, Fields, Surface, Whole};

/// Reads a request.
///
/// # Errors
/// The first thing that is wrong, naming the field.
pub fn parse(surface: Surface, body: &[u8]) -> Result<ChatRequest, BadRequest> {
    match surface {
        Surface::Chat => crate::chat::parse(body),
        Surface::Messages => {
            let fields = Fields::read(body)?;
            let (model, conversation) = messages::read(&fields, messages::Purpose::Answer)?;
            Ok(ChatRequest::new(surface, (model, fields), conversation))
        }
        Surface::Responses => responses::parse(body),
        Surface::Completions => completions::parse(body),
    }
}

/// What a surface needs to know beside the answer itself.
#[derive(Debug, Clone)]
pub struct About {
    /// Names the answer where the provider does not.
    pub id: String,
    /// When it began, in seconds since 1970.
    pub created: u64,
    /// The model where the provider does not name it.
    pub model: String,
}

/// Writes a streamed answer in the caller's dialect.
#[derive(Debug)]
pub enum Writer {
    /// OpenAI's chat completions.
    Chat(chat::Writer),
    /// Anthropic's messages.
    Messages(Box<messages::Emitter>),
    /// Anthropic's messages, as their own provider wrote them.
    Passed,
    /// OpenAI's responses.
    Responses(Box<responses::Writer>),
    /// OpenAI's completions.
    Completions(completions::Writer),
}

impl Writer {
    /// A writer for the answer to a request.
    #[must_use]
    pub fn new(chat: &Arc<ChatRequest>, about: About) -> Self {
        match chat.surface() {
            Surface::Chat => Self::Chat(chat::Writer::new(about, chat)),
            Surface::Messages => {
                Self::Messages(Box::new(messages::Emitter::new(&about.id, &about.model)))
            }
            Surface::Responses => Self::Responses(Box::new(responses::Writer::new(about, chat))),
            Surface::Completions => Self::Completions(completions::Writer::new(about, chat)),
        }
    }

    /// Adds a piece to what is sent next; nothing is added where a piece is none of the caller's business.
    pub fn piece(&mut self, chunk: &Chunk, out: &mut String) {
        if let (Self::Messages(_), Carried::Written(_)) = (&*self, &chunk.carried) {
            *self = Self::Passed;
        }
        match (self, &chunk.carried) {
            (Self::Chat(writer), Carried::Written(json)) => writer.pass(chunk, json, out),
            (Self::Messages(writer), Carried::Events(events)) => writer.events(events, out),
            (Self::Messages(_) | Self::Passed, Carried::Written(json)) => passed::event(json, out),
            // What has begun to pass is never gone on with by anybody else.
            (Self::Passed, Carried::Events(_)) => {}
            (Self::Chat(writer), Carried::Events(events)) => writer.events(events, out),
            (Self::Responses(writer), Carried::Written(json)) => writer.pass(json, out),
            (Self::Responses(writer), Carried::Events(events)) => writer.events(events, out),
            // No provider speaks this surface's dialect.
            (Self::Completions(_), Carried::Written(_)) => {}
            (Self::Completions(writer), Carried::Events(events)) => writer.events(events, out),
        }
    }

    /// Adds the end of a whole answer.
    pub fn end(&mut self, out: &mut String) {
        match self {
            Self::Chat(writer) => writer.end(out),
            Self::Messages(writer) => writer.end(out),
            Self::Passed => passed::event(r#"{"type":"message_stop"}"#, out),
            Self::Responses(writer) => writer.end(out),
            Self::Completions(writer) => writer.end(out),
        }
    }

    /// Adds the end of an answer that broke off.
    pub fn broken(&mut self, message: &str, out: &mut String) {
        match self {
            Self::Chat(writer) => writer.broken(message, out),
            Self::Messages(writer) => writer.broken(message, out),
            Self::Passed => messages::Emitter::new("", "").broken(message, out),
            Self::Responses(writer) => writer.broken(message, out),
            Self::Completions(writer) => writer.broken(message, out),
        }
    }
}

/// Writes a whole answer in the caller's dialect.
#[must_use]
pub fn whole(chat: &ChatRequest, completion: Completion, about: &About) -> String {
    let answer = match completion.body {
        Whole::Written(json) => return json,
        Whole::Answer(answer) => answer,
    };
    let written = match chat.surface() {
        Surface::Chat => chat::whole(&answer, about),
        Surface::Messages => messages::message(&answer, &about.id, &about.model),
        Surface::Responses => responses::whole(chat, &answer, about),
        Surface::Completions => completions::whole(&answer, about),
    };
    written.to_string()
}
