//! F49 and F50: callers that leave and callers that hardly read.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{asked, by_default};
use crate::support::{Act, Gateway, PROMPTLY, Upstream, chat, streamed};

/// Between two looks, and between two bytes of a slow reader.
const TICK: Duration = Duration::from_millis(5);

/// Waits until nobody's request is under way.
async fn until_idle(gateway: &Gateway) {
    let look = async {
        while gateway.admin("/status").await.json()["in_flight"] != 0 {
            tokio::time::sleep(TICK).await;
        }
    };
    assert!(tokio::time::timeout(PROMPTLY, look).await.is_ok(), "a request is left");
}

/// A provider stops as soon as nobody wants its answer, wherever it is with it, and nobody is blamed.
#[tokio::test]
async fn f49_a_caller_who_leaves() {
    for (act, body) in [
        (Act::hang(), chat("hi")),
        (Act::hang(), streamed("hi")),
        (Act::stream().and_hang(), streamed("hi")),
        (Act::stream().role().and_hang(), streamed("hi")),
        (Act::stream().role().says("one ").and_hang(), streamed("hi")),
    ] {
        let (a, b) = (Upstream::always("a", act).await, Upstream::start("b").await);
        let gateway = Arc::new(Gateway::with(&[&a, &b], by_default).await);
        let caller = tokio::spawn({
            let gateway = Arc::clone(&gateway);
            async move { gateway.ask(&body).await }
        });
        a.until_called(1).await;
        caller.abort();
        a.until_abandoned(1).await;
        until_idle(&gateway).await;
        assert_eq!((asked(&[&a, &b]), gateway.state(&a).await), (vec![1, 0], "ready".into()));
    }
}

/// Nobody is asked again for a caller who left while the gateway waited.
#[tokio::test]
async fn f49_a_caller_who_leaves_between_two_tries() {
    let a = Upstream::start("a").await;
    a.next([Act::response(429, &[("retry-after", "1")], "{}")]);
    let gateway = Arc::new(Gateway::with(&[&a], by_default).await);
    let caller = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.ask(&chat("hi")).await }
    });
    gateway.until_state(&a, "rate_limited").await;
    assert_eq!(gateway.admin("/status").await.json()["in_flight"], 1);
    caller.abort();
    until_idle(&gateway).await;
    gateway.until_state(&a, "probing").await;
    assert_eq!(a.call_count(), 1);
}

/// A slow reader slows the provider instead of filling memory, and keeps nobody else waiting.
#[tokio::test]
async fn f50_a_caller_who_hardly_reads() {
    let a = Upstream::start("a").await;
    let piece = "x".repeat(1024 * 1024);
    // More than the buffers of four sockets hold.
    a.next([(0..64).fold(Act::stream(), |act, _| act.says(&piece)).finishes().done().end()]);
    let gateway = Gateway::with(&[&a], by_default).await;
    let body = streamed("hi").to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut slow = TcpStream::connect(gateway.data).await.unwrap();
    slow.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..200 {
        slow.read_u8().await.unwrap();
        tokio::time::sleep(TICK).await;
    }
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
    drop(slow);
    // A provider that could have sent everything would not notice.
    a.until_abandoned(1).await;
    until_idle(&gateway).await;
    assert_eq!((a.call_count(), gateway.state(&a).await), (2, "ready".into()));
}
