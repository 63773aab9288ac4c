//! Anthropic's messages: what their callers ask, and what they are answered.

mod blocks;
mod count;
mod error;
mod fields;
mod read;
mod stream;
mod tools;
mod write;

#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod write_tests;

pub use count::input_tokens;
pub use error::error;
pub use read::{Purpose, read};
pub use stream::Emitter;
pub use write::message;
