//! F39 to F47: what requests and outages do to targets.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{asked, by_default};
use crate::support::{Act, Gate, Gateway, PROMPTLY, Upstream, chat, streamed};

fn too_long() -> Act {
    let body = r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#;
    Act::status(400, body)
}

fn down() -> Act {
    Act::status(503, "")
}

fn open_for(milliseconds: u64) -> impl FnOnce(&mut Value) {
    move |config| {
        by_default(config);
        config["breaker"]["open_ms"] = json!(milliseconds);
    }
}

/// Only a larger window helps; nobody is asked twice and nobody is blamed.
#[tokio::test]
async fn f39_a_conversation_that_is_too_long() {
    for (windows, status, calls) in [
        (json!({"a": 8000, "b": 4000, "c": 16000}), 200, [1, 0, 1]),
        (json!({"a": 8000, "b": 4000, "c": 8000}), 400, [1, 0, 0]),
        (json!({}), 200, [1, 1, 1]),
    ] {
        let (a, b) =
            (Upstream::always("a", too_long()).await, Upstream::always("b", too_long()).await);
        let c = Upstream::start("c").await;
        let declared = |config: &mut Value| {
            by_default(config);
            let windows = windows.as_object().unwrap().iter();
            let models: serde_json::Map<String, Value> = windows
                .map(|(name, window)| (format!("{name}/model-{name}"), json!({"context": window})))
                .collect();
            config["models"] = Value::Object(models);
        };
        let gateway = Gateway::with(&[&a, &b, &c], declared).await;
        let answer = gateway.ask(&chat("hi")).await;
        assert_eq!((answer.status, asked(&[&a, &b, &c])), (status, calls.to_vec()), "{windows}");
        if status == 400 {
            assert_eq!(answer.error()["code"], "context_length_exceeded");
        }
        assert_eq!(gateway.state(&a).await, "ready");
    }
}

/// What one provider refuses to talk about is not offered to the next; its reason is the caller's.
#[tokio::test]
async fn f40_content_that_is_refused() {
    let refusal = r#"{"error":{"message":"not about that","code":"content_filter"}}"#;
    for body in [chat("hi"), streamed("hi")] {
        let (a, b) =
            (Upstream::always("a", Act::status(400, refusal)).await, Upstream::start("b").await);
        let gateway = Gateway::with(&[&a, &b], by_default).await;
        let answer = gateway.ask(&body).await;
        let error = answer.error();
        assert_eq!((answer.status, &error["code"]), (400, &json!("content_filter")));
        assert_eq!((&error["message"], asked(&[&a, &b])), (&json!("not about that"), vec![1, 0]));
        assert_eq!(gateway.state(&a).await, "ready");
    }
}

/// In an outage everybody is served, few ask the one that is down, and it comes back.
#[tokio::test]
async fn f41_an_outage() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    // The fourth is the first probe.
    a.next((0..4).map(|_| down()));
    let gateway = Gateway::with(&[&a, &b], open_for(400)).await;
    for _ in 0..20 {
        assert_eq!(gateway.ask(&chat("hi")).await.status, 200);
    }
    assert!(a.call_count() <= 10, "{} calls", a.call_count());
    while a.call_count() < 5 {
        gateway.until_state(&a, "probing").await;
        assert_eq!(gateway.ask(&chat("hi")).await.status, 200);
    }
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
}

