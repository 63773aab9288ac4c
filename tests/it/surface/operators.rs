//! The listener of operators, which never calls a provider.

use serde_json::{Value, json};

use crate::support::{Act, Gateway, Upstream, chat};

#[tokio::test]
async fn a_running_gateway_is_alive_and_ready() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    for path in ["/livez", "/readyz", "/startupz", "/health"] {
        let answer = gateway.admin(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{path}");
    }
    assert_eq!(a.connections(), 0);
}

#[tokio::test]
async fn a_draining_gateway_is_alive_but_not_ready() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    gateway.app.drain();
    assert_eq!(gateway.admin("/livez").await.status, 200);
    assert_eq!(gateway.admin("/readyz").await.status, 503);
    assert_eq!(gateway.get("/readyz").await.status, 503);
    assert_eq!(gateway.ask(&chat("hi")).await.status, 200);
}

#[tokio::test]
async fn the_status_shows_every_target() {
    let limited = Act::response(429, &[("retry-after", "30")], "{}");
    let a = Upstream::always("a", Act::status(500, "")).await;
    let (b, c) = (Upstream::always("b", limited).await, Upstream::start("c").await);
    let gateway =
        Gateway::with(&[&a, &b, &c], |config| config["breaker"]["failures"] = json!(1)).await;
    gateway.ask(&chat("hi")).await;
    let answer = gateway.admin("/status").await;
    let status = answer.json();
    assert_eq!((&status["draining"], &status["in_flight"]), (&json!(false), &json!(0)));
    assert_eq!((&status["generation"], &status["index"]["examples"]), (&json!(1), &json!(4)));
    assert_eq!(status["embedder"]["alive"], true);
    let targets = status["tiers"][0]["targets"].as_array().unwrap();
    let states: Vec<&Value> = targets.iter().map(|target| &target["state"]).collect();
    assert_eq!(states, ["failing", "rate_limited", "ready"]);
    assert!(targets[1]["ready_in_ms"].as_u64().unwrap() > 20_000);
    assert!(!answer.body.contains("key-of-"));
}

#[tokio::test]
async fn operators_and_callers_have_separate_listeners() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    assert_eq!(gateway.get("/status").await.status, 404);
    for path in ["/v1/models", "/v1/chat/completions"] {
        assert_eq!(gateway.admin(path).await.error()["code"], "unknown_url");
    }
}
