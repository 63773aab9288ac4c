//! Deadlines, crowds, and what a caller is told when nobody answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Act, Gate, Gateway, Upstream, chat, streamed};

fn limited(seconds: &str) -> Act {
    Act::response(429, &[("retry-after", seconds)], "{}")
}

/// Nobody answers: the status, the code and the time to wait that the caller is told.
async fn check(acts: [Act; 2], expected: (u16, &str, std::ops::RangeInclusive<u64>)) {
    let [first, second] = acts;
    for body in [chat("hi"), streamed("hi")] {
        let a = Upstream::always("a", first.clone()).await;
        let b = Upstream::always("b", second.clone()).await;
        let gateway = Gateway::with(&[&a, &b], super::impatient).await;
        let answer = gateway.ask(&body).await;
        let error = answer.error();
        let code = error["code"].as_str().unwrap();
        let (status, expected_code, waits) = expected.clone();
        assert_eq!((answer.status, code), (status, expected_code), "{answer:?}");
        let wait: u64 = answer.header("retry-after").parse().unwrap_or(0);
        assert!(waits.contains(&wait), "{wait} instead of {waits:?}");
        let should_retry = if wait > 0 { "true" } else { "false" };
        assert_eq!(answer.header("x-should-retry"), should_retry);
        assert_eq!(answer.header("x-semroute-attempts"), "2");
        assert_eq!((a.call_count(), b.call_count()), (1, 1));
        assert!(!format!("{answer:?}").contains("key-of-"), "{answer:?}");
    }
}

