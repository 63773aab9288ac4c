//! Simulated providers, so that a first request works without an account: an OpenAI-compatible server on a loopback port of
//! its own. The gateway reaches it like any provider; nothing else in the program knows of it.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Between two words, so that a stream looks like one.
const WORD_PAUSE: Duration = Duration::from_millis(15);
/// Longest accepted body; the gateway in front has its own limit.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How much of a prompt is repeated.
const ECHO_CHARS: usize = 60;

/// Serves every provider's simulation under `/<provider>/v1` until `stop`. The providers `down` answer 503, which shows a
/// failover.
///
/// # Errors
/// When the listener fails.
pub async fn serve_sandbox(
    listener: TcpListener,
    down: Vec<String>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let answer = move |Path(provider): Path<String>, body: Body| {
        let is_down = down.contains(&provider);
        async move {
            if is_down {
                return refuse(StatusCode::SERVICE_UNAVAILABLE, "simulated outage");
            }
            let read = axum::body::to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
            match serde_json::from_slice::<Asked>(&read) {
                Ok(asked) => respond(&provider, &asked),
                Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        }
    };
    let router = Router::new().route("/{provider}/v1/chat/completions", post(answer));
    super::serve(listener, router, stop, super::STALL_MAX).await
}

#[derive(Deserialize)]
struct Asked {
    model: String,
    messages: Vec<Value>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    tools: Vec<Value>,
    #[serde(default)]
    tool_choice: Value,
    #[serde(default)]
    response_format: Value,
}

fn respond(provider: &str, asked: &Asked) -> Response {
    let id = format!("chatcmpl-sandbox-{}", uuid::Uuid::now_v7().simple());
    let message = message(provider, asked);
    let said = message.get("content").and_then(Value::as_str).unwrap_or_default().to_owned();
    let finish = if message.get("tool_calls").is_some() { "tool_calls" } else { "stop" };
    let usage = usage(asked, &said);
    if !asked.stream {
        let answer = json!({
            "id": id, "object": "chat.completion", "created": 0, "model": asked.model,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
            "usage": usage,
        });
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        return (kind, answer.to_string()).into_response();
    }
    let event = |choices: Value, counted: Value| {
        json!({
            "id": id, "object": "chat.completion.chunk", "created": 0, "model": asked.model,
            "choices": choices, "usage": counted,
        })
    };
    let delta = |delta: Value| {
        event(json!([{"index": 0, "delta": delta, "finish_reason": null}]), Value::Null)
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}))];
    if let Some(calls) = message.get("tool_calls") {
        let mut calls = calls.clone();
        for (index, call) in calls.as_array_mut().into_iter().flatten().enumerate() {
            call["index"] = json!(index);
        }
        events.push(delta(json!({"tool_calls": calls})));
    }
    let words = said.split_inclusive(' ');
    events.extend(words.map(|word| delta(json!({"content": word}))));
    events.push(event(json!([{"index": 0, "delta": {}, "finish_reason": finish}]), Value::Null));
    events.push(event(json!([]), usage));
    let mut lines: Vec<String> = events.iter().map(|each| format!("data: {each}\n\n")).collect();
    lines.push("data: [DONE]\n\n".to_owned());
    event_stream(lines)
}

fn event_stream(lines: Vec<String>) -> Response {
    let body = Body::from_stream(stream::unfold(lines.into_iter(), |mut lines| async {
        let line = lines.next()?;
        tokio::time::sleep(WORD_PAUSE).await;
        Some((Ok::<Bytes, std::convert::Infallible>(Bytes::from(line)), lines))
    }));
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))];
    (kind, body).into_response()
}

/// What the simulated model says: who it stands for, and what it heard. A tool is called only when one has to be.
fn message(provider: &str, asked: &Asked) -> Value {
    let must_call = asked.tool_choice == "required" || asked.tool_choice.is_object();
    let wanted = asked.tool_choice.pointer("/function/name").and_then(Value::as_str);
    let name_of =
        |tool: &Value| tool.pointer("/function/name").and_then(Value::as_str).map(str::to_owned);
    let tool = wanted.map(str::to_owned).or_else(|| asked.tools.iter().find_map(name_of));
    if let Some(name) = tool.filter(|_| must_call) {
        let call = json!({"id": "call_sandbox", "type": "function",
            "function": {"name": name, "arguments": "{}"}});
        return json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call]});
    }
    let heard: String = last_user_text(asked).chars().take(ECHO_CHARS).collect();
    let said = format!(
        "This is the sandbox standing in for {provider}/{}. It heard: \"{heard}\". \
         Set a provider's API key and restart to hear a real model.",
        asked.model
    );
    let kind = asked.response_format.get("type").and_then(Value::as_str).unwrap_or("text");
    let content = if kind == "text" { said } else { json!({"sandbox": said}).to_string() };
    json!({"role": "assistant", "content": content, "refusal": null})
}

fn last_user_text(asked: &Asked) -> String {
    let user = asked.messages.iter().rev().find(|message| message["role"] == "user");
    match user.and_then(|message| message.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<&str>>().join(" ")
        }
        Some(_) | None => String::new(),
    }
}

/// About four characters a token; a simulation need not be exact.
fn usage(asked: &Asked, said: &str) -> Value {
    let read: usize = asked.messages.iter().map(|message| message.to_string().len()).sum();
    let (read, written) = (read.div_ceil(4), said.len().div_ceil(4));
    json!({"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written})
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let body =
        json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}});
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, kind, body.to_string()).into_response()
}
