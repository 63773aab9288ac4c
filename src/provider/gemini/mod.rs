//! Google's `generateContent`, at the Gemini API and at Vertex AI: only where it is and who may ask differ between the two.

mod read;
mod tools;
mod turns;
mod write;

pub use read::{Reading, answer};
pub use write::write;

use super::wording::percent_encoded;

/// What stands for the signature of a call that another vendor's model made. Google documents it for such histories; without a
/// signature the first call of a step is refused.
const FOREIGN_SIGNATURE: &str = "skip_thought_signature_validator";
/// How ids begin that are made here, for calls that come without one.
const MADE_ID: &str = "call_";

/// Where a request for a whole answer goes, behind the base URL. `model` is a bare name or one with its collection, such
/// as `tunedModels/m`.
#[must_use]
pub fn path(model: &str) -> String {
    format!("/{}:generateContent", name(model))
}

/// Where a request for a stream of events goes.
#[must_use]
pub fn stream_path(model: &str) -> String {
    format!("/{}:streamGenerateContent?alt=sse", name(model))
}

fn name(model: &str) -> String {
    let collection = if model.contains('/') { "" } else { "models/" };
    format!("{collection}{}", percent_encoded(model, b"/@"))
}

#[cfg(test)]
mod tests;
