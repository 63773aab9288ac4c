//! F49 and F50: callers that leave and callers that hardly read.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use tokio::time::Instant;

use super::{asked, by_default};
use crate::support::{Act, Gateway, PATIENCE, PROMPTLY, Upstream, chat, streamed};

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

/// A request as bytes.
fn as_bytes(body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    );
    [head, body].concat().into_bytes()
}

/// More than the buffers of four sockets hold.
fn long_answer() -> Act {
    let piece = "x".repeat(1024 * 1024);
    (0..64).fold(Act::stream(), |act, _| act.says(&piece)).finishes().done().end()
}

/// Who takes nothing for too long is cut off, and the provider stops at once; who takes a little now and then is not.
#[tokio::test]
async fn f50_a_caller_who_takes_nothing() {
    let stall_max = Duration::from_millis(600);
    let a = Upstream::start("a").await;
    a.next([long_answer(), long_answer()]);
    let gateway = Gateway::with_stall(&[&a], stall_max, by_default).await;
    let mut callers = Vec::new();
    for _ in 0..2 {
        let mut caller = TcpStream::connect(gateway.data).await.unwrap();
        caller.write_all(&as_bytes(&streamed("hi"))).await.unwrap();
        callers.push(caller);
    }
    let (mut reads, stalls) = (callers.remove(0), callers.remove(0));
    let reader = tokio::spawn(async move {
        let mut piece = vec![0; 64 * 1024];
        while reads.read_exact(&mut piece).await.is_ok() {
            tokio::time::sleep(TICK * 10).await;
        }
    });
    a.until_called(2).await;
    let started = Instant::now();
    a.until_abandoned_within(PATIENCE, 1).await;
    let took = started.elapsed();
    assert!(took >= stall_max / 2, "{took:?}");
    assert!(!reader.is_finished(), "who reads was cut off");
    reader.abort();
    a.until_abandoned(2).await;
    until_idle(&gateway).await;
    assert_eq!((a.call_count(), gateway.state(&a).await), (2, "ready".into()));
    drop(stalls);
}

/// A slow reader slows the provider instead of filling memory, and keeps nobody else waiting.
#[tokio::test]
async fn f50_a_caller_who_hardly_reads() {
    let a = Upstream::start("a").await;
    a.next([long_answer()]);
    let gateway = Gateway::with(&[&a], by_default).await;
    let mut slow = TcpStream::connect(gateway.data).await.unwrap();
    slow.write_all(&as_bytes(&streamed("hi"))).await.unwrap();
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
