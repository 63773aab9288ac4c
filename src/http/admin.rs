//! What operators and load balancers ask. None of it ever calls a provider.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{App, Startup};
use crate::config::Tier;
use crate::health::{HealthTable, Size, Standing};

/// The process runs.
pub(super) async fn livez() -> &'static str {
    "ok"
}

/// The start is complete.
pub(super) async fn startupz(State(startup): State<Startup>) -> Response {
    if startup.app().is_some() { "ok".into_response() } else { starting() }
}

/// New requests are welcome, asked by an operator.
pub(super) async fn readyz(State(startup): State<Startup>) -> Response {
    startup.app().map_or_else(starting, |app| readiness(app))
}

/// The same, asked on the callers' listener, which serves only once the start is complete.
pub(super) async fn readyz_for_callers(State(app): State<Arc<App>>) -> Response {
    readiness(&app)
}

fn starting() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "starting").into_response()
}

/// A dead embedder is no reason to refuse: the default tier still answers.
fn readiness(app: &App) -> Response {
    if app.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining").into_response();
    }
    if app.current().pipeline.is_reading() { "ok" } else { "degraded: the embedder has stopped" }
        .into_response()
}

/// Everything about the gateway that is not about one request.
pub(super) async fn status(State(startup): State<Startup>) -> Response {
    let Some(app) = startup.app() else { return starting() };
    let (generation, now, last) = (app.current(), Instant::now(), app.reloads.last());
    let pipeline = &generation.pipeline;
    let (snapshot, health) = (&pipeline.snapshot, &pipeline.health);
    let config = snapshot.config();
    let tiers: Vec<Value> = config.tiers.iter().map(|tier| tier_json(tier, health, now)).collect();
    let status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "generation": snapshot.generation(),
        "draining": app.is_draining(),
        "embedder": {"model": config.embedder.model.label(), "alive": pipeline.is_reading()},
        "index": {
            "examples": config.examples.len(),
            "graph": snapshot.classifier().uses_graph(),
        },
        "in_flight": app.in_flight(),
        "reload": {
            "ok": last.error.is_none(),
            "at": last.at,
            "error": last.error,
            "generation": snapshot.generation(),
        },
        "tiers": tiers,
    });
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, status.to_string()).into_response()
}

fn tier_json(tier: &Tier, health: &HealthTable, now: Instant) -> Value {
    let targets = tier.targets.iter().map(|target| {
        let (state, ready_in) = match health.standing(target, now) {
            _ if !target.provider.is_usable() => ("no_key", None),
            Standing::Ready | Standing::Warming => ("ready", None),
            Standing::Probing => ("probing", None),
            Standing::Shut { until, why } => (why.label(), Some(until - now)),
            Standing::Disabled => ("disabled", None),
        };
        let ready_in = ready_in.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let slow = Size::ALL.into_iter().filter(|size| health.is_degraded(target, *size));
        let figures = health.figures(target, Size::Short, now);
        json!({
            "id": target.id,
            "state": state,
            "ready_in_ms": ready_in,
            "degraded": slow.map(Size::label).collect::<Vec<&str>>(),
            "first_content_ms": figures.first.map(|first| first.as_millis()),
            "chars_per_second": figures.speed.map(f32::round),
        })
    });
    json!({"name": tier.name, "targets": targets.collect::<Vec<Value>>()})
}
