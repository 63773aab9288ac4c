//! Errors: the only file that knows which failure has which status.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::chat::Surface;
use crate::execute::NoReply;
use crate::health::{Outcome, Phase};
use crate::pipeline::Refusal;
use crate::plan::Lack;
use crate::provider::ProviderError;
use crate::surface::{self, Fault};

/// How long a caller should wait when every target is failing; the breakers' own first time.
const RETRY_AFTER_SECONDS: u64 = 2;

/// An error for a caller.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    kind: &'static str,
    code: String,
    message: String,
    param: Option<String>,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let (code, message) = (code.to_owned(), message.into());
        Self { status, kind, code, message, param: None, retry_after: None }
    }

    pub(super) fn about(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(super) fn no_key() -> Self {
        let message = "no API key; send `Authorization: Bearer <key>`";
        Self::new(StatusCode::UNAUTHORIZED, "missing_api_key", message)
    }

    pub(super) fn wrong_key() -> Self {
        let message = "this API key is not known here";
        Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
    }

    pub(super) fn unknown_model(message: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, "model_not_found", message).about("model")
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BadRequest(bad) => {
                let mut error = Self::new(StatusCode::BAD_REQUEST, bad.code, bad.message);
                error.param = bad.param;
                error
            }
            Refusal::UnknownModel(unknown) => {
                Self::unknown_model(unknown.to_string()).about(unknown.param)
            }
            Refusal::NoReply(why) => Self::from(why),
        }
    }
}

impl From<NoReply> for ApiError {
    fn from(why: NoReply) -> Self {
        let message = why.to_string();
        match why {
            NoReply::Refused { status, error } => refused(status, error),
            NoReply::NoKey { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_provider_key", message)
            }
            NoReply::RateLimited { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message)
                    .retry_after(seconds(Some(retry_after)))
            }
            NoReply::NobodyFits { lack } => {
                let code = match lack {
                    Lack::Context { .. } => "context_length_exceeded",
                    Lack::Images | Lack::Tools | Lack::JsonSchema | Lack::Prefill => "unsupported",
                };
                Self::new(StatusCode::BAD_REQUEST, code, message)
            }
            NoReply::Unavailable { retry_after } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "upstream_unavailable", message)
                    .retry_after(seconds(retry_after))
            }
            NoReply::Deadline => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", message)
            }
            NoReply::AllFailed { last, heals, retry_after } => {
                let (status, code) = status_of(last);
                let failed = Self::new(status, code, message);
                if heals { failed.retry_after(seconds(retry_after)) } else { failed }
            }
        }
    }
}

/// Whole seconds, and at least one: some clients read nothing else.
fn seconds(wait: Option<Duration>) -> u64 {
    let whole = wait.map(|wait| wait.as_millis().div_ceil(1000).max(1));
    whole.map_or(RETRY_AFTER_SECONDS, |seconds| u64::try_from(seconds).unwrap_or(u64::MAX))
}

/// A provider's refusal in the provider's words.
fn refused(status: u16, error: ProviderError) -> ApiError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let code = error.code.as_deref().unwrap_or("invalid_request");
    let message = if error.message.is_empty() {
        "the provider refused this request without saying why".to_owned()
    } else {
        error.message
    };
    let mut refused = ApiError::new(status, code, message);
    refused.param = error.param;
    refused
}

/// A provider's 401 or 402 is our operator's business and never becomes the caller's.
fn status_of(last: Outcome) -> (StatusCode, &'static str) {
    match last {
        Outcome::TimedOut(
            Phase::Answer
            | Phase::FirstContent
            | Phase::Usual
            | Phase::Share
            | Phase::Idle
            | Phase::Total
            | Phase::Connect,
        ) => (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
        Outcome::CredentialRefused | Outcome::Forbidden => {
            (StatusCode::BAD_GATEWAY, "upstream_auth")
        }
        Outcome::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "upstream_overloaded"),
        Outcome::QuotaGone => (StatusCode::BAD_GATEWAY, "upstream_quota"),
        Outcome::ModelMissing => (StatusCode::BAD_GATEWAY, "upstream_model_missing"),
        Outcome::Unsupported => (StatusCode::BAD_GATEWAY, "upstream_unsupported"),
        Outcome::RateLimited { .. }
        | Outcome::Unreachable
        | Outcome::Reset
        | Outcome::ServerError
        | Outcome::BadReply
        | Outcome::InBandError
        | Outcome::CutOff
        | Outcome::Served
        | Outcome::ContextTooLong
        | Outcome::CallerFault
        | Outcome::Policy
        | Outcome::NotNeeded
        | Outcome::Diverged
        | Outcome::ClientGone => (StatusCode::BAD_GATEWAY, "upstream_error"),
    }
}

impl IntoResponse for ApiError {
    /// In OpenAI's shape; [`in_the_callers_shape`] changes it where the caller speaks another dialect.
    fn into_response(self) -> Response {
        let fault = Fault {
            status: self.status.as_u16(),
            kind: self.kind.to_owned(),
            code: self.code,
            message: self.message,
            param: self.param,
        };
        let body = surface::fault(Surface::Chat, &fault, "");
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // Client libraries retry on their own. Where our own walk has tried everyone, that only multiplies the load.
        let retry = if self.retry_after.is_some() { "true" } else { "false" };
        headers.insert("x-should-retry", HeaderValue::from_static(retry));
        response.extensions_mut().insert(fault);
        response
    }
}

/// Writes errors in the dialect of the path that was asked for.
pub(super) async fn in_the_callers_shape(request: Request, next: Next) -> Response {
    let surface = surface_of(request.uri().path());
    let mut response = next.run(request).await;
    if let (Surface::Messages, Some(id)) = (surface, response.headers().get("x-request-id")) {
        let id = id.clone();
        response.headers_mut().insert("request-id", id);
    }
    let Some(fault) = response.extensions_mut().remove::<Fault>() else { return response };
    let request_id = response.headers().get("x-request-id").cloned();
    let id = request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    let body = surface::fault(surface, &fault, id);
    *response.body_mut() = Body::from(body.to_string());
    response
}

/// What callers of a path speak.
pub(super) fn surface_of(path: &str) -> Surface {
    let bare = path.strip_prefix("/v1").unwrap_or(path);
    match bare.trim_start_matches('/').split('/').next() {
        Some("messages") => Surface::Messages,
        Some("responses") => Surface::Responses,
        Some("completions") => Surface::Completions,
        // Errors about anything else are in OpenAI's shape too.
        Some(_) | None => Surface::Chat,
    }
}

pub(super) async fn unknown_url(method: Method, uri: Uri) -> ApiError {
    let message =
        format!("`{method} {}` is nothing here; try POST /v1/chat/completions", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, "unknown_url", message)
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let message = format!("`{}` does not take {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
