//! What is remembered of a target that failed, and how it comes back.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Act, Gate, Gateway, Upstream, chat, streamed};

fn open_for(milliseconds: u64) -> impl FnOnce(&mut Value) {
    move |config| {
        config["breaker"]["open_ms"] = json!(milliseconds);
    }
}

fn down() -> Act {
    Act::status(500, "")
}

#[tokio::test]
async fn after_three_failures_a_target_is_left_alone() {
    for body in [chat("hi"), streamed("hi")] {
        let (a, b) = (Upstream::always("a", down()).await, Upstream::start("b").await);
        let gateway = Gateway::over(&[&a, &b]).await;
        for attempts in ["2", "2", "2", "1", "1", "1"] {
            let answer = gateway.ask(&body).await;
            assert_eq!((answer.status, answer.said().as_str()), (200, "b answers"));
            assert_eq!(answer.header("x-semroute-attempts"), attempts);
        }
        assert_eq!((a.call_count(), b.call_count()), (3, 6));
    }
}

#[tokio::test]
async fn an_answer_between_failures_begins_the_count_again() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next([down(), down(), Act::answer("well"), down(), down(), Act::answer("well")]);
    let gateway = Gateway::over(&[&a, &b]).await;
    for _ in 0..6 {
        gateway.ask(&chat("hi")).await;
    }
    assert_eq!((a.call_count(), gateway.state(&a).await), (6, "ready".to_owned()));
}

#[tokio::test]
async fn a_target_comes_back_through_one_probe() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next([down(), down(), down()]);
    let gateway = Gateway::with(&[&a, &b], open_for(100)).await;
    for _ in 0..3 {
        gateway.ask(&chat("hi")).await;
    }
    gateway.until_state(&a, "probing").await;

    let gate = Gate::new();
    a.next([Act::answer("a is back").behind(&gate)]);
    let gateway = Arc::new(gateway);
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let gateway = Arc::clone(&gateway);
        callers.spawn(async move { gateway.ask(&chat("hi")).await.said() });
    }
    for _ in 0..19 {
        assert_eq!(callers.join_next().await.unwrap().unwrap(), "b answers");
    }
    assert_eq!(a.call_count(), 4, "a second request before the probe came back");
    gate.open();
    assert_eq!(callers.join_next().await.unwrap().unwrap(), "a is back");

    assert_eq!(gateway.state(&a).await, "ready");
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
}

#[tokio::test]
async fn a_failed_probe_leaves_the_target_alone_again() {
    let (a, b) = (Upstream::always("a", down()).await, Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], open_for(100)).await;
    for _ in 0..3 {
        gateway.ask(&chat("hi")).await;
    }
    gateway.until_state(&a, "probing").await;
    assert_eq!(gateway.ask(&chat("hi")).await.header("x-semroute-attempts"), "2");
    assert_eq!(gateway.state(&a).await, "failing");
    assert_eq!(gateway.ask(&chat("hi")).await.header("x-semroute-attempts"), "1");
    assert_eq!(a.call_count(), 4);
}

#[tokio::test]
async fn the_only_target_is_asked_although_it_fails_by_one_request_at_a_time() {
    for body in [chat("hi"), streamed("hi")] {
        let a = Upstream::start("a").await;
        a.next((0..5).map(|_| down()));
        let gateway = Gateway::over(&[&a]).await;
        for _ in 0..5 {
            assert_eq!(gateway.ask(&body).await.status, 502);
        }
        assert_eq!(gateway.state(&a).await, "failing");

        let gate = Gate::new();
        a.next([Act::answer("a is back").behind(&gate)]);
        let first = gateway.ask(&body);
        let second = async {
            a.until_called(6).await;
            let refused = gateway.ask(&body).await;
            gate.open();
            refused
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first.status, first.said().as_str()), (200, "a is back"));
        assert_eq!((second.status, second.header("retry-after")), (503, "2"));
        assert_eq!(second.error()["code"], "upstream_unavailable");
        assert_eq!((a.call_count(), gateway.ask(&body).await.status), (6, 200));
    }
}

#[tokio::test]
async fn a_rate_limited_target_is_left_alone_until_the_time_it_named() {
    let limited = Act::response(429, &[("retry-after", "1")], "{}");
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next([limited]);
    let gateway = Gateway::over(&[&a, &b]).await;
    for attempts in ["2", "1", "1"] {
        assert_eq!(gateway.ask(&chat("hi")).await.header("x-semroute-attempts"), attempts);
    }
    assert_eq!((a.call_count(), gateway.state(&a).await), (1, "rate_limited".to_owned()));
    gateway.until_state(&a, "probing").await;
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
    assert_eq!(gateway.state(&a).await, "ready");
}

#[tokio::test]
async fn requests_at_fault_never_set_a_target_aside() {
    let fault = r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#;
    let a = Upstream::always("a", Act::status(400, fault)).await;
    let gateway = Gateway::over(&[&a]).await;
    for _ in 0..5 {
        assert_eq!(gateway.ask(&chat("hi")).await.status, 400);
    }
    assert_eq!((a.call_count(), gateway.state(&a).await), (5, "ready".to_owned()));
}

#[tokio::test]
async fn a_model_that_fails_does_not_shut_the_providers_other_models() {
    let a = Upstream::start("a").await;
    a.next((0..5).map(|_| down()));
    let gateway = Gateway::over(&[&a]).await;
    for _ in 0..5 {
        gateway.ask(&chat("hi")).await;
    }
    let mut other = chat("hi");
    other["model"] = json!("a/another");
    assert_eq!(gateway.ask(&other).await.header("x-semroute-target"), "a/another");
    assert_eq!(gateway.state(&a).await, "failing");
}
