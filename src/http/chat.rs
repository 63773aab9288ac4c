//! What callers ask of models: `POST /v1/chat/completions` and the other surfaces, and `POST /v1/route`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::App;
use super::error::{ApiError, surface_of};
use super::generation::Generation;
use super::stream::{Streamed, event_stream};
use crate::chat::{ChatRequest, Fields, Surface};
use crate::execute::Reply;
use crate::pipeline::{Incoming, Refusal};
use crate::receipt::{End, Receipt};
use crate::surface::messages::Purpose;
use crate::surface::{self, About, Writer};

/// Longest time for a body to arrive. A slow one holds a place among the requests in flight.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest time that a caller may ask for; more is no deadline.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers `POST /v1/messages/count_tokens` by an estimate, since nobody has been chosen to count; a header says so.
pub(super) async fn count_tokens(
    State(app): State<Arc<App>>,
    Extension(generation): Extension<Arc<Generation>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let serving = Serving { app, generation, surface: Surface::Messages };
    let counted = async {
        let _permit = enter(&serving)?;
        let body = read_body(&serving, &headers, body).await?;
        let fields = Fields::read(&body).map_err(Refusal::from)?;
        let asked = surface::messages::read(&fields, Purpose::Count).map_err(Refusal::from)?;
        Ok::<u64, ApiError>(surface::messages::input_tokens(&asked.1))
    };
    match counted.await {
        Ok(tokens) => {
            let mut response = json_response(json!({"input_tokens": tokens}).to_string());
            let estimated = HeaderValue::from_static("true");
            response.headers_mut().insert("x-semroute-estimated", estimated);
            response
        }
        Err(error) => error.into_response(),
    }
}

/// Answers a conversation, in the dialect of the path.
pub(super) async fn converse(
    State(app): State<Arc<App>>,
    Extension(generation): Extension<Arc<Generation>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let serving = Serving { app, generation, surface: surface_of(uri.path()) };
    let received = Instant::now();
    let mut receipt = serving.receipt(received);
    match answer(&serving, &headers, body, &mut receipt).await {
        Ok(Answered::Whole(json)) => {
            receipt.timings.first_content = Some(received.elapsed());
            receipt.close(End::Served, Instant::now());
            with_headers(json_response(json), &receipt)
        }
        Ok(Answered::Stream(stream)) => {
            let explained = receipt.headers();
            let id = receipt.id.to_string();
            let mut response = Response::new(event_stream(stream, receipt));
            let written = response.headers_mut();
            for (name, value) in [
                (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
                (header::CACHE_CONTROL, "no-cache"),
                (HeaderName::from_static("x-accel-buffering"), "no"),
            ] {
                written.insert(name, HeaderValue::from_static(value));
            }
            explain(written, &id, explained);
            response
        }
        Err(error) => refuse(error, &mut receipt),
    }
}

/// The decision and the plan for a chat request; nobody is called.
pub(super) async fn route(
    State(app): State<Arc<App>>,
    Extension(generation): Extension<Arc<Generation>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let serving = Serving { app, generation, surface: Surface::Chat };
    let mut receipt = serving.receipt(Instant::now());
    match explained(&serving, &headers, body, &mut receipt).await {
        Ok(json) => {
            receipt.close(End::Served, Instant::now());
            with_headers(json_response(json), &receipt)
        }
        Err(error) => refuse(error, &mut receipt),
    }
}

/// What one request is served by.
struct Serving {
    app: Arc<App>,
    generation: Arc<Generation>,
    /// What the caller speaks.
    surface: Surface,
}

impl Serving {
    fn receipt(&self, received: Instant) -> Receipt {
        Receipt::open(Arc::clone(&self.generation.pipeline.snapshot), received)
    }
}

enum Answered {
    Whole(String),
    Stream(Streamed),
}

async fn answer(
    serving: &Serving,
    headers: &HeaderMap,
    body: Body,
    receipt: &mut Receipt,
) -> Result<Answered, ApiError> {
    if headers.contains_key("x-semroute-dry-run") {
        return explained(serving, headers, body, receipt).await.map(Answered::Whole);
    }
    let permit = enter(serving)?;
    let body = read_body(serving, headers, body).await?;
    let incoming = incoming(serving, headers, &body, receipt.received)?;
    let (chat, reply) = serving.generation.pipeline.answer(&incoming, receipt).await?;
    match reply {
        Reply::Whole(completion) => {
            receipt.usage = completion.usage;
            receipt.losses = completion.losses.clone();
            Ok(Answered::Whole(surface::whole(&chat, *completion, &about(&chat, receipt))))
        }
        Reply::Stream(committed) => {
            receipt.losses = committed.losses().clone();
            let writer = Writer::new(&chat, about(&chat, receipt));
            Ok(Answered::Stream(Streamed { committed, writer, permit }))
        }
    }
}

async fn explained(
    serving: &Serving,
    headers: &HeaderMap,
    body: Body,
    receipt: &mut Receipt,
) -> Result<String, ApiError> {
    let _permit = enter(serving)?;
    let body = read_body(serving, headers, body).await?;
    let incoming = incoming(serving, headers, &body, receipt.received)?;
    serving.generation.pipeline.explain(&incoming, receipt).await?;
    Ok(receipt.explain().to_string())
}

/// What the answer is called where its provider gives it no name.
fn about(chat: &ChatRequest, receipt: &Receipt) -> About {
    let prefix = match chat.surface() {
        Surface::Chat => "chatcmpl-",
        Surface::Messages => "msg_",
        Surface::Responses => "resp_",
        Surface::Completions => "cmpl-",
    };
    let target = receipt.target().and_then(|target| target.split_once('/'));
    let model = target.map_or_else(|| chat.model(), |(_, model)| model).to_owned();
    // A receipt's id begins with its time (RFC 9562 section 5.7).
    let (created, _) = receipt.id.get_timestamp().map_or((0, 0), |time| time.to_unix());
    About { id: format!("{prefix}{}", receipt.id.simple()), created, model }
}

/// A place among the requests in flight, or a refusal at once: waiting in line would help nobody.
fn enter(Serving { app, generation, .. }: &Serving) -> Result<OwnedSemaphorePermit, ApiError> {
    let limit = generation.server().in_flight_max;
    let taken = Arc::clone(&app.in_flight).try_acquire_owned();
    // The own place is counted too, so that two who come at once cannot both pass as the last one.
    taken.ok().filter(|_| app.in_flight() <= limit).ok_or_else(|| {
        let message = format!("{limit} requests are in flight already");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message).retry_after(1)
    })
}

