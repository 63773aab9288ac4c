//! Streams that fail before their first content: the caller does not notice.

use std::time::Duration;

use super::{check, fault};
use crate::support::{Act, Gate, Gateway, Upstream, streamed};

/// A stream that ends in this way before any content.
async fn check_stream(name: &'static str, act: Act) {
    check(fault(name, act, "failing"), &streamed("hi")).await;
}

#[tokio::test]
async fn a_stream_that_ends_before_its_first_content_is_followed_by_the_next_target() {
    let stream = Act::stream;
    for (name, act) in [
        ("nothing", stream().end()),
        ("only a sentinel", stream().done().end()),
        ("only a role", stream().role().done().end()),
        ("only counts", stream().role().usage().done().end()),
        ("cut", stream().role()),
        ("cut without framing", Act::unframed_stream().role()),
        ("half an event", Act::unframed_stream().raw(b"data: {\"choices\":[{\"del")),
        ("reset", stream().role().and_reset()),
        ("reset after the head", stream().and_reset()),
        ("endless roles", (0..100).fold(stream(), |act, _| act.role()).says("late").end()),
    ] {
        check_stream(name, act).await;
    }
}

#[tokio::test]
async fn a_stream_that_begins_with_an_error_is_followed_by_the_next_target() {
    let error = r#"{"error":{"message":"overloaded, key-of-a","type":"server_error"}}"#;
    let gave_up = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}"#;
    let named = format!("event: error\ndata: {error}\n\n");
    for (name, act) in [
        ("first", Act::stream().event(error).end()),
        ("after a role", Act::stream().role().event(error).end()),
        ("with a name", Act::stream().raw(named.as_bytes()).end()),
        ("as a finish reason", Act::stream().role().event(gave_up).done().end()),
        ("with a status", Act::stream().event(r#"{"error":{"message":"x","code":502}}"#).end()),
        ("instead of a stream", Act::status(200, error)),
        ("an answer instead of a stream", Act::status(200, r#"{"choices":[{"message":{}}]}"#)),
        ("a page", Act::response(200, &[("content-type", "text/html")], "<html>")),
    ] {
        check_stream(name, act).await;
    }
}

#[tokio::test]
async fn an_error_event_means_what_its_code_says() {
    let error = |code: &str| format!(r#"{{"error":{{"message":"x","code":{code}}}}}"#);
    for (code, remembered) in [
        ("429", "rate_limited"),
        (r#""insufficient_quota""#, "quota_gone"),
        ("401", "credential_refused"),
    ] {
        let act = Act::stream().role().event(&error(code)).end();
        check(fault("error event", act, remembered), &streamed("hi")).await;
    }
}

#[tokio::test]
async fn content_that_a_stream_refuses_is_not_sent_to_another_target() {
    let refused = r#"{"error":{"message":"not that","code":"content_filter"}}"#;
    let a = Upstream::always("a", Act::stream().role().event(refused).end()).await;
    let b = Upstream::start("b").await;
    let gateway = Gateway::with(&[&a, &b], super::one_failure_is_enough).await;
    let answer = gateway.ask(&streamed("hi")).await;
    assert_eq!((answer.status, answer.error()["code"].as_str()), (400, Some("content_filter")));
    assert_eq!((a.call_count(), b.call_count()), (1, 0));
    assert_eq!(gateway.state(&a).await, "ready");
}

#[tokio::test]
async fn a_stream_without_content_in_time_is_followed_by_the_next_target() {
    let tick = Duration::from_millis(40);
    let comments = |act: Act| (0..50).fold(act, |act, _| act.raw(b": keep-alive\n\n").wait(tick));
    let roles = (0..50).fold(Act::stream(), |act, _| act.role().wait(tick));
    for (name, act) in [
        ("head, then silence", Act::stream().and_hang()),
        ("role, then silence", Act::stream().role().and_hang()),
        ("only comments", comments(Act::stream()).and_hang()),
        ("role, then comments", comments(Act::stream().role()).and_hang()),
        ("only roles", roles.and_hang()),
    ] {
        let a = Upstream::always("a", act).await;
        println!("{name}");
        super::check_silent(&a, &streamed("hi")).await;
        a.until_abandoned(1).await;
    }
}

#[tokio::test]
async fn a_stream_of_noise_is_followed_by_the_next_target() {
    let noise = ["{", "null", "[1]", "{]"].into_iter().fold(Act::stream(), Act::event);
    check_stream("malformed events", noise.says("late").finishes().done().end()).await;
    let megabyte = vec![b'a'; 1024 * 1024];
    let endless = (0..9).fold(Act::stream(), |act, _| act.raw(&megabyte));
    check_stream("an event without end", endless.and_hang()).await;
}

#[tokio::test]
async fn nothing_reaches_the_caller_before_the_first_content() {
    let (gate, call) = (Gate::new(), streamed("hi"));
    let held = Act::stream().raw(b": keep-alive\n\n").role().usage().hold(&gate);
    let a = Upstream::always("a", held.says("now").finishes().done().end()).await;
    let gateway = Gateway::over(&[&a]).await;
    let answer = gateway.ask(&call);
    let waiting = tokio::time::timeout(Duration::from_millis(150), gateway.open(&call));
    let (early, answer) = tokio::join!(
        async {
            let early = waiting.await;
            gate.open();
            early
        },
        answer
    );
    assert!(early.is_err(), "the head came before the first content: {early:?}");
    assert_eq!(answer.said(), "now");
}
