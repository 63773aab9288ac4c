//! The conversation as the program knows it: what a caller asked, and the pieces in which an answer comes.
//!
//! The neutral form of this release is OpenAI's own JSON with its unknown fields untouched, because it is what most callers
//! and most providers speak. Only the fields that a decision needs are read.

mod chunk;
mod follow_up;
mod language;
mod needs;
mod passage;
mod prompt;
mod request;
mod split;

pub use chunk::{Chunk, ChunkError, Completion, Usage};
pub use follow_up::Lean;
pub use language::{Lang, language_of};
pub use needs::Needs;
pub use passage::Passage;
pub use prompt::{Prompt, Reads, Texts, prompt_of};
pub use request::{BadRequest, ChatRequest, Message, Role, parse};
