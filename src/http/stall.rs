//! Connections whose other side takes nothing are closed: a caller who has stopped reading keeps its answer's provider, its place
//! and its memory, and nobody knows whether it will go on.

use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Longest that a caller takes nothing of what it is sent.
pub(super) const STALL_MAX: Duration = Duration::from_secs(60);

/// Accepts connections that may not stall for longer than this.
#[derive(Debug)]
pub(super) struct Impatient<L> {
    listener: L,
    most: Duration,
}

impl<L> Impatient<L> {
    pub(super) fn new(listener: L, most: Duration) -> Self {
        Self { listener, most }
    }
}

impl<L: Listener> Listener for Impatient<L> {
    type Io = Connection<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (io, address) = self.listener.accept().await;
        (Connection { io, most: self.most, stalls: None }, address)
    }

    fn local_addr(&self) -> Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection on which writing fails when nothing could be written for too long.
#[derive(Debug)]
pub(super) struct Connection<T> {
    io: T,
    most: Duration,
    /// Since the first write that had to wait.
    stalls: Option<Pin<Box<Sleep>>>,
}

impl<T> Connection<T> {
    /// What was tried, unless it waits and has waited for too long.
    fn unless_stalled<U>(
        &mut self,
        tried: Poll<Result<U>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<U>> {
        if tried.is_ready() {
            self.stalls = None;
            return tried;
        }
        let most = self.most;
        let stalls = self.stalls.get_or_insert_with(|| Box::pin(sleep(most)));
        stalls.as_mut().poll(context).map(|()| Err(Error::from(ErrorKind::TimedOut)))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let tried = Pin::new(&mut self.io).poll_write(context, bytes);
        self.unless_stalled(tried, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let tried = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.unless_stalled(tried, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    // TCP has nothing to flush, and its end waits for nobody.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    /// A connection that holds 16 bytes, and its other side.
    fn connection() -> (Connection<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (io, other) = tokio::io::duplex(16);
        (Connection { io, most: STALL_MAX, stalls: None }, other)
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_takes_nothing_is_given_up_after_the_limit() {
        let (mut connection, _other) = connection();
        let started = Instant::now();
        let error = connection.write_all(&[0; 64]).await.map_err(|error| error.kind());
        assert_eq!(error, Err(ErrorKind::TimedOut));
        let took = started.elapsed();
        assert!(took >= STALL_MAX && took < STALL_MAX + Duration::from_millis(100), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_takes_a_little_now_and_then_is_not() {
        let (mut connection, mut other) = connection();
        let reader = tokio::spawn(async move {
            for _ in 0..64 {
                sleep(STALL_MAX.mul_f32(0.9)).await;
                assert!(other.read_u8().await.is_ok());
            }
        });
        assert!(connection.write_all(&[0; 64]).await.is_ok());
        assert!(reader.await.is_ok());
        assert!(connection.stalls.is_none());
    }
}
