//! Amazon Bedrock's Converse, which speaks to models of many vendors in one way.

mod eventstream;
mod read;
mod sign;
mod stream;
mod tools;
mod turns;
mod write;

pub use eventstream::{Broken, FrameReader};
pub use read::answer;
pub use sign::{AwsCredentials, AwsRequest, signed_headers};
pub use stream::Reading;
pub use write::write;

use super::wording::percent_encoded;

/// A tool that a model must call to answer in JSON of a schema, where it cannot be held to one otherwise. What it is called with is the
/// answer's text.
const ANSWER_TOOL: &str = "answer_in_json";

/// Where a request for a whole answer goes, behind the base URL. `model` is an id or an ARN.
#[must_use]
pub fn path(model: &str) -> String {
    format!("/model/{}/converse", percent_encoded(model, b""))
}

/// Where a request for a stream of events goes.
#[must_use]
pub fn stream_path(model: &str) -> String {
    format!("/model/{}/converse-stream", percent_encoded(model, b""))
}

#[cfg(test)]
mod tests;
