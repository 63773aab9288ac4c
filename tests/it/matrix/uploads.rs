//! F36: a provider that answers before it has read the request.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::by_default;
use crate::support::{Gateway, PATIENCE, PROMPTLY, Upstream, chat};

/// Far more than the buffers of two sockets hold.
const BODY_BYTES: usize = 48 * 1024 * 1024;

/// Answers as soon as it has read a head, and holds the connection. When told to, it reads on to the end and counts.
fn early(status: u16) -> (String, oneshot::Sender<()>, tokio::task::JoinHandle<Option<usize>>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(8).unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (go_on, goes_on) = oneshot::channel();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let body = r#"{"error":{"message":"no, thanks","type":"invalid_request_error"}}"#;
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} No\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        goes_on.await.unwrap();
        let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
        let all = async {
            // A reset is an end as well.
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                read += count;
            }
            read
        };
        timeout(PATIENCE, all).await.ok()
    });
    (base_url, go_on, serving)
}

/// Its answer is the caller's at once, and the rest of the request is not sent.
#[tokio::test]
async fn f36_an_answer_before_the_request_is_sent() {
    let long = chat(&"word ".repeat(BODY_BYTES / 5));
    for (status, expected, who) in [(413, 413, ""), (400, 400, ""), (401, 200, "b/model-b")] {
        let (base_url, go_on, upstream) = early(status);
        let (a, b) = (Upstream::refusing("a"), Upstream::start("b").await);
        let change = |config: &mut Value| {
            by_default(config);
            config["providers"]["a"]["base_url"] = json!(base_url);
            config["server"]["body_bytes_max"] = json!(2 * BODY_BYTES);
            // Only with somebody else to ask is a refused key no end.
            if status != 401 {
                config["tiers"]["general"]["targets"] = json!([a.target()]);
            }
        };
        let gateway = Gateway::with(&[&a, &b], change).await;
        let started = Instant::now();
        let answer = gateway.ask(&long).await;
        let took = started.elapsed();
        assert_eq!(answer.status, expected, "{answer:?}");
        if !who.is_empty() {
            assert_eq!(answer.header("x-semroute-target"), who);
        }
        // Most of it is the way of so long a body to the gateway.
        assert!(took < Duration::from_secs(8), "{took:?}");
        go_on.send(()).unwrap();
        let read = timeout(PATIENCE + PROMPTLY, upstream).await.unwrap().unwrap();
        let read = read.expect("the connection was not closed");
        assert!(read < BODY_BYTES / 4, "{status}: {read} of {BODY_BYTES} bytes were sent");
    }
}
