//! Keys: hashed once when they are loaded, compared in constant time, asked for before anything of a body is read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
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

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn accepts(&self, key: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(key).into();
        // Every key is compared, so that the time tells nothing about which one fits.
        self.0.iter().fold(false, |found, known| found | bool::from(known.ct_eq(&hash)))
    }
}

/// Lets a request pass, or answers 401. The request takes along the generation whose keys it was checked against.
pub(super) async fn check(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let generation = app.current();
    let keys = &generation.keys;
    let refused = match presented(request.headers()) {
        _ if keys.is_empty() => None,
        Ok(key) if keys.accepts(key) => None,
        Ok(_) => Some(ApiError::wrong_key()),
        Err(error) => Some(error),
    };
    if let Some(error) = refused {
        return error.into_response();
    }
    request.extensions_mut().insert(generation);
    next.run(request).await
}

/// The key in the header of OpenAI's, Anthropic's or Azure's libraries.
fn presented(headers: &HeaderMap) -> Result<&[u8], ApiError> {
    let other = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let key = bearer(headers)?.or_else(|| other("x-api-key")).or_else(|| other("api-key"));
    key.filter(|key| !key.is_empty()).ok_or_else(ApiError::no_key)
}

/// The key in the header that HTTP has for it.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&[u8]>, ApiError> {
    let mut written = headers.get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let key = written.next().and_then(|value| {
        let (scheme, key) = value.split_at_checked("bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(key.trim_ascii())
    });
    // A proxy in front may have looked at the other one.
    if written.next().is_some() {
        return Err(ApiError::wrong_key());
    }
    Ok(key)
}
