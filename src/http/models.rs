//! `GET /v1/models`: what a caller may write as `model`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::ApiError;
use super::generation::Generation;
use crate::config::Config;

/// Nothing here knows when a model was made, and client libraries want a number.
const CREATED: u64 = 0;

/// All of them: `auto`, the tiers, the aliases, the targets.
pub(super) async fn list(Extension(current): Extension<Arc<Generation>>) -> Response {
    let config = current.pipeline.snapshot.config();
    let data: Vec<Value> =
        known(config).into_iter().map(|(id, owner)| model(&id, &owner)).collect();
    json_response(&json!({"object": "list", "data": data}))
}

/// One of them; identifiers contain slashes.
pub(super) async fn one(
    Extension(current): Extension<Arc<Generation>>,
    Path(id): Path<String>,
) -> Response {
    let config = current.pipeline.snapshot.config();
    match known(config).into_iter().find(|(known, _)| *known == id) {
        Some((id, owner)) => json_response(&model(&id, &owner)),
        None => {
            let message = format!("`{id}` is not listed here; see GET /v1/models");
            ApiError::unknown_model(message).into_response()
        }
    }
}

fn known(config: &Config) -> Vec<(String, String)> {
    let ours = "semroute".to_owned();
    let mut models = vec![("auto".to_owned(), ours.clone())];
    models.extend(config.tiers.iter().map(|tier| (format!("tier/{}", tier.name), ours.clone())));
    models.extend(config.aliases.iter().map(|(alias, _)| (alias.clone(), ours.clone())));
    let listed = config.tiers.iter().flat_map(|tier| &tier.targets);
    let usable = listed.filter(|target| target.provider.is_usable());
    // A set, because a target may serve several tiers.
    let targets: BTreeSet<(String, String)> =
        usable.map(|target| (target.id.clone(), target.provider.name.clone())).collect();
    models.extend(targets);
    models
}

fn model(id: &str, owner: &str) -> Value {
    json!({"id": id, "object": "model", "created": CREATED, "owned_by": owner})
}

fn json_response(value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, value.to_string()).into_response()
}
