//! Who can answer at all: capabilities against needs, before anybody is called.

use crate::chat::Needs;
use crate::config::Abilities;

/// What is estimated may be off by so much; only who is too small beyond that is left out.
const TOKENS_SURE: f64 = 0.8;

/// What a target lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The conversation is longer than it can read.
    Context {
        /// Tokens that it can read.
        window: u64,
        /// Tokens that are needed, estimated.
        needed: u64,
    },
    /// It sees no images.
    Images,
    /// It calls no tools.
    Tools,
    /// It answers in no JSON schema.
    JsonSchema,
    /// It does not go on with an answer.
    Prefill,
}

impl Lack {
    /// A stable word for explanations.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Context { .. } => "context_too_small",
            Self::Images => "no_images",
            Self::Tools => "no_tools",
            Self::JsonSchema => "no_json_schema",
            Self::Prefill => "no_prefill",
        }
    }
}

/// The first thing that a target lacks, as far as somebody has said what it can do.
#[must_use]
pub fn lack(abilities: &Abilities, needs: &Needs) -> Option<Lack> {
    let written = if needs.is_limited { needs.answer_tokens } else { 0 };
    let needed = needs.tokens + written;
    let too_small = abilities.context.filter(|window| is_sure(needed, *window));
    match too_small {
        Some(window) => Some(Lack::Context { window, needed }),
        None if needs.images && abilities.images == Some(false) => Some(Lack::Images),
        None if needs.tools && abilities.tools == Some(false) => Some(Lack::Tools),
        None if needs.json_schema && abilities.json_schema == Some(false) => Some(Lack::JsonSchema),
        None if needs.prefill && abilities.prefill == Some(false) => Some(Lack::Prefill),
        None => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "tokens of one conversation")]
fn is_sure(needed: u64, window: u64) -> bool {
    needed as f64 * TOKENS_SURE > window as f64
}
