//! What a provider answers, read for a caller: in the caller's own dialect it passes, from any other one it is taken apart.

use super::dialect::{Frame, Progress};
use super::{anthropic, bedrock, cohere, gemini, openai, responses};
use crate::chat::{Answer, Chunk, ChunkError, Completion};
use crate::config::Dialect;

/// Reads one answer.
#[derive(Debug)]
pub enum Reader {
    /// OpenAI's chats, for a caller who speaks them: the pieces are looked at and not taken apart.
    Passing,
    /// A dialect that is taken apart, so that it is known what is said.
    Reading {
        /// By whom.
        reading: Reading,
        /// What was read passes all the same, because the caller speaks the dialect.
        passes: Passes,
    },
}

/// Whether what was read passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    /// As it is.
    Yes,
    /// It is written anew.
    No,
}

/// Who reads a dialect.
#[derive(Debug)]
pub enum Reading {
    /// OpenAI's chats.
    OpenAi(openai::Reading),
    /// OpenAI's responses.
    Responses(responses::Reading),
    /// Anthropic's messages.
    Anthropic(anthropic::Reading),
    /// Google's generateContent.
    Gemini(gemini::Reading),
    /// Cohere's chat.
    Cohere(cohere::Reading),
    /// Amazon's Converse.
    Bedrock(bedrock::Reading),
}

impl Reading {
    fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAi => Self::OpenAi(openai::Reading::default()),
            Dialect::Gemini => Self::Gemini(gemini::Reading::default()),
            Dialect::Cohere => Self::Cohere(cohere::Reading::default()),
            Dialect::Bedrock => Self::Bedrock(bedrock::Reading::default()),
            Dialect::Responses => Self::Responses(responses::Reading::default()),
            Dialect::Anthropic => Self::Anthropic(anthropic::Reading::default()),
        }
    }

    fn read(&mut self, frame: &Frame) -> Result<Progress, ChunkError> {
        match self {
            Self::OpenAi(reading) => reading.read(frame),
            Self::Responses(reading) => reading.read(frame),
            Self::Anthropic(reading) => reading.read(frame),
            Self::Gemini(reading) => reading.read(frame),
            Self::Cohere(reading) => reading.read(frame),
            Self::Bedrock(reading) => reading.read(frame),
        }
    }

    fn answer(&self, body: &str) -> Result<Answer, ChunkError> {
        match self {
            Self::OpenAi(_) => openai::answer(body),
            Self::Responses(_) => responses::answer(body),
            Self::Anthropic(_) => anthropic::answer(body),
            Self::Gemini(_) => gemini::answer(body),
            Self::Cohere(_) => cohere::answer(body),
            Self::Bedrock(_) => bedrock::answer(body),
        }
    }
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
    /// A reader of what a dialect answers.
    #[must_use]
    pub fn new(dialect: Dialect, passes: Passes) -> Self {
        match (dialect, passes) {
            (Dialect::OpenAi, Passes::Yes) => Self::Passing,
            (_, passes) => Self::Reading { reading: Reading::new(dialect), passes },
        }
    }

    /// Reads the next event of a stream.
    ///
    /// # Errors
    /// When it is an error, or no piece of an answer.
    pub fn read(&mut self, frame: Frame) -> Result<Heard, ChunkError> {
        let (reading, passes) = match self {
            Self::Passing if frame.data.starts_with("[DONE]") => return Ok(Heard::Done),
            Self::Passing => return Chunk::parse(frame.data).map(Heard::Chunk),
            Self::Reading { reading, passes } => (reading, *passes),
        };
        Ok(match (reading.read(&frame)?, passes) {
            (Progress::Done, _) => Heard::Done,
            // Also what says nothing opens and closes something for the caller.
            (Progress::Events(events), Passes::Yes) => {
                Heard::Chunk(Chunk::passing(frame.data, &events))
            }
            (Progress::Events(events), Passes::No) if events.is_empty() => Heard::Nothing,
            (Progress::Events(events), Passes::No) => Heard::Chunk(Chunk::of(events)),
        })
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// When it is an error, or no answer.
    pub fn whole(&self, body: String) -> Result<Completion, ChunkError> {
        match self {
            Self::Passing => Completion::parse(body),
            Self::Reading { reading, passes } => {
                let answer = reading.answer(&body)?;
                Ok(match passes {
                    Passes::Yes => Completion::passing(body, &answer),
                    Passes::No => Completion::of(answer),
                })
            }
        }
    }
}
