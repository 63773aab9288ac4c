//! Cohere's chat, version 2: `POST /v2/chat`.

mod read;
mod turns;
mod write;

pub use read::{Reading, answer};
pub use write::write;

/// Where a request goes, behind the base URL, streamed or not.
pub const PATH: &str = "/v2/chat";

#[cfg(test)]
mod tests;
