//! What operators may change, under `/admin/`, and who may.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Startup;
use super::auth::bearer;
use super::error::ApiError;
use crate::config::ConfigError;

/// Lets an operator pass. Without keys the listener's address is the protection, and a page in a browser on this machine
/// reaches that; but a browser says that a page is asking.
pub(super) async fn guard(
    State(startup): State<Startup>,
    request: Request,
    next: Next,
) -> Response {
    let Some(app) = startup.app() else { return starting().into_response() };
    let generation = app.current();
    let headers = request.headers();
    let refused = if generation.admin_keys.is_empty() {
        headers.contains_key(header::ORIGIN).then(from_a_page)
    } else {
        match bearer(headers) {
            Err(error) => Some(error),
            Ok(None) => Some(ApiError::no_key()),
            Ok(Some(key)) if generation.admin_keys.accepts(key) => None,
            Ok(Some(_)) => Some(ApiError::wrong_key()),
        }
    };
    match refused {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

/// `POST /admin/reload`: reads the configuration anew.
pub(super) async fn reload(State(startup): State<Startup>) -> Response {
    let Some(app) = startup.app() else { return starting().into_response() };
    match app.reload("operator").await {
        Ok(generation) => json_response(StatusCode::OK, &json!({"generation": generation})),
        Err(error) => json_response(StatusCode::UNPROCESSABLE_ENTITY, &refusal(&error)),
    }
}

/// `POST /admin/targets/{provider}/{model}/disable` and `/enable`: takes a target out until it is let in again or the next restart.
pub(super) async fn target(
    State(startup): State<Startup>,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    let app = startup.app().ok_or_else(starting)?;
    let pipeline = &app.current().pipeline;
    let (id, action) = path.rsplit_once('/').unwrap_or((&path, ""));
    let mut targets = pipeline.snapshot.config().tiers.iter().flat_map(|tier| &tier.targets);
    let Some(target) = targets.find(|target| target.id == id) else {
        let message = format!("`{id}` is no target of any tier; `/status` lists them all");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "unknown_target", message));
    };
    let state = match action {
        "disable" => {
            pipeline.health.disable(target);
            "disabled"
        }
        "enable" => {
            pipeline.health.enable(target);
            "enabled"
        }
        _ => {
            let message = "end the path with `/disable` or `/enable`";
            return Err(ApiError::new(StatusCode::NOT_FOUND, "unknown_url", message));
        }
    };
    tracing::warn!(target = id, state, "an operator decided");
    Ok(json_response(StatusCode::OK, &json!({"target": id, "state": state})))
}

/// An error as everywhere, and the problems one by one beside it.
fn refusal(error: &ConfigError) -> serde_json::Value {
    let message = format!("not reloaded, what was loaded before goes on:\n{error}");
    json!({
        "error": {
            "message": message,
            "type": "invalid_request_error",
            "param": null,
            "code": "invalid_configuration",
        },
        "problems": error.problems,
    })
}

fn starting() -> ApiError {
    let message = "the gateway is starting";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "starting", message).retry_after(1)
}

fn from_a_page() -> ApiError {
    let message = "no web page may operate this gateway; set server.admin_keys and present one";
    ApiError::new(StatusCode::FORBIDDEN, "origin_not_allowed", message)
}

fn json_response(status: StatusCode, value: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
