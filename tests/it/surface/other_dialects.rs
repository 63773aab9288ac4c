//! What other wire formats need beside a body: tokens that are had first, headers of their own, and errors in callers' own shape.

use serde_json::{Value, json};

use crate::support::{Act, Answer, Gateway, Upstream, chat};

/// Of a service account that was made for tests; PEM without its lines.
const KEY: &str = include_str!("../fixtures/account.key");

fn account(upstream: &Upstream) -> String {
    let label = "PRIVATE KEY";
    json!({
        "type": "service_account",
        "client_email": "a@p.iam.gserviceaccount.com",
        "private_key": format!("-----BEGIN {label}-----\n{KEY}\n-----END {label}-----\n"),
        "token_uri": format!("{}/token", upstream.base_url()),
    })
    .to_string()
}

async fn vertex(upstream: &Upstream) -> Gateway {
    let account = account(upstream);
    Gateway::with(&[upstream], |written| {
        written["providers"][upstream.name] = json!({
            "dialect": "vertex",
            "base_url": upstream.base_url(),
            "service_account": account,
        });
    })
    .await
}

fn token(token: &str, seconds: u64) -> Act {
    Act::status(200, &json!({"access_token": token, "expires_in": seconds}).to_string())
}

fn said(text: &str) -> Act {
    let content = json!({"role": "model", "parts": [{"text": text}]});
    let answer = json!({"candidates": [{"content": content, "finishReason": "STOP"}]});
    Act::status(200, &answer.to_string())
}

#[tokio::test]
async fn a_token_is_had_once_and_again_before_it_ends() {
    let upstream = Upstream::start("a").await;
    let gateway = vertex(&upstream).await;
    upstream.next([
        token("short", 200),
        said("one"),
        token("long", 3600),
        said("two"),
        said("three"),
    ]);
    for expected in ["one", "two", "three"] {
        let answer = gateway.ask(&chat("hello")).await;
        assert_eq!(answer.json()["choices"][0]["message"]["content"], expected);
    }
    let calls = upstream.calls();
    let paths: Vec<&str> =
        calls.iter().map(|call| call.path.rsplit('/').next().unwrap_or("")).collect();
    let model = "model-a:generateContent";
    assert_eq!(paths, ["token", model, "token", model, model]);
    let keys: Vec<&str> = calls.iter().filter_map(|call| call.header("authorization")).collect();
    assert_eq!(keys, ["Bearer short", "Bearer long", "Bearer long"]);
    assert!(calls[0].body.starts_with("grant_type=") && calls[0].body.contains("&assertion="));
}

#[tokio::test]
async fn a_token_service_that_is_unwell_does_not_shut_the_key_out() {
    let upstream = Upstream::start("a").await;
    let gateway = vertex(&upstream).await;
    upstream.next([Act::status(503, "{}"), token("good", 3600), said("well")]);
    let first = gateway.ask(&chat("hello")).await;
    assert_eq!(first.status, 502, "{}", first.json());
    let second = gateway.ask(&chat("hello")).await;
    assert_eq!(second.json()["choices"][0]["message"]["content"], "well");
}

async fn messages(gateway: &Gateway) -> Answer {
    let body = json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]});
    let headers = [
        ("content-type", "application/json"),
        ("anthropic-beta", "b-1"),
        ("x-semroute-tier", "general"),
    ];
    gateway.post("/v1/messages", &headers, body.to_string().into_bytes()).await
}

#[tokio::test]
async fn betas_of_an_interface_reach_only_who_has_it() {
    let (own, other) = (Upstream::start("a").await, Upstream::always("b", Act::answer("hi")).await);
    let gateway = Gateway::with(&[&own, &other], |written| {
        written["providers"]["a"]["dialect"] = json!("anthropic");
    })
    .await;
    own.next([Act::status(
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
    )]);
    let answer = messages(&gateway).await;
    assert_eq!(answer.json()["content"][0]["text"], "hi");
    let asked = own.only_call();
    assert_eq!(
        (asked.header("anthropic-beta"), asked.path.as_str()),
        (Some("b-1"), "/v1/messages")
    );
    assert_eq!(other.only_call().header("anthropic-beta"), None);
}

#[tokio::test]
async fn an_error_in_place_of_a_stream_is_read_in_the_providers_own_dialect() {
    let upstream = Upstream::start("a").await;
    let gateway = Gateway::with(&[&upstream], |written| {
        written["providers"]["a"]["dialect"] = json!("gemini");
    })
    .await;
    let error =
        json!([{"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}]);
    upstream.next([Act::status(200, &error.to_string())]);
    let mut asked = chat("hello");
    asked["stream"] = Value::Bool(true);
    let answer = gateway.ask(&asked).await;
    assert_eq!(answer.status, 429, "{}", answer.json());
}
