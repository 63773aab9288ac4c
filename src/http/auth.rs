//! Callers' keys: hashed once at the start, compared in constant time, asked for before anything of a body is read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::App;
use super::error::ApiError;
use crate::config::Secret;

/// The hashes of the accepted keys. Comparing hashes hides both the keys and their lengths.
#[derive(Debug)]
pub struct ApiKeys(Vec<[u8; 32]>);

impl ApiKeys {
    /// Hashes the keys; without any, everyone is let in.
    #[must_use]
    pub fn new(keys: &[Secret]) -> Self {
        Self(keys.iter().map(|key| Sha256::digest(key.expose()).into()).collect())
    }

    fn accepts(&self, key: &str) -> bool {
        let hash: [u8; 32] = Sha256::digest(key).into();
        // Every key is compared, so that the time tells nothing about which one fits.
        self.0.iter().fold(false, |found, known| found | bool::from(known.ct_eq(&hash)))
    }
}

/// Lets a request pass, or answers 401.
pub(super) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.keys.0.is_empty() {
        return next.run(request).await;
    }
    match presented(request.headers()) {
        Some(key) if app.keys.accepts(key) => next.run(request).await,
        Some(_) => ApiError::wrong_key().into_response(),
        None => ApiError::no_key().into_response(),
    }
}

/// The key in the header of OpenAI's, Anthropic's or Azure's libraries.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    bearer.or_else(|| text("x-api-key")).or_else(|| text("api-key")).filter(|key| !key.is_empty())
}
