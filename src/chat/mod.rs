//! The conversation as the program knows it: what a caller asked, and the pieces in which an answer comes.
//!
//! A request is kept as its caller wrote it, unknown fields and all, and only what a decision needs is read of it: most callers and
//! most providers speak the same dialect, and then nothing else is needed. Where they do not, it is read into a [`Conversation`], from
//! which every dialect can be written, and answers come back as [`Event`]s.

mod answer;
pub mod base64;
mod chunk;
mod conversation;
mod fields;
mod follow_up;
mod language;
mod losses;
mod needs;
mod passage;
mod prompt;
mod reading;
mod request;
mod split;

pub use answer::{Answer, Choice, Event, Finish, Refused, Usage};
pub use chunk::{Carried, Chunk, ChunkError, Completion, Whole};
pub use conversation::{
    CacheTime, Call, Conversation, Effort, Format, Media, Part, Reasoning, Returned, Sampling,
    Seal, Source, Speaker, Takes, Thinking, Tool, ToolChoice, Turn, Vendor, text_of,
};
pub use fields::Fields;
pub use follow_up::Lean;
pub use language::{Lang, language_of};
pub use losses::{Loss, Losses};
pub use needs::Needs;
pub use passage::Passage;
pub use prompt::{Prompt, Reads, Texts, prompt_of};
pub use request::{BadRequest, ChatRequest, Message, Role, Surface, model, parse};
