//! What goes wrong with an answer's status: limits, refusals and overloads.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::{asked, by_default};
use crate::support::{Act, Answer, Gateway, Logs, Upstream, chat};

/// More than the two seconds for which a target is waited for, and less than twice as much.
const ONE_WAIT: Duration = Duration::from_millis(3500);

fn error(message: &str, code: &str) -> String {
    json!({"error": {"message": message, "code": code}}).to_string()
}

/// The caller has a clean answer of `b`, and learns nothing of `a`'s key.
fn answered_by_b(answer: &Answer) {
    assert_eq!((answer.status, answer.said().as_str()), (200, "b answers"), "{answer:?}");
    assert_eq!(answer.header("x-semroute-target"), "b/model-b");
    assert!(!format!("{answer:?}").contains("key-of-"), "{answer:?}");
}

/// `a` says so once, `b` answers, and `a` is left alone from then on.
async fn set_aside_at_once(act: Act, remembered: &str) {
    let logs = Logs::listen();
    let (a, b) = (Upstream::always("a", act).await, Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    for attempts in ["2", "1", "1"] {
        let answer = gateway.ask(&chat("hi")).await;
        answered_by_b(&answer);
        assert_eq!(answer.header("x-semroute-attempts"), attempts);
    }
    assert_eq!(asked(&[&a, &b]), [1, 3]);
    assert_eq!(gateway.state(&a).await, remembered);
    // A person is told once, which target it is and why; and nobody is told a key.
    let alerts = logs.alerts();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let alert = &alerts[0];
    assert!(alert.contains("a/model-a") && alert.contains(remembered), "{alert}");
    assert!(logs.text().contains("served") && !logs.text().contains("key-of-"), "{}", logs.text());
}

/// A limit that ends within two seconds is waited for.
#[tokio::test]
async fn f01_a_short_limit_is_waited_for() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next([Act::response(429, &[("retry-after", "2")], "{}")]);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    let started = Instant::now();
    let answer = gateway.ask(&chat("hi")).await;
    let took = started.elapsed();
    assert_eq!((answer.status, answer.said().as_str()), (200, "a answers"), "{answer:?}");
    assert_eq!(answer.header("x-semroute-attempts"), "2");
    assert!(took >= Duration::from_secs(2) && took < ONE_WAIT, "{took:?}");
    assert_eq!(asked(&[&a, &b]), [2, 0]);
}

/// A limit without a time goes to the next target, and the limited one rests.
#[tokio::test]
async fn f02_a_limit_without_a_time_goes_to_the_next_target() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next((0..4).map(|_| Act::status(429, "{}")));
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    answered_by_b(&gateway.ask(&chat("hi")).await);
    answered_by_b(&gateway.ask(&chat("hi")).await);
    let calls = asked(&[&a, &b]);
    assert!(calls[0] <= 2 && calls[1] == 2, "{calls:?}");
    assert_eq!(gateway.state(&a).await, "rate_limited");
}

/// Hints that are odd, past or absurd neither stop the gateway nor make a caller wait for long.
#[tokio::test]
async fn f03_odd_hints_never_make_a_caller_wait() {
    let past = "Thu, 01 Jan 2015 00:00:00 GMT";
    let future = "Thu, 01 Jan 2099 00:00:00 GMT";
    let name = "retry-after";
    let two = vec![(name, "1"), (name, "900")];
    let single = [past, future, "1e9", "-5", "NaN", "inf", "", "soon"];
    for headers in single.map(|hint| vec![(name, hint)]).into_iter().chain([two]) {
        let a = Upstream::always("a", Act::response(429, &headers, "{}")).await;
        let b = Upstream::start("b").await;
        let gateway = Gateway::with(&[&a, &b], by_default).await;
        let started = Instant::now();
        answered_by_b(&gateway.ask(&chat("hi")).await);
        let took = started.elapsed();
        assert!(took < ONE_WAIT, "{headers:?}: {took:?}");
        let calls = asked(&[&a, &b]);
        assert!((1..=2).contains(&calls[0]) && calls[1] == 1, "{headers:?}: {calls:?}");
    }
}

/// An account without money is not asked again.
#[tokio::test]
async fn f04_a_spent_quota_sets_the_credential_aside() {
    let spent = error("You exceeded your current quota", "insufficient_quota");
    set_aside_at_once(Act::status(429, &spent), "quota_gone").await;
}

/// A refused key is the gateway's trouble: no caller sees it.
#[tokio::test]
async fn f05_a_refused_key_is_never_the_callers_401() {
    let refused = Act::status(401, &error("bad key key-of-a", "invalid_api_key"));
    set_aside_at_once(refused.clone(), "credential_refused").await;
    let a = Upstream::always("a", refused).await;
    let answer = Gateway::with(&[&a], by_default).await.ask(&chat("hi")).await;
    assert_eq!((answer.status, &answer.error()["code"]), (502, &json!("upstream_auth")));
    assert!(!format!("{answer:?}").contains("key-of-"), "{answer:?}");
    assert_eq!(a.call_count(), 1);
}

/// The same for a bill and for a region.
#[tokio::test]
async fn f06_a_bill_and_a_refused_region_are_not_the_callers() {
    let bill = error("Insufficient Balance", "invalid_request_error");
    set_aside_at_once(Act::status(402, &bill), "quota_gone").await;
    let region = error("Country not supported", "unsupported_country_region_territory");
    set_aside_at_once(Act::status(403, &region), "credential_refused").await;
}

/// A model that one provider does not have is another one's.
#[tokio::test]
async fn f07_a_missing_model_goes_to_the_next_target() {
    let missing = error("The model `model-a` does not exist", "model_not_found");
    set_aside_at_once(Act::status(404, &missing), "model_missing").await;
}

/// One error is forgiven with a second try on the same target.
#[tokio::test]
async fn f08_one_error_is_tried_again_on_the_same_target() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next([Act::status(500, "")]);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    let answer = gateway.ask(&chat("hi")).await;
    assert_eq!((answer.status, answer.said().as_str()), (200, "a answers"), "{answer:?}");
    assert_eq!(answer.header("x-semroute-attempts"), "2");
    assert_eq!(asked(&[&a, &b]), [2, 0]);
    assert_eq!(gateway.state(&a).await, "ready");
}

/// An overloaded target is never asked twice by one request, and after three failures not at all.
#[tokio::test]
async fn f09_an_overloaded_target_is_left_alone_after_three_failures() {
    let overloaded = Act::status(503, "{}");
    let (a, b) = (Upstream::always("a", overloaded).await, Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    for attempts in ["2", "2", "2", "1", "1", "1"] {
        let answer = gateway.ask(&chat("hi")).await;
        answered_by_b(&answer);
        assert_eq!(answer.header("x-semroute-attempts"), attempts);
    }
    assert_eq!(asked(&[&a, &b]), [3, 6]);
    assert_eq!(gateway.state(&a).await, "failing");
}
