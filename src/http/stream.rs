//! A committed stream to event-stream bytes.
//!
//! The body itself reads from the provider: when the caller leaves, axum drops the body, and with it everything behind it.
//! Nothing runs ahead of the caller, so a slow reader slows the provider instead of filling memory.

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::execute::{Committed, Ending, Piece};
use crate::health::Outcome;
use crate::provider::ProviderError;
use crate::receipt::{End, Receipt};
use crate::surface::Writer;

/// A streamed answer on its way to a caller.
pub(super) struct Streamed {
    pub(super) committed: Box<Committed>,
    /// In the caller's dialect.
    pub(super) writer: Writer,
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
    /// What is sent next, and whether more follows.
    async fn next(&mut self) -> (Bytes, bool) {
        let mut out = String::new();
        loop {
            let ending = match self.streamed.committed.next().await {
                Piece::Chunk(chunk) => {
                    self.streamed.writer.piece(&chunk, &mut out);
                    if out.is_empty() {
                        continue;
                    }
                    if chunk.has_content && self.receipt.timings.first_content.is_none() {
                        let since = self.receipt.received.elapsed();
                        self.receipt.timings.first_content = Some(since);
                    }
                    return (out.into(), true);
                }
                Piece::End(ending) => ending,
            };
            self.receipt.usage = self.streamed.committed.usage();
            self.receipt.attempts.append(&mut self.streamed.committed.take_attempts());
            match ending {
                Ending::Whole => {
                    self.streamed.writer.end(&mut out);
                    self.receipt.close(End::Served, Instant::now());
                }
                Ending::Broken { outcome, error } => {
                    self.streamed.writer.broken(&broken(outcome, &error), &mut out);
                    self.receipt.close(End::Broken(outcome), Instant::now());
                }
            }
            return (out.into(), false);
        }
    }
}

fn broken(outcome: Outcome, error: &ProviderError) -> String {
    let label = outcome.label();
    if error.message.is_empty() {
        format!("the provider's answer broke off ({label}); what came before is incomplete")
    } else {
        format!("the provider's answer broke off ({label}): {}", error.message)
    }
}
