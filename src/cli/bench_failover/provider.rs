//! A provider on a socket of its own, which fails as it is told to and counts what it is asked.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::answer::{text, usage};
use super::faults::Fault;
use super::wire::Wire;

/// Where providers listen: below the ports that systems give to connections, so that a closed listener can open again.
pub(super) const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// What a rate limit asks for, in seconds; less than one cannot be said.
const RETRY_AFTER: u8 = 1;
/// A page for browsers.
const PAGE: &str =
    "<html><head><title>Oops</title></head><body><h1>Something broke</h1></body></html>";

/// A scripted provider.
#[derive(Debug)]
pub(super) struct Provider {
    address: SocketAddr,
    state: Arc<State>,
    listening: Option<Listening>,
}

#[derive(Debug)]
struct Listening {
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    who: usize,
    /// How long it takes to say its first word when it is slow.
    slow_start: Duration,
    fault: watch::Sender<Option<Fault>>,
    /// Requests that came while it was well, and then by fault.
    asked_well: AtomicU64,
    asked: [AtomicU64; Fault::ALL.len()],
}

impl Provider {
    /// Listens at the first free one of the ports, and answers well.
    pub(super) async fn start(
        who: usize,
        slow_start: Duration,
        ports: &mut impl Iterator<Item = u16>,
    ) -> anyhow::Result<Self> {
        let state = State {
            who,
            slow_start,
            fault: watch::Sender::new(None),
            asked_well: AtomicU64::default(),
            asked: Default::default(),
        };
        for port in ports {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            if let Ok(listener) = TcpListener::bind(address).await {
                let mut provider = Self { address, state: Arc::new(state), listening: None };
                provider.listen(listener);
                return Ok(provider);
            }
        }
        anyhow::bail!("no free port from {} to {}", PORTS.start, PORTS.end)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Fails like this from now on, or not at all.
    pub(super) async fn set(&mut self, fault: Option<Fault>) -> anyhow::Result<()> {
        self.state.fault.send_replace(fault);
        match (self.listening.take(), fault == Some(Fault::Refused)) {
            (Some(Listening { stop, accepting }), true) => {
                stop.cancel();
                // The port is closed when the task has ended.
                accepting.await.context("a provider's task ended")?;
            }
            (None, false) => {
                let bound = TcpListener::bind(self.address).await;
                self.listen(bound.with_context(|| format!("{} was taken", self.address))?);
            }
            (listening, _) => self.listening = listening,
        }
        Ok(())
    }

    /// Requests that came while it failed like this, or was well.
    pub(super) fn asked(&self, fault: Option<Fault>) -> u64 {
        self.state.counter(fault).load(Ordering::Relaxed)
    }

    fn listen(&mut self, listener: TcpListener) {
        let (stop, state) = (CancellationToken::new(), Arc::clone(&self.state));
        let stopped = stop.clone();
        let accepting = tokio::spawn(async move {
            while let Some(Ok((stream, _))) = stopped.run_until_cancelled(listener.accept()).await {
                let (state, stopped) = (Arc::clone(&state), stopped.clone());
                tokio::spawn(async move {
                    let served = async { state.serve(Wire::new(stream)?).await };
                    // A gateway that leaves early is what some of the faults are for.
                    drop(stopped.run_until_cancelled(served).await);
                });
            }
        });
        self.listening = Some(Listening { stop, accepting });
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.stop.cancel();
        }
    }
}

/// What is read of a request.
#[derive(Debug, Deserialize)]
struct Asked {
    model: String,
    #[serde(default)]
    stream: bool,
    messages: Vec<Turn>,
}

#[derive(Debug, Deserialize)]
struct Turn {
    content: String,
}

impl State {
    fn counter(&self, fault: Option<Fault>) -> &AtomicU64 {
        let at = fault.and_then(|fault| Fault::ALL.iter().position(|known| *known == fault));
        at.and_then(|at| self.asked.get(at)).unwrap_or(&self.asked_well)
    }

