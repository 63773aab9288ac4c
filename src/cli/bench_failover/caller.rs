//! A client with one connection that it keeps.

use std::net::SocketAddr;
use std::time::Duration;

use super::answer::{Question, Reply};
use super::wire::Wire;

/// Longest wait for a whole answer; the gateway's own deadline is shorter.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// One caller.
#[derive(Debug)]
pub(super) struct Caller {
    address: SocketAddr,
    wire: Option<Wire>,
}

impl Caller {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, wire: None }
    }

    /// Asks, and reads the answer to its end. No reply means that no head came.
    pub(super) async fn ask(&mut self, question: Question, model: &str) -> Option<Reply> {
        let asked = tokio::time::timeout(ANSWER_MAX, self.exchange(question, model)).await;
        let (reply, wire) = asked.ok()?.ok()?;
        self.wire = wire;
        Some(reply)
    }

    /// The connection comes back when it can be used again.
    async fn exchange(
        &mut self,
        question: Question,
        model: &str,
    ) -> std::io::Result<(Reply, Option<Wire>)> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::connect(self.address).await?,
        };
        let body = question.body(model);
        let (host, length) = (self.address, body.len());
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        wire.write(request.as_bytes()).await?;
        let head = wire.head().await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let mut said = Vec::new();
        let is_whole = wire.body(&head, &mut said).await.is_ok();
        let status = head.first_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let reply = Reply {
            status: status.unwrap_or_default(),
            target: head.field("x-semroute-target").to_owned(),
            attempts: head.field("x-semroute-attempts").parse().unwrap_or_default(),
            body: String::from_utf8_lossy(&said).into_owned(),
            is_whole,
        };
        let may_stay = is_whole && head.field("connection") != "close";
        Ok((reply, may_stay.then_some(wire)))
    }
}
