//! A committed stream to event-stream bytes.
//!
//! The body itself reads from the provider: when the caller leaves, axum drops the body, and with it everything behind it.
//! Nothing runs ahead of the caller, so a slow reader slows the provider instead of filling memory.

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::chat::Chunk;
use crate::execute::{Committed, Ending, Piece};
use crate::health::Outcome;
use crate::provider::ProviderError;
use crate::receipt::{End, Receipt};

const DONE: &[u8] = b"data: [DONE]\n\n";

/// A streamed answer on its way to a caller.
pub(super) struct Streamed {
    pub(super) committed: Box<Committed>,
    /// The caller asked for token counts.
    pub(super) wants_usage: bool,
    /// Counts the request as in flight until its last byte.
    #[expect(dead_code, reason = "held until the end, never read")]
    pub(super) permit: OwnedSemaphorePermit,
}

struct Streaming {
    streamed: Streamed,
    receipt: Receipt,
}

/// The body of a streamed answer.
pub(super) fn event_stream(streamed: Streamed, receipt: Receipt) -> Body {
    let state = Streaming { streamed, receipt };
    Body::from_stream(stream::unfold(Some(state), |state| async {
        let mut state = state?;
        let (bytes, goes_on) = state.next().await;
        Some((Ok::<Bytes, std::convert::Infallible>(bytes), goes_on.then_some(state)))
    }))
}

impl Streaming {
    /// The next event, and whether another one follows.
    async fn next(&mut self) -> (Bytes, bool) {
        loop {
            let ending = match self.streamed.committed.next().await {
                // Events without choices carry token counts, which only those get who asked, or filter results, which
                // everyone gets.
                Piece::Chunk(Chunk { is_bare: true, usage: Some(_), .. })
                    if !self.streamed.wants_usage =>
                {
                    continue;
                }
                Piece::Chunk(chunk) => {
                    if chunk.has_content && self.receipt.timings.first_content.is_none() {
                        let since = self.receipt.received.elapsed();
                        self.receipt.timings.first_content = Some(since);
                    }
                    return (event(&chunk.json), true);
                }
                Piece::End(ending) => ending,
            };
            self.receipt.usage = self.streamed.committed.usage();
            self.receipt.attempts.append(&mut self.streamed.committed.take_attempts());
            return match ending {
                Ending::Whole => {
                    self.receipt.close(End::Served, Instant::now());
                    (Bytes::from_static(DONE), false)
                }
                // No sentinel: client libraries take a clean end for a whole answer.
                Ending::Broken { outcome, error } => {
                    self.receipt.close(End::Broken(outcome), Instant::now());
                    (event(&broken(outcome, &error)), false)
                }
            };
        }
    }
}

fn event(json: &str) -> Bytes {
    Bytes::from(format!("data: {json}\n\n"))
}

fn broken(outcome: Outcome, error: &ProviderError) -> String {
    let label = outcome.label();
    let message = if error.message.is_empty() {
        format!("the provider's answer broke off ({label}); what came before is incomplete")
    } else {
        format!("the provider's answer broke off ({label}): {}", error.message)
    };
    // A chunk for clients that read nothing else, and an error for those that look for one.
    json!({
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "error"}],
        "error": {
            "message": message,
            "type": "upstream_error",
            "param": null,
            "code": "stream_interrupted",
        },
    })
    .to_string()
}
