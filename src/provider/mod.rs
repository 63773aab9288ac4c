//! Everything that depends on what a provider speaks: how a request is written, how an answer and an error are read.
//!
//! `client` is the only file that names reqwest; everything else is pure.

mod asker;
mod client;
mod error;
mod hints;
mod moment;
mod openai;
mod page;
mod scrub;
mod sse;
mod upload;

pub use asker::Asker;
pub use client::{Client, ClientError, Response};
pub use error::ProviderError;
pub use hints::{Headers, retry_after};
pub use moment::moment;
pub use page::{Got, Page, Validators};
pub use sse::{EventReader, Overflow, SseItem};

use bytes::Bytes;

use crate::chat::ChatRequest;
use crate::config::{Dialect, Target};

/// A request as one provider wants it.
#[derive(Debug)]
pub struct Encoded {
    /// Where it goes.
    pub url: String,
    /// JSON.
    pub body: Bytes,
}

/// Writes a request for a target.
#[must_use]
pub fn encode(chat: &ChatRequest, target: &Target) -> Encoded {
    match target.provider.dialect {
        Dialect::OpenAi => Encoded {
            url: format!("{}/chat/completions", target.provider.base_url),
            body: openai::encode(chat, &target.model),
        },
    }
}
