//! Callers' keys.

use serde_json::{Value, json};

use super::check_raw;
use crate::support::{Answer, Gateway, Upstream, chat};

async fn guarded(a: &Upstream) -> Gateway {
    Gateway::with(&[a], |config: &mut Value| {
        config["server"]["api_keys"] = json!(["first-key", "second-key"]);
    })
    .await
}

fn check_refused(answer: &Answer, code: &str) {
    let error = answer.error();
    assert_eq!((answer.status, error["code"].as_str()), (401, Some(code)), "{answer:?}");
    assert_eq!(error["type"], "authentication_error");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert!(!answer.body.contains("-key\""));
}

#[tokio::test]
async fn a_key_is_taken_from_the_header_of_every_client_library() {
    let a = Upstream::start("a").await;
    let gateway = guarded(&a).await;
    for key in ["first-key", "second-key"] {
        let bearer = format!("Bearer {key}");
        let lower = format!("bearer {key}");
        for header in [
            ("authorization", bearer.as_str()),
            ("authorization", lower.as_str()),
            ("x-api-key", key),
            ("api-key", key),
        ] {
            assert_eq!(gateway.ask_with(&chat("hi"), &[header]).await.status, 200, "{header:?}");
        }
    }
}

#[tokio::test]
async fn a_request_without_a_key_is_refused() {
    let a = Upstream::start("a").await;
    let gateway = guarded(&a).await;
    check_refused(&gateway.ask(&chat("hi")).await, "missing_api_key");
    for header in
        [("authorization", "Bearer "), ("authorization", "Basic Zmlyc3Q="), ("api-key", "")]
    {
        check_refused(&gateway.ask_with(&chat("hi"), &[header]).await, "missing_api_key");
    }
    for path in ["/v1/models", "/models", "/v1/models/auto"] {
        check_refused(&gateway.get(path).await, "missing_api_key");
    }
    let json = [("content-type", "application/json")];
    for path in ["/v1/route", "/chat/completions"] {
        let answer = gateway.post(path, &json, chat("hi").to_string()).await;
        check_refused(&answer, "missing_api_key");
    }
    assert_eq!(a.call_count(), 0);
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let a = Upstream::start("a").await;
    let gateway = guarded(&a).await;
    let long = format!("Bearer {}", "k".repeat(10 * 1024));
    for header in [
        ("authorization", "Bearer wrong"),
        ("authorization", "Bearer first-ke"),
        ("authorization", "Bearer first-key2"),
        ("authorization", "Bearer FIRST-KEY"),
        ("authorization", "Bearer ' OR '1'='1"),
        ("authorization", "Bearer schlüssel"),
        ("authorization", long.as_str()),
        ("x-api-key", "wrong"),
        ("api-key", "wrong"),
    ] {
        check_refused(&gateway.ask_with(&chat("hi"), &[header]).await, "invalid_api_key");
    }
    assert_eq!(a.call_count(), 0);
}

#[tokio::test]
async fn two_keys_in_one_header_are_refused() {
    let a = Upstream::start("a").await;
    let gateway = guarded(&a).await;
    for keys in [["Bearer wrong", "Bearer first-key"], ["Bearer first-key", "Bearer wrong"]] {
        let both = keys.map(|key| ("authorization", key));
        check_refused(&gateway.ask_with(&chat("hi"), &both).await, "invalid_api_key");
    }
}

#[tokio::test]
async fn the_key_is_checked_before_the_body_comes() {
    let a = Upstream::start("a").await;
    let gateway = guarded(&a).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                Content-Type: text/plain\r\nContent-Length: 99999999999\r\n";
    let keyless = gateway.raw(format!("{head}\r\n").as_bytes()).await;
    check_raw(&keyless, 401, "missing_api_key");
    let wrong = format!("{head}Authorization: Bearer wrong\r\n\r\n");
    check_raw(&gateway.raw(wrong.as_bytes()).await, 401, "invalid_api_key");
}

#[tokio::test]
async fn liveness_needs_no_key() {
    let a = Upstream::start("a").await;
    let gateway = guarded(&a).await;
    assert_eq!(gateway.get("/livez").await.status, 200);
    assert_eq!(gateway.get("/readyz").await.status, 200);
}
