//! What a provider answers, read for a caller: in the caller's own dialect it passes, from any other one it is taken apart.

use super::dialect::{Frame, Progress};
use super::openai;
use crate::chat::{Answer, Chunk, ChunkError, Completion, Surface};
use crate::config::Dialect;

/// Reads one answer.
#[derive(Debug)]
pub enum Reader {
    /// OpenAI's dialect, for a caller who speaks it.
    Passing,
    /// OpenAI's dialect, for anybody else.
    OpenAi(openai::Reading),
}

/// What an event of a stream is.
#[derive(Debug)]
pub enum Heard {
    /// A piece of the answer.
    Chunk(Chunk),
    /// Nothing that matters here.
    Nothing,
    /// Nothing more will come.
    Done,
}

impl Reader {
    /// A reader of what a dialect answers. `surface` is what the caller speaks; nothing where the answer may not pass.
    #[must_use]
    pub fn new(dialect: Dialect, surface: Option<Surface>) -> Self {
        match (dialect, surface) {
            (Dialect::OpenAi, Some(Surface::Chat)) => Self::Passing,
            (_, _) => Self::OpenAi(openai::Reading::default()),
        }
    }

    /// Reads the next event of a stream.
    ///
    /// # Errors
    /// When it is an error, or no piece of an answer.
    pub fn read(&mut self, frame: Frame) -> Result<Heard, ChunkError> {
        let progress = match self {
            Self::Passing if frame.data.starts_with("[DONE]") => return Ok(Heard::Done),
            Self::Passing => return Chunk::parse(frame.data).map(Heard::Chunk),
            Self::OpenAi(reading) => reading.read(&frame)?,
        };
        Ok(match progress {
            Progress::Done => Heard::Done,
            Progress::Events(events) if events.is_empty() => Heard::Nothing,
            Progress::Events(events) => Heard::Chunk(Chunk::of(events)),
        })
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// When it is an error, or no answer.
    pub fn whole(&self, body: String) -> Result<Completion, ChunkError> {
        let answer: Answer = match self {
            Self::Passing => return Completion::parse(body),
            Self::OpenAi(_) => openai::answer(&body)?,
        };
        Ok(Completion::of(answer))
    }
}