#[tokio::test]
async fn when_every_target_fails_the_last_failure_names_the_status() {
    let down = || Act::status(500, "");
    let page = Act::response(529, &[("content-type", "text/html")], "<html>key-of-b");
    let key = Act::status(401, r#"{"error":{"message":"bad key-of-b","code":"invalid_api_key"}}"#);
    let money = Act::status(402, r#"{"error":{"message":"pay for key-of-b"}}"#);
    // As long as the first of those may be asked again that can heal.
    let minute = 45..=60;
    check([down(), down()], (502, "upstream_error", minute.clone())).await;
    check([down(), page], (503, "upstream_overloaded", minute.clone())).await;
    check([down(), key], (502, "upstream_auth", minute.clone())).await;
    check([down(), money], (502, "upstream_quota", minute.clone())).await;
    check([down(), Act::status(404, "")], (502, "upstream_model_missing", minute.clone())).await;
    check([down(), Act::hang()], (504, "upstream_timeout", minute)).await;
    check([limited("9"), down()], (502, "upstream_error", 9..=10)).await;
    check([down(), limited("9")], (502, "upstream_error", 9..=10)).await;
    // Nothing to wait for: only the operator can mend these.
    let refused = || Act::status(401, "{}");
    check([refused(), Act::status(404, "")], (502, "upstream_model_missing", 0..=0)).await;
}

#[tokio::test]
async fn when_every_target_is_rate_limited_the_caller_waits_for_the_first_of_them() {
    let code = "rate_limit_exceeded";
    check([limited("9"), limited("4")], (429, code, 4..=5)).await;
    check([limited("4"), limited("9")], (429, code, 4..=5)).await;
    // What a provider asks for is followed within limits, and the caller is told what will be done.
    check([limited("1e9"), limited("1e9")], (429, code, 300..=330)).await;
    check([limited("0"), limited("9")], (429, code, 1..=2)).await;
    check([limited("soon"), limited("9")], (429, code, 1..=1)).await;
}

#[tokio::test]
async fn rate_limited_targets_are_not_asked_again_before_their_time() {
    let a = Upstream::always("a", limited("30")).await;
    let b = Upstream::always("b", limited("20")).await;
    let gateway = Gateway::over(&[&a, &b]).await;
    for attempts in ["2", "0", "0"] {
        let answer = gateway.ask(&chat("hi")).await;
        assert_eq!((answer.status, answer.header("x-semroute-attempts")), (429, attempts));
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((15..=22).contains(&seconds), "{seconds}");
        assert_eq!(answer.error()["type"], "rate_limit_error");
    }
    assert_eq!((a.call_count(), b.call_count()), (1, 1));
}

#[tokio::test]
async fn one_deadline_holds_for_all_attempts_together() {
    for body in [chat("hi"), streamed("hi")] {
        let slow_failure = Act::default().wait(Duration::from_millis(250));
        let a = Upstream::always("a", slow_failure).await;
        let b = Upstream::always("b", Act::hang()).await;
        let c = Upstream::always("c", Act::hang()).await;
        let gateway = Gateway::over(&[&a, &b, &c]).await;
        let started = Instant::now();
        let answer = gateway.ask_with(&body, &[("x-semroute-timeout-ms", "400")]).await;
        let took = started.elapsed();
        assert_eq!((answer.status, answer.header("x-semroute-attempts")), (504, "3"));
        assert_eq!(answer.error()["code"], "deadline_exceeded");
        assert!((400..640).contains(&took.as_millis()), "{took:?}");
        b.until_abandoned(1).await;
        c.until_abandoned(1).await;
    }
}

#[tokio::test]
async fn a_deadline_also_ends_an_answer_under_way() {
    let a = Upstream::always("a", Act::stream().says("one ").and_hang()).await;
    let gateway = Gateway::with(&[&a], super::one_failure_is_enough).await;
    let answer = gateway.ask_with(&streamed("hi"), &[("x-semroute-timeout-ms", "150")]).await;
    assert_eq!((answer.status, answer.said().as_str()), (200, "one "));
    assert!(answer.body.contains("deadline") && !answer.body.contains("[DONE]"), "{answer:?}");
    a.until_abandoned(1).await;
}

#[tokio::test]
async fn a_caller_in_a_hurry_cannot_set_a_target_aside() {
    let a = Upstream::start("a").await;
    a.next([Act::hang(), Act::stream().and_hang(), Act::truncated("{").and_hang()]);
    let gateway = Gateway::over(&[&a]).await;
    for (calls, body) in [chat("hi"), streamed("hi"), chat("hi")].iter().enumerate() {
        let answer = gateway.ask_with(body, &[("x-semroute-timeout-ms", "100")]).await;
        assert_eq!(answer.status, 504, "{answer:?}");
        a.until_abandoned(calls + 1).await;
    }
    assert_eq!(gateway.state(&a).await, "ready");
}

#[tokio::test]
async fn an_error_without_an_end_is_cut_at_the_deadline() {
    let head = Act::bytes(b"HTTP/1.1 500 Said\r\ncontent-length: 999\r\n\r\n");
    let tick = Duration::from_millis(20);
    let a = Upstream::always("a", (0..200).fold(head, |act, _| act.raw(b" ").wait(tick))).await;
    let (b, body) = (Upstream::start("b").await, chat("hi"));
    let gateway = Gateway::with(&[&a, &b], super::impatient).await;
    // Who is in a hurry has half of the time for each.
    let hurried = gateway.ask_with(&body, &[("x-semroute-timeout-ms", "200")]).await;
    assert_eq!((hurried.status, hurried.said().as_str()), (200, "b answers"));
    a.until_abandoned(1).await;
    let started = Instant::now();
    assert_eq!(gateway.ask(&body).await.said(), "b answers");
    assert!(started.elapsed() < Duration::from_secs(2), "no timer held");
}

#[tokio::test]
async fn two_hundred_callers_all_get_an_answer_with_one_target_of_three_down() {
    for down in [Act::status(503, ""), Act::reset(), Act::stream().role().end()] {
        let (a, b) = (Upstream::always("a", down).await, Upstream::start("b").await);
        let c = Upstream::start("c").await;
        let gateway = Arc::new(Gateway::over(&[&a, &b, &c]).await);
        let mut callers = JoinSet::new();
        for number in 0..200 {
            let gateway = Arc::clone(&gateway);
            let body = if number % 2 == 0 { chat("hi") } else { streamed("hi") };
            callers.spawn(async move { gateway.ask(&body).await });
        }
        while let Some(answer) = callers.join_next().await {
            let answer = answer.unwrap();
            assert_eq!((answer.status, answer.said().as_str()), (200, "b answers"));
        }
        assert_eq!((gateway.state(&a).await, b.call_count()), ("failing".to_owned(), 200));
        let before = a.call_count();
        gateway.ask(&chat("hi")).await;
        assert_eq!(a.call_count(), before);
    }
}

#[tokio::test]
async fn one_request_too_many_is_refused_at_once() {
    let (gate, a) = (Gate::new(), Upstream::start("a").await);
    a.next([
        Act::answer("first").behind(&gate),
        Act::stream().says("second").hold(&gate).finishes().done().end(),
    ]);
    let two_at_once = |config: &mut Value| config["server"]["in_flight_max"] = json!(2);
    let gateway = Gateway::with(&[&a], two_at_once).await;
    let crowd = async {
        a.until_called(1).await;
        let second = gateway.open(&streamed("hi")).await;
        let refused = gateway.ask(&chat("hi")).await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
        assert_eq!(refused.error()["code"], "overloaded");
        assert_eq!(gateway.admin("/status").await.json()["in_flight"], 2);
        assert_eq!(gateway.get("/v1/models").await.status, 200);
        gate.open();
        second
    };
    let body = chat("hi");
    let (first, second) = tokio::join!(gateway.ask(&body), crowd);
    assert_eq!(first.said(), "first");
    assert_eq!(crate::support::Answer::read(second).await.said(), "second");
    assert_eq!(gateway.ask(&chat("hi")).await.status, 200);
    assert_eq!(a.call_count(), 3);
}
