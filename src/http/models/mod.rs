//! `GET /v1/models`: what a caller may write as `model`, and what is known of it, in the shape that the caller's library reads.

mod entry;
mod shape;

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::error::ApiError;
use super::generation::Generation;
use entry::entries;
use shape::Shape;

/// All of them: `auto`, the tiers, the aliases, the targets.
pub(super) async fn list(
    Extension(current): Extension<Arc<Generation>>,
    headers: HeaderMap,
) -> Response {
    let listed = entries(current.pipeline.snapshot.config());
    json_response(&Shape::of(&headers).list(&listed))
}

/// One of them; identifiers contain slashes.
pub(super) async fn one(
    Extension(current): Extension<Arc<Generation>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let listed = entries(current.pipeline.snapshot.config());
    match listed.iter().find(|entry| entry.id == id) {
        Some(entry) => json_response(&Shape::of(&headers).one(entry)),
        None => {
            let message = format!("`{id}` is not listed here; see GET /v1/models");
            ApiError::unknown_model(message).into_response()
        }
    }
}

fn json_response(value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, value.to_string()).into_response()
}
