//! Failures before the head of an answer, which are the same whether the answer is streamed or not, and whole answers that
//! are none.

use serde_json::{Value, json};

use super::{Fault, check, check_silent, fault};
use crate::support::{Act, Gateway, Upstream, chat, streamed};

const HTML: &str = "<html><body>529 key-of-a is overloaded</body></html>";

fn error(code: &str) -> String {
    json!({"error": {"message": "no, key-of-a", "type": code, "param": null, "code": code}})
        .to_string()
}

fn limited(headers: &[(&str, &str)]) -> Act {
    Act::response(429, headers, &error("rate_limit_exceeded"))
}

fn refusals() -> Vec<Fault> {
    let now = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let until = ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT");
    let html = [("content-type", "text/html")];
    vec![
        fault("429", limited(&[]), "rate_limited"),
        fault("429 seconds", limited(&[("retry-after", "20")]), "rate_limited"),
        fault("429 date", limited(&[now, until]), "rate_limited"),
        fault("429 nonsense", limited(&[("retry-after", "soon")]), "rate_limited"),
        fault("429 for ever", limited(&[("retry-after", "1e99")]), "rate_limited"),
        fault("429 no money", Act::status(429, &error("insufficient_quota")), "quota_gone"),
        fault("500", Act::status(500, &error("server_error")), "failing"),
        fault("502", Act::response(502, &html, HTML), "failing"),
        fault("503", Act::status(503, ""), "failing"),
        fault("503 later", Act::response(503, &[("retry-after", "20")], ""), "rate_limited"),
        fault("529", Act::response(529, &html, HTML), "failing"),
        fault("401", Act::status(401, &error("invalid_api_key")), "credential_refused"),
        fault("400 key", Act::status(400, &error("invalid_api_key")), "credential_refused"),
        fault("402", Act::status(402, &error("payment_required")), "quota_gone"),
        fault("403", Act::status(403, &error("unsupported_country")), "credential_refused"),
        fault("404", Act::status(404, &error("model_not_found")), "model_missing"),
        fault("408", Act::status(408, ""), "failing"),
        fault("302", Act::response(302, &[("location", "http://127.0.0.1:1/")], ""), "failing"),
    ]
}

#[tokio::test]
async fn a_target_that_refuses_work_is_followed_by_the_next() {
    for body in [chat("hi"), streamed("hi")] {
        for fault in refusals() {
            check(fault, &body).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_fails_is_followed_by_the_next_target() {
    for body in [chat("hi"), streamed("hi")] {
        check_silent(&Upstream::refusing("a"), &body).await;
        check(fault("reset", Act::reset(), "failing"), &body).await;
        check(fault("closed", Act::default(), "failing"), &body).await;
        check(fault("not HTTP", Act::bytes(b"SSH-2.0-OpenSSH_9.9\r\n"), "failing"), &body).await;
    }
}

#[tokio::test]
async fn silence_is_followed_by_the_next_target() {
    for body in [chat("hi"), streamed("hi")] {
        check_silent(&Upstream::silent("a").await, &body).await;
        let a = Upstream::always("a", Act::hang()).await;
        check_silent(&a, &body).await;
        a.until_abandoned(1).await;
    }
    let stalled = Upstream::always("a", Act::truncated(r#"{"choices":["#).and_hang()).await;
    check_silent(&stalled, &chat("hi")).await;
    stalled.until_abandoned(1).await;
}

#[tokio::test]
async fn a_whole_200_that_is_no_answer_is_followed_by_the_next_target() {
    let ok = |body: &str| Act::status(200, body);
    let html = Act::response(200, &[("content-type", "text/html")], HTML);
    for (name, act) in [
        ("empty", ok("")),
        ("HTML", html),
        ("half of JSON", ok(r#"{"choices":[{"message":"#)),
        ("shorter than announced", Act::truncated(r#"{"choices":[{"mess"#)),
        ("an error", ok(&error("overloaded"))),
        ("no choices", ok(r#"{"choices":[]}"#)),
        ("nothing known", ok("{}")),
        ("not UTF-8", Act::unframed_stream().raw(b"{\"choices\":[],\"x\":\"\xFF\"}")),
        ("204", Act::response(204, &[], "")),
        ("reset body", Act::truncated(r#"{"choices":["#).and_reset()),
    ] {
        check(fault(name, act, "failing"), &chat("hi")).await;
    }
}

/// The request is wrong or unwanted, so nobody else is asked, and the caller reads the provider's own words.
async fn check_final(status: u16, code: &str, body: &Value) {
    let said = json!({"error": {"message": "not so, key-of-a", "type": "t", "param": "messages", "code": code}});
    let a = Upstream::always("a", Act::status(status, &said.to_string())).await;
    let b = Upstream::start("b").await;
    let gateway = Gateway::with(&[&a, &b], super::one_failure_is_enough).await;
    let answer = gateway.ask(body).await;
    let error = answer.error();
    assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)));
    assert_eq!(
        (&error["message"], &error["param"]),
        (&json!("not so, [redacted]"), &json!("messages"))
    );
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(answer.header("x-semroute-attempts"), "1");
    assert_eq!(answer.header("x-semroute-target"), "a/model-a");
    assert_eq!((a.call_count(), b.call_count()), (1, 0));
    assert_eq!(gateway.state(&a).await, "ready");
}

#[tokio::test]
async fn a_request_at_fault_is_not_sent_to_another_target() {
    for body in [chat("hi"), streamed("hi")] {
        check_final(400, "invalid_value", &body).await;
        check_final(422, "unprocessable", &body).await;
    }
}

#[tokio::test]
async fn content_that_a_provider_refuses_is_not_sent_to_another_target() {
    for body in [chat("hi"), streamed("hi")] {
        check_final(400, "content_filter", &body).await;
        check_final(400, "content_policy_violation", &body).await;
        check_final(403, "content_filter", &body).await;
    }
}