    async fn serve(&self, mut wire: Wire) -> std::io::Result<()> {
        while let Some(head) = wire.head().await? {
            let mut body = Vec::new();
            wire.body(&head, &mut body).await?;
            let fault = *self.fault.borrow();
            self.counter(fault).fetch_add(1, Ordering::Relaxed);
            let asked: Asked = serde_json::from_slice(&body)?;
            match fault {
                None => self.answer(&asked, None, &mut wire).await?,
                Some(Fault::SlowStart) => {
                    self.answer(&asked, Some(self.slow_start), &mut wire).await?;
                }
                Some(Fault::Reset) => return wire.reset(),
                Some(Fault::Refused) => return Ok(()),
                Some(Fault::Hang) => wire.hung_up().await,
                Some(Fault::Unavailable) => {
                    let error = error("the engine is overloaded", "server_error", "overloaded");
                    wire.write(response(503, "", "application/json", &error).as_bytes()).await?;
                }
                Some(Fault::RateLimited) => {
                    let error = error("too fast", "rate_limit_error", "rate_limit_exceeded");
                    let hint = format!("retry-after: {RETRY_AFTER}\r\n");
                    wire.write(response(429, &hint, "application/json", &error).as_bytes()).await?;
                }
                Some(Fault::ServerError) => {
                    wire.write(response(500, "", "text/html", PAGE).as_bytes()).await?;
                }
                Some(Fault::Garbage) => {
                    wire.write(response(200, "", "text/html", PAGE).as_bytes()).await?;
                }
                Some(Fault::InBandError) => {
                    let error = error("the server had an error", "server_error", "server_error");
                    let (kind, said) = if asked.stream {
                        ("text/event-stream", event(&error))
                    } else {
                        ("application/json", error)
                    };
                    wire.write(response(200, "", kind, &said).as_bytes()).await?;
                }
            }
        }
        Ok(())
    }

    /// An answer of its own: words and tokens are this provider's, the model is the one that was asked for.
    async fn answer(
        &self,
        asked: &Asked,
        pause: Option<Duration>,
        wire: &mut Wire,
    ) -> std::io::Result<()> {
        let content = asked.messages.last().map_or("", |turn| turn.content.as_str());
        let number = content.rsplit(' ').next().and_then(|number| number.parse().ok());
        let said = text(self.who, number.unwrap_or_default());
        if !asked.stream {
            wait(pause).await;
            let message = json!({"role": "assistant", "content": said});
            let choices = json!([{"index": 0, "message": message, "finish_reason": "stop"}]);
            let whole = json!({
                "id": "x", "object": "chat.completion", "created": 0, "model": asked.model,
                "choices": choices, "usage": usage(self.who),
            });
            let whole = response(200, "", "application/json", &whole.to_string());
            return wire.write(whole.as_bytes()).await;
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        wire.write(head.as_bytes()).await?;
        wait(pause).await;
        for part in parts(&asked.model, &said, self.who) {
            // One write an event, as providers do.
            let event = event(&part);
            wire.write(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
        }
        wire.write(b"0\r\n\r\n").await
    }
}

/// Even the shortest sleep takes a millisecond, which is longer than the rest of an answer.
async fn wait(pause: Option<Duration>) {
    if let Some(pause) = pause {
        tokio::time::sleep(pause).await;
    }
}

/// The events of a streamed answer.
fn parts(named: &str, said: &str, who: usize) -> Vec<String> {
    let part = |choices: Value, usage: Value| {
        json!({
            "id": "x", "object": "chat.completion.chunk", "created": 0, "model": named,
            "choices": choices, "usage": usage,
        })
        .to_string()
    };
    let delta = |delta: Value, finish: Option<&str>| {
        part(json!([{"index": 0, "delta": delta, "finish_reason": finish}]), Value::Null)
    };
    let mut parts = vec![delta(json!({"role": "assistant", "content": ""}), None)];
    parts.extend(said.split_inclusive(' ').map(|word| delta(json!({"content": word}), None)));
    parts.push(delta(json!({}), Some("stop")));
    parts.push(part(json!([]), usage(who)));
    parts.push("[DONE]".to_owned());
    parts
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

fn error(message: &str, kind: &str, code: &str) -> String {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
}

fn response(status: u16, fields: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\n{fields}content-length: {length}\r\n\r\n{body}"
    )
}
