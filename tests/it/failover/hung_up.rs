//! Callers that leave: the provider stops at once, and nobody is blamed.

use std::sync::Arc;

use serde_json::Value;

use crate::support::{Act, Gateway, Upstream, chat, streamed};

/// The caller leaves while `a` plays its script, without having heard anything.
async fn leave_early(name: &str, act: Act, body: &Value) {
    println!("{name} {body}");
    let a = Upstream::start("a").await;
    a.next([act]);
    let gateway = Gateway::with(&[&a], super::one_failure_is_enough).await;
    let gateway = Arc::new(gateway);
    let call = tokio::spawn({
        let (gateway, body) = (Arc::clone(&gateway), body.clone());
        async move { gateway.ask(&body).await }
    });
    a.until_called(1).await;
    call.abort();
    a.until_abandoned(1).await;
    assert_eq!(gateway.state(&a).await, "ready");
    goes_on(&gateway).await;
}

async fn goes_on(gateway: &Gateway) {
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
    let in_flight = gateway.admin("/status").await.json()["in_flight"].clone();
    assert_eq!(in_flight, 0);
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_head_stops_the_provider() {
    leave_early("no head", Act::hang(), &chat("hi")).await;
    leave_early("no head", Act::hang(), &streamed("hi")).await;
    leave_early("half a body", Act::truncated("{").and_hang(), &chat("hi")).await;
    leave_early("half an error", Act::truncated("{").and_hang(), &streamed("hi")).await;
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_first_content_stops_the_provider() {
    leave_early("head", Act::stream().and_hang(), &streamed("hi")).await;
    leave_early("role", Act::stream().role().and_hang(), &streamed("hi")).await;
}

#[tokio::test]
async fn a_caller_who_leaves_inside_an_answer_stops_the_provider() {
    let a = Upstream::start("a").await;
    a.next([Act::stream().says("one ").and_hang()]);
    let gateway = Gateway::with(&[&a], super::one_failure_is_enough).await;
    let mut response = gateway.open(&streamed("hi")).await;
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    a.until_abandoned(1).await;
    assert_eq!(gateway.state(&a).await, "ready");
    goes_on(&gateway).await;
}

#[tokio::test]
async fn a_caller_who_leaves_a_stream_that_never_pauses_stops_the_provider() {
    let tick = std::time::Duration::from_millis(2);
    let endless = (0..5_000).fold(Act::stream(), |act, _| act.says("word ").wait(tick));
    let a = Upstream::start("a").await;
    a.next([endless.and_hang()]);
    let gateway = Gateway::with(&[&a], super::one_failure_is_enough).await;
    let mut response = gateway.open(&streamed("hi")).await;
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    a.until_abandoned(1).await;
    assert_eq!(gateway.state(&a).await, "ready");
    goes_on(&gateway).await;
}

#[tokio::test]
async fn a_probe_whose_caller_leaves_gives_its_place_to_the_next() {
    let a = Upstream::start("a").await;
    a.next((0..3).map(|_| Act::status(500, "")).chain([Act::hang()]));
    let gateway = Arc::new(Gateway::with(&[&a], super::one_failure_is_enough).await);
    for _ in 0..3 {
        assert_eq!(gateway.ask(&chat("hi")).await.status, 502);
    }
    let probe = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.ask(&chat("hi")).await }
    });
    a.until_called(4).await;
    probe.abort();
    a.until_abandoned(1).await;
    gateway.until_state(&a, "probing").await;
    goes_on(&gateway).await;
    assert_eq!(gateway.state(&a).await, "ready");
}
