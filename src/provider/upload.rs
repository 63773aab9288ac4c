//! A long request body in pieces, which stop when the answer is over before them: a provider that refuses a body by its length has
//! answered, and need not be sent the rest.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio_util::sync::CancellationToken;

/// A body up to here is given to the operating system at once, which holds so much of a connection anyway.
pub(super) const AT_ONCE_MAX: usize = 64 * 1024;
/// One piece.
const PIECE: usize = 16 * 1024;
/// Longest that a provider takes nothing of what it was sent; then its connection is closed.
pub(super) const UNREAD_MAX: Duration = Duration::from_secs(60);

/// The pieces of a body, until it is stopped. Fewer bytes than announced then close the connection.
pub(super) fn pieces(
    body: Bytes,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    stream::unfold((body, stop), |(mut rest, stop)| async move {
        if rest.is_empty() || stop.is_cancelled() {
            return None;
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        Some((Ok(piece), (rest, stop)))
    })
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_body_comes_whole_in_pieces_until_it_is_stopped() {
        let body: Vec<u8> = (0..40_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let whole = pieces(Bytes::from(body.clone()), CancellationToken::new());
        let sent: Vec<Bytes> = whole.map(|piece| piece.unwrap_or_default()).collect().await;
        assert_eq!((sent.len(), sent.concat()), (3, body.clone()));

        let stop = CancellationToken::new();
        let mut cut = Box::pin(pieces(Bytes::from(body), stop.clone()));
        assert!(cut.next().await.is_some());
        stop.cancel();
        assert!(cut.next().await.is_none());
    }
}
