//! What callers speak: how their requests are read, and how answers and errors are written for them.
//!
//! Each surface knows only the neutral types. What a provider wrote in the caller's own dialect passes through untouched.

pub mod chat;

use crate::chat::{BadRequest, Carried, ChatRequest, Chunk, Completion, Surface, Whole};

/// Reads a request.
///
/// # Errors
/// The first thing that is wrong, naming the field.
pub fn parse(surface: Surface, body: &[u8]) -> Result<ChatRequest, BadRequest> {
    let _only = surface;
    crate::chat::parse(body)
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
}

impl Writer {
    /// A writer for the answer to a request.
    #[must_use]
    pub fn new(chat: &ChatRequest, about: About) -> Self {
        Self::Chat(chat::Writer::new(about, chat))
    }

    /// Adds a piece to what is sent next; nothing is added where a piece is none of the caller's business.
    pub fn piece(&mut self, chunk: &Chunk, out: &mut String) {
        match (self, &chunk.carried) {
            (Self::Chat(writer), Carried::Written(json)) => writer.pass(chunk, json, out),
            (Self::Chat(writer), Carried::Events(events)) => writer.events(events, out),
        }
    }

    /// Adds the end of a whole answer.
    pub fn end(&mut self, out: &mut String) {
        match self {
            Self::Chat(writer) => writer.end(out),
        }
    }

    /// Adds the end of an answer that broke off.
    pub fn broken(&mut self, message: &str, out: &mut String) {
        match self {
            Self::Chat(writer) => writer.broken(message, out),
        }
    }
}

/// Writes a whole answer in the caller's dialect.
#[must_use]
pub fn whole(chat: &ChatRequest, completion: Completion, about: &About) -> String {
    let _surface = chat.surface();
    match completion.body {
        Whole::Written(json) => json,
        Whole::Answer(answer) => chat::whole(&answer, about).to_string(),
    }
}