/// Model and counts are those of who answered.
#[tokio::test]
async fn f42_another_target_answers() {
    let (a, b) = (Upstream::always("a", down()).await, Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    let answer = gateway.ask(&chat("hi")).await;
    assert_eq!((answer.status, answer.header("x-semroute-target")), (200, "b/model-b"));
    assert_eq!(answer.json()["model"], "model-b");
    assert_eq!(answer.json()["usage"]["total_tokens"], 10);

    let mut body = streamed("hi");
    body["stream_options"] = json!({"include_usage": true});
    let stream = gateway.ask(&body).await;
    assert_eq!(
        (stream.said().as_str(), stream.header("x-semroute-target")),
        ("b answers", "b/model-b")
    );
    assert!(stream.body.contains(r#""total_tokens":10"#), "{stream:?}");
    assert_eq!(asked(&[&a, &b]), [2, 2]);
}

/// A failure that was asked for before the breaker opened does not count against the probe.
#[tokio::test]
async fn f44_a_late_failure() {
    let (gate, a) = (Gate::new(), Upstream::start("a").await);
    let b = Upstream::start("b").await;
    a.next([down().behind(&gate), down(), down(), down()]);
    let gateway = Arc::new(Gateway::with(&[&a, &b], open_for(100)).await);
    let late = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.ask(&chat("hi")).await.said() }
    });
    a.until_called(1).await;
    for _ in 0..3 {
        assert_eq!(gateway.ask(&chat("hi")).await.said(), "b answers");
    }
    gateway.until_state(&a, "probing").await;
    gate.open();
    assert_eq!(late.await.unwrap(), "b answers");
    assert_eq!(gateway.state(&a).await, "probing");
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
    assert_eq!(asked(&[&a, &b]), [5, 4]);
}

/// A probe whose caller leaves is neither a success nor a failure, and the next one may probe.
#[tokio::test]
async fn f45_a_probe_whose_caller_leaves() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next((0..3).map(|_| down()).chain([Act::hang()]));
    let gateway = Arc::new(Gateway::with(&[&a, &b], open_for(100)).await);
    for _ in 0..3 {
        assert_eq!(gateway.ask(&chat("hi")).await.said(), "b answers");
    }
    gateway.until_state(&a, "probing").await;
    let probe = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.ask(&chat("hi")).await }
    });
    a.until_called(4).await;
    probe.abort();
    a.until_abandoned(1).await;
    gateway.until_state(&a, "probing").await;
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
}

/// The caller waits for the first of them.
#[tokio::test]
async fn f46_every_target_has_a_rate_limit() {
    let limited = |seconds: &str| Act::response(429, &[("retry-after", seconds)], "{}");
    for hints in [["30", "20"], ["20", "30"]] {
        for body in [chat("hi"), streamed("hi")] {
            let a = Upstream::always("a", limited(hints[0])).await;
            let b = Upstream::always("b", limited(hints[1])).await;
            let gateway = Gateway::with(&[&a, &b], by_default).await;
            let answer = gateway.ask(&body).await;
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert_eq!(
                (answer.status, answer.error()["code"].as_str()),
                (429, Some("rate_limit_exceeded"))
            );
            assert!((18..=22).contains(&wait), "{wait}");
            assert_eq!(asked(&[&a, &b]), [1, 1]);
        }
    }
}

/// With everybody down a crowd is refused at once, and each target is asked by one of them.
#[tokio::test]
async fn f47_every_target_is_down() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let gate = Gate::new();
    for upstream in [&a, &b] {
        let probe = down().behind(&gate);
        upstream.next((0..3).map(|_| down()).chain((0..10).map(|_| probe.clone())));
    }
    let gateway = Arc::new(Gateway::over(&[&a, &b]).await);
    for _ in 0..3 {
        assert_eq!(gateway.ask(&chat("hi")).await.status, 503);
    }
    assert_eq!(asked(&[&a, &b]), [3, 3]);
    let (started, mut callers) = (Instant::now(), JoinSet::new());
    for _ in 0..10 {
        let gateway = Arc::clone(&gateway);
        callers.spawn(async move { gateway.ask(&chat("hi")).await });
    }
    for _ in 0..8 {
        let answer = callers.join_next().await.unwrap().unwrap();
        assert_eq!(
            (answer.status, answer.error()["code"].as_str()),
            (503, Some("upstream_unavailable"))
        );
        assert!(!answer.header("retry-after").is_empty());
    }
    assert!(started.elapsed() < PROMPTLY, "{:?}", started.elapsed());
    assert!(asked(&[&a, &b]).iter().all(|calls| *calls <= 4), "{:?}", asked(&[&a, &b]));
    gate.open();
    while let Some(answer) = callers.join_next().await {
        assert_eq!(answer.unwrap().status, 503);
    }
}