async fn read_body(serving: &Serving, headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_json = kind.eq_ignore_ascii_case("application/json")
        || (kind.starts_with("application/") && kind.ends_with("+json"));
    if !is_json {
        let message =
            format!("the content type is `{kind}`; send `Content-Type: application/json`");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(ApiError::new(status, "unsupported_media_type", message));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        let message = "compressed bodies are not read; send the body as it is";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(ApiError::new(status, "unsupported_media_type", message));
    }
    let limit = serving.generation.server().body_bytes_max;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let too_long = announced
        .and_then(|length| length.parse::<usize>().ok())
        .is_some_and(|length| length > limit);
    if too_long {
        return Err(too_large(limit));
    }
    tokio::time::timeout(BODY_TIME_MAX, collect(body, limit)).await.unwrap_or_else(|_elapsed| {
        let message = format!("the body did not come within {} s", BODY_TIME_MAX.as_secs());
        Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message))
    })
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_broken| {
            let message = "the body broke off, or its chunks are not well formed";
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", message)
        })?;
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("the body is longer than {limit} bytes; see server.body_bytes_max");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
}

fn incoming<'a>(
    serving: &Serving,
    headers: &'a HeaderMap,
    body: &'a [u8],
    received: Instant,
) -> Result<Incoming<'a>, ApiError> {
    let text = |name: &'static str| match headers.get(name) {
        None => Ok(None),
        Some(value) => value.to_str().map(Some).map_err(|_invalid| bad_header(name, "not text")),
    };
    let name = "x-semroute-timeout-ms";
    let timeout = match text(name)? {
        None => None,
        Some(value) => match value.trim().parse::<u64>() {
            Ok(0) | Err(_) => return Err(bad_header(name, "not a whole number above 0")),
            Ok(milliseconds) => Some(Duration::from_millis(milliseconds).min(TIMEOUT_MAX)),
        },
    };
    let (surface, tier) = (serving.surface, text("x-semroute-tier")?);
    let headers = passed_on(surface, headers);
    Ok(Incoming { surface, body, headers, tier, timeout, received })
}

/// What a provider of the caller's own dialect should see: versions and betas of its interface.
fn passed_on(surface: Surface, headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let names: &[&'static str] = match surface {
        Surface::Messages => &["anthropic-version", "anthropic-beta"],
        Surface::Chat | Surface::Responses | Surface::Completions => &[],
    };
    let said = names.iter().filter_map(|name| {
        // A list may be spread over several lines (RFC 9110 section 5.3).
        let values = headers.get_all(*name).iter().filter_map(|value| value.to_str().ok());
        let joined = values.collect::<Vec<&str>>().join(",");
        (!joined.is_empty()).then_some((*name, joined))
    });
    said.collect()
}

fn bad_header(name: &str, reason: &str) -> ApiError {
    let message = format!("the header `{name}` is {reason}");
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_value", message).about(name)
}

fn refuse(error: ApiError, receipt: &mut Receipt) -> Response {
    receipt.close(End::Refused { status: error.status.as_u16() }, Instant::now());
    with_headers(error.into_response(), receipt)
}

fn json_response(json: String) -> Response {
    let mut response = Response::new(Body::from(json));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn with_headers(mut response: Response, receipt: &Receipt) -> Response {
    explain(response.headers_mut(), &receipt.id.to_string(), receipt.headers());
    response
}

/// Writes the receipt's headers. A value that no header may carry is left out: names of models are the caller's to choose.
fn explain(headers: &mut HeaderMap, id: &str, explained: Vec<(&'static str, String)>) {
    let named = explained.into_iter().map(|(name, value)| (format!("x-semroute-{name}"), value));
    for (name, value) in named.chain([("x-request-id".to_owned(), id.to_owned())]) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}
