//! OpenAI's chat completions, and everyone compatible with them.
//!
//! Most callers speak them too: then a request is the caller's own fields with few changes, and an answer passes through. Where a
//! provider differs, [`crate::config::Manner`] says how, and `manner` does it, on the written JSON, so that nothing is lost of
//! what is not understood here.

mod manner;
mod read;
mod write;

pub(super) use read::{Reading, answer};

use serde_json::{Value, json};

use super::body::Body;
use super::dialect::Unsayable;
use crate::chat::{ChatRequest, Fields, Losses, Surface};
use crate::config::Target;

/// Writes a request for a target. A streamed request also asks for the token counts, which the receipt needs; they are kept from a
/// caller who did not.
///
/// # Errors
/// When it cannot be said.
pub(super) fn encode<'a>(
    chat: &'a ChatRequest,
    target: &Target,
    losses: &mut Losses,
) -> Result<Body<'a>, Unsayable> {
    let mut body = match chat.written(Surface::Chat) {
        Some(fields) => Body::written(Fields::iter(fields)),
        None => write::body(chat.conversation().map_err(Unsayable::from)?),
    };
    body.set("model", &Value::from(target.model.as_str()));
    manner::apply(&mut body, &target.habits.manner, losses);
    if chat.stream() {
        let mut options = body.value("stream_options").unwrap_or_else(|| json!({}));
        if let Some(options) = options.as_object_mut() {
            options.insert("include_usage".to_owned(), Value::Bool(true));
        }
        body.set("stream_options", &options);
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
