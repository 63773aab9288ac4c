//! What a provider does with one request, as steps on its socket.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;

use super::upstream::Call;

/// One request's script. Without steps the provider closes the connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Act {
    steps: Vec<Step>,
    is_chunked: bool,
}

#[derive(Debug, Clone)]
enum Step {
    /// A complete answer with this text, streamed if that was asked for.
    Answer(String),
    Send(Vec<u8>),
    Wait(Duration),
    Hold(Gate),
    /// The rest only where there is room; else a rate limit.
    Enter(Room),
    Hang,
    Reset,
    /// The response is complete, and the connection may be used again.
    Complete,
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Played {
    Complete,
    Close,
    Reset,
}

/// Holds a script until the test lets it go on; says when somebody waits.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets every waiting script go on, and all later ones.
    pub(crate) fn open(&self) {
        self.0.close();
    }

    async fn wait(&self) {
        // An error means that the gate is open.
        drop(self.0.acquire().await);
    }
}

/// How many requests a provider takes at once, together over all of its connections.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    pub(crate) fn of(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }
}

impl Act {
    pub(crate) fn answer(text: &str) -> Self {
        Self::default().then(Step::Answer(text.to_owned()))
    }

    /// A whole response.
    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::response(status, &[("content-type", "application/json")], body)
    }

    /// A whole response with headers of its own.
    pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let length = body.len();
        Self::lying_response(status, headers, (body, length))
    }

    /// A body that ends before its announced length.
    pub(crate) fn truncated(body: &str) -> Self {
        let announced = body.len() + 100;
        let mut act =
            Self::lying_response(200, &[("content-type", "application/json")], (body, announced));
        act.steps.pop();
        act
    }

    fn lying_response(status: u16, headers: &[(&str, &str)], body: (&str, usize)) -> Self {
        let (body, announced) = body;
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("HTTP/1.1 {status} Said\r\n{lines}content-length: {announced}\r\n\r\n");
        Self::default().send(format!("{head}{body}").as_bytes()).then(Step::Complete)
    }

    /// Bytes that need not be HTTP, and then the end of the connection.
    pub(crate) fn bytes(bytes: &[u8]) -> Self {
        Self::default().send(bytes)
    }

    /// Accepts the request and never answers.
    pub(crate) fn hang() -> Self {
        Self::default().and_hang()
    }

    /// Resets the connection instead of an answer.
    pub(crate) fn reset() -> Self {
        Self::default().and_reset()
    }

    /// The head of an event stream in chunked encoding; the events follow.
    pub(crate) fn stream() -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        let mut act = Self::default().send(head.as_bytes());
        act.is_chunked = true;
        act
    }

    /// The head of an event stream that ends with the connection.
    pub(crate) fn unframed_stream() -> Self {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        Self::default().send(head.as_bytes())
    }

    /// Bytes of a stream's body.
    pub(crate) fn raw(self, bytes: &[u8]) -> Self {
        if !self.is_chunked {
            return self.send(bytes);
        }
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.send(&chunk)
    }

    /// One event.
    pub(crate) fn event(self, data: &str) -> Self {
        self.raw(format!("data: {data}\n\n").as_bytes())
    }

    /// The event with which most providers begin: a role and no content.
    pub(crate) fn role(self) -> Self {
        self.event(&piece(&json!({"role": "assistant", "content": ""}), None))
    }

    /// One event of content.
    pub(crate) fn says(self, text: &str) -> Self {
        self.event(&piece(&json!({"content": text}), None))
    }

    pub(crate) fn finishes(self) -> Self {
        self.event(&piece(&json!({}), Some("stop")))
    }

    /// The event that carries the token counts.
    pub(crate) fn usage(self) -> Self {
        self.event(USAGE_EVENT)
    }

    pub(crate) fn done(self) -> Self {
        self.event("[DONE]")
    }

    /// The end of a stream as HTTP wants it.
    pub(crate) fn end(self) -> Self {
        if self.is_chunked { self.send(b"0\r\n\r\n").then(Step::Complete) } else { self }
    }

    /// Waits before what follows.
    pub(crate) fn wait(self, pause: Duration) -> Self {
        self.then(Step::Wait(pause))
    }

    /// Waits until the gate opens.
    pub(crate) fn hold(self, gate: &Gate) -> Self {
        self.then(Step::Hold(gate.clone()))
    }

    /// Says nothing more, with the connection open.
    pub(crate) fn and_hang(self) -> Self {
        self.then(Step::Hang)
    }

    pub(crate) fn and_reset(self) -> Self {
        self.then(Step::Reset)
    }

    /// The same after the gate has opened.
    pub(crate) fn behind(mut self, gate: &Gate) -> Self {
        self.steps.insert(0, Step::Hold(gate.clone()));
        self
    }

    /// The same where the room has a place, which it keeps until its end; a rate limit without a time where it has none.
    pub(crate) fn within(mut self, room: &Room) -> Self {
        self.steps.insert(0, Step::Enter(room.clone()));
        self
    }

    /// The same after a while.
    pub(crate) fn behind_wait(mut self, pause: Duration) -> Self {
        self.steps.insert(0, Step::Wait(pause));
        self
    }

    fn send(self, bytes: &[u8]) -> Self {
        self.then(Step::Send(bytes.to_vec()))
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(super) async fn play(
        &self,
        call: &Call,
        socket: &mut (impl AsyncWrite + Unpin),
    ) -> std::io::Result<Played> {
        let mut _place = None;
        for step in &self.steps {
            match step {
                Step::Enter(room) => match room.0.try_acquire() {
                    Ok(place) => _place = Some(place),
                    Err(_) => return Box::pin(Self::status(429, "{}").play(call, socket)).await,
                },
                Step::Answer(text) => {
                    return Box::pin(answer(text, call).play(call, socket)).await;
                }
                Step::Send(bytes) => socket.write_all(bytes).await?,
                Step::Wait(pause) => tokio::time::sleep(*pause).await,
                Step::Hold(gate) => gate.wait().await,
                Step::Hang => std::future::pending().await,
                Step::Reset => return Ok(Played::Reset),
                Step::Complete => return Ok(Played::Complete),
            }
        }
        Ok(Played::Close)
    }
}

const USAGE_EVENT: &str = r#"{"id":"x","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;

/// A good answer in the form that was asked for; counts tokens in a stream only when asked to, as OpenAI does.
fn answer(text: &str, call: &Call) -> Act {
    let asked = call.json();
    if asked["stream"] != json!(true) {
        let body = json!({
            "id": "x", "object": "chat.completion", "created": 1, "model": asked["model"],
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        });
        return Act::status(200, &body.to_string());
    }
    let words = text.split_inclusive(' ');
    let said = words.fold(Act::stream().role(), Act::says).finishes();
    let counts = asked["stream_options"]["include_usage"] == json!(true);
    let counted = if counts { said.usage() } else { said };
    counted.done().end()
}

fn piece(delta: &Value, finish: Option<&str>) -> String {
    json!({
        "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    })
    .to_string()
}
