//! What a translator gives and takes. There is one for each wire format, and none knows another.

use serde_json::Value;
use thiserror::Error;

use crate::chat::{BadRequest, Event, Losses};
use crate::config::{Manner, Target};

/// A request's body in a provider's words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// Its fields.
    pub body: serde_json::Map<String, Value>,
    /// What it does not say that the caller said.
    pub losses: Losses,
}

/// One event of a provider's stream, as the transport carries it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Its name, where the transport names events.
    pub name: Option<String>,
    /// JSON, as far as the provider is honest.
    pub data: String,
}

/// What an event of a stream adds.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Pieces of the answer; none for a ping.
    Events(Vec<Event>),
    /// The provider says that nothing more will come.
    Done,
}

/// A request cannot be said in a dialect at all, not even with losses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Unsayable {
    /// The caller's field.
    pub param: String,
    /// What is wrong with it.
    pub message: String,
}

impl From<&BadRequest> for Unsayable {
    fn from(bad: &BadRequest) -> Self {
        let BadRequest { message, param, code: _ } = bad;
        Self { param: param.clone().unwrap_or_default(), message: message.clone() }
    }
}

/// Who a request is written for.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// The provider's own name of the model.
    pub model: &'a str,
    /// How it wants to be spoken to.
    pub manner: &'a Manner,
    /// Most tokens that it writes.
    pub max_output: Option<u64>,
    /// Tokens that it should write at most where nobody says.
    pub default_max_tokens: Option<u64>,
}

impl<'a> From<&'a Target> for Recipient<'a> {
    fn from(target: &'a Target) -> Self {
        let manner = &target.habits.manner;
        Self { model: &target.model, manner, max_output: None, default_max_tokens: None }
    }
}
