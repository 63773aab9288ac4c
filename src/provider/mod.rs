//! Everything that depends on what a provider speaks: how a request is written, how an answer and an error are read.
//!
//! `client` is the only file that names reqwest; everything else is pure.

pub(crate) mod anthropic;
mod asker;
pub mod bedrock;
mod body;
mod client;
pub mod cohere;
mod dialect;
mod error;
mod events;
pub mod gemini;
mod hints;
mod moment;
mod openai;
mod page;
mod reader;
mod responses;
mod scrub;
mod sse;
mod tokens;
mod upload;
pub mod vertex;
mod wording;

pub use asker::Asker;
pub use client::{Client, ClientError, Response};
pub use dialect::{Frame, Progress, Recipient, Unsayable, Written};
pub use error::ProviderError;
pub use events::Events;
pub use hints::{Headers, retry_after};
pub use moment::moment;
pub use page::{Got, Page, Validators};
pub use reader::{Heard, Passes, Reader};
pub use sse::{EventReader, Overflow, SseItem};

use bytes::Bytes;
use serde_json::Value;

use body::Body;
use wording::percent_encoded;

use crate::chat::{ChatRequest, Conversation, Losses, Surface};
use crate::config::{Content, Dialect, Target};

/// A request as one provider wants it.
#[derive(Debug)]
pub struct Encoded {
    /// Where it goes.
    pub url: String,
    /// Beside those that every request to the provider has.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Bytes,
}

/// A request for a target, and how its answer is to be read.
#[derive(Debug)]
pub struct Prepared {
    /// What is sent.
    pub encoded: Encoded,
    /// Reads the answer.
    pub reader: Reader,
    /// What the request does not say that the caller said.
    pub losses: Losses,
}

/// Whether an answer may pass as it is to a caller who speaks the provider's dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It may.
    Open,
    /// It has to be put together with other pieces.
    Closed,
}

/// Writes a request for a target.
///
/// # Errors
/// When the target's dialect cannot say it.
pub fn prepare(
    chat: &ChatRequest,
    target: &Target,
    passage: Passage,
) -> Result<Prepared, Unsayable> {
    let mut losses = Losses::default();
    let to = Recipient::from(target);
    let mut body = match target.provider.dialect {
        Dialect::OpenAi => openai::encode(chat, target, &mut losses)?,
        Dialect::Responses => match native(chat, Surface::Responses, target) {
            Some(body) => body,
            None => written(responses::write(conversation(chat)?, &to), &mut losses),
        },
        Dialect::Anthropic => match native(chat, Surface::Messages, target) {
            Some(body) => body,
            None => written(anthropic::write(conversation(chat)?, &to)?, &mut losses),
        },
        Dialect::Gemini => written(gemini::write(conversation(chat)?, &to)?, &mut losses),
        Dialect::Cohere => written(cohere::write(conversation(chat)?, &to)?, &mut losses),
        Dialect::Bedrock => written(bedrock::write(conversation(chat)?, &to)?, &mut losses),
    };
    body.obey(&target.habits, &mut losses);
    let may_pass = |surface: Surface| match passage {
        Passage::Open => true,
        // Pieces of OpenAI's chats can be put together by whoever can read JSON.
        Passage::Closed => surface == Surface::Chat,
    };
    let is_text = target.habits.manner.content == Content::Text;
    let surface = Some(chat.surface()).filter(|surface| is_text && may_pass(*surface));
    let own = surface.and_then(speaks) == Some(target.provider.dialect);
    let passes = if own { Passes::Yes } else { Passes::No };
    let reader = Reader::new(target.provider.dialect, passes);
    // Versions and betas of an interface mean nothing to any other one.
    let headers = match speaks(chat.surface()) {
        Some(dialect) if dialect == target.provider.dialect => chat.headers().to_vec(),
        Some(_) | None => Vec::new(),
    };
    let encoded = Encoded { url: url(target, chat), headers, body: Body::into_bytes(body) };
    Ok(Prepared { encoded, reader, losses })
}

/// The wire format in which callers of a surface speak; nothing where no provider speaks it.
fn speaks(surface: Surface) -> Option<Dialect> {
    match surface {
        Surface::Chat => Some(Dialect::OpenAi),
        Surface::Messages => Some(Dialect::Anthropic),
        Surface::Responses => Some(Dialect::Responses),
        Surface::Completions => None,
    }
}

/// What the caller wrote in the target's own dialect, for another model.
fn native<'a>(chat: &'a ChatRequest, surface: Surface, target: &Target) -> Option<Body<'a>> {
    let mut body = Body::written(chat.written(surface)?.iter());
    body.set("model", &Value::from(target.model.as_str()));
    if surface == Surface::Responses {
        // Another provider could not go on with what this one keeps.
        body.set("store", &Value::Bool(false));
    }
    Some(body)
}

fn conversation(chat: &ChatRequest) -> Result<&Conversation, Unsayable> {
    chat.conversation().map(AsRef::as_ref).map_err(Unsayable::from)
}

fn written(written: Written, losses: &mut Losses) -> Body<'static> {
    written.losses.iter().for_each(|(param, loss)| losses.add(param, loss));
    Body::of(written.body)
}

/// Where a request goes.
fn url(target: &Target, chat: &ChatRequest) -> String {
    let base = &target.provider.base_url;
    if let Some(path) = &target.provider.speech.path {
        return format!("{base}{}", path.replace("{model}", &percent_encoded(&target.model, b"")));
    }
    match target.provider.dialect {
        Dialect::OpenAi => format!("{base}/chat/completions"),
        Dialect::Responses => format!("{base}/responses"),
        // Base addresses are written with and without the version.
        Dialect::Anthropic => format!("{}/v1/messages", base.trim_end_matches("/v1")),
        Dialect::Gemini if chat.stream() => format!("{base}{}", gemini::stream_path(&target.model)),
        Dialect::Gemini => format!("{base}{}", gemini::path(&target.model)),
        Dialect::Cohere => format!("{base}{}", cohere::PATH),
        Dialect::Bedrock if chat.stream() => {
            format!("{base}{}", bedrock::stream_path(&target.model))
        }
        Dialect::Bedrock => format!("{base}{}", bedrock::path(&target.model)),
    }
}
