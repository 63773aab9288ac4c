//! Who may operate a gateway, and what a reload changes for callers and operators.

use serde_json::{Value, json};

use crate::support::{Act, Answer, Gateway, Upstream, chat};

fn check_refused(answer: &Answer, status: u16, code: &str) {
    let error = answer.error();
    assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{answer:?}");
}

#[tokio::test]
async fn a_web_page_cannot_operate_a_gateway_without_operators_keys() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    for origin in ["https://evil.example", "http://127.0.0.1:7412", "null", ""] {
        let answer = gateway.operate("/admin/reload", &[("origin", origin)]).await;
        check_refused(&answer, 403, "origin_not_allowed");
    }
    assert_eq!(gateway.reload().await, 2, "a tool without an origin may");
    check_refused(&gateway.admin("/admin/reload").await, 405, "method_not_allowed");
    // Nor can a caller.
    let answer = gateway.post("/admin/reload", &[], "").await;
    check_refused(&answer, 404, "unknown_url");
}

#[tokio::test]
async fn operators_keys_are_asked_for_and_are_not_callers_keys() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::with(&[&a], |config: &mut Value| {
        config["server"]["admin_keys"] = json!(["operators-key"]);
        config["server"]["api_keys"] = json!(["callers-key"]);
    })
    .await;
    check_refused(&gateway.operate("/admin/reload", &[]).await, 401, "missing_api_key");
    for (header, code) in [
        (("authorization", "Bearer callers-key"), "invalid_api_key"),
        (("authorization", "Bearer "), "missing_api_key"),
        (("x-api-key", "operators-key"), "missing_api_key"),
    ] {
        let answer = gateway.operate("/admin/reload", &[header]).await;
        check_refused(&answer, 401, code);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let key = ("authorization", "Bearer operators-key");
    for headers in [&[key][..], &[key, ("origin", "https://operators.example")]] {
        assert_eq!(gateway.operate("/admin/reload", headers).await.status, 200);
    }
    let asked = gateway.ask_with(&chat("hi"), &[key]).await;
    check_refused(&asked, 401, "invalid_api_key");
    assert_eq!(gateway.admin("/status").await.json()["generation"], 3);
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_generation_and_says_why() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let good = std::fs::read_to_string(gateway.file("semroute.yaml")).unwrap();
    let reload = || gateway.operate("/admin/reload", &[]);
    let status = async || gateway.admin("/status").await.json()["reload"].clone();
    let first = status().await;
    assert_eq!((&first["ok"], &first["error"]), (&json!(true), &Value::Null));
    assert!(first["at"].as_u64().unwrap() > 1_700_000_000, "{first}");

    gateway.rewrite(|config| {
        config["default_tier"] = json!("nobody");
        config["breaker"]["failures"] = json!("many");
    });
    std::fs::write(gateway.file("examples/more.jsonl"), "{\"text\": \"x\"}\n").unwrap();
    let refused = reload().await;
    check_refused(&refused, 422, "invalid_configuration");
    let problems = refused.json()["problems"].as_array().unwrap().clone();
    assert!(problems.len() > 1, "{problems:?}");
    for problem in &problems {
        assert!(problem["file"].as_str().unwrap().starts_with('/'), "{problem}");
        assert!(problem["line"].as_u64().unwrap() > 0, "{problem}");
        let message = problem["message"].as_str().unwrap();
        assert!(refused.error()["message"].as_str().unwrap().contains(message), "{problem}");
    }
    let after = status().await;
    assert_eq!((&after["ok"], &after["generation"]), (&json!(false), &json!(1)), "{after}");
    assert!(after["error"].as_str().unwrap().contains("nobody"), "{after}");
    let answer = gateway.ask(&chat("hi")).await;
    assert_eq!((answer.status, answer.header("x-semroute-generation")), (200, "1"));
    assert_eq!(gateway.admin("/readyz").await.status, 200);

    std::fs::write(gateway.file("semroute.yaml"), good).unwrap();
    std::fs::remove_file(gateway.file("examples/more.jsonl")).unwrap();
    assert_eq!(gateway.reload().await, 2);
    let healed = status().await;
    assert_eq!((&healed["ok"], &healed["error"]), (&json!(true), &Value::Null), "{healed}");
    assert_eq!(healed["generation"], 2);
}

#[tokio::test]
async fn changed_outcomes_take_effect() {
    let a = Upstream::always("a", Act::status(418, r#"{"error":{"message":"teapot"}}"#)).await;
    let b = Upstream::start("b").await;
    let gateway = Gateway::over(&[&a, &b]).await;
    assert_eq!(gateway.ask(&chat("hi")).await.status, 418, "the caller's own fault");
    let table = "version: 1\nrows:\n  - {status: [418], outcome: server_error}\n  - {outcome: caller_fault}\nlimits: []\n";
    std::fs::write(gateway.file("outcomes.yaml"), table).unwrap();
    gateway.reload().await;
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "b answers");
    std::fs::remove_file(gateway.file("outcomes.yaml")).unwrap();
    gateway.reload().await;
    assert_eq!(gateway.ask(&chat("hi")).await.status, 418);
}

#[tokio::test]
async fn changed_examples_take_effect_and_the_model_is_kept() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let json = [("content-type", "application/json")];
    let ask = json!({"model": "auto", "messages": [{"role": "user", "content": "bake a cake"}]});
    let tier = async || {
        let answer = gateway.post("/v1/route", &json, ask.to_string()).await;
        (answer.header("x-semroute-tier").to_owned(), answer.body)
    };
    let before = tier().await;
    let examples = "{\"text\": \"bake a cake\", \"label\": \"medical\"}\n{\"text\": \"bake a cake with plums\", \"label\": \"medical\"}\n";
    std::fs::write(gateway.file("examples/more.jsonl"), examples).unwrap();
    gateway.reload().await;
    let after = tier().await;
    assert_eq!(
        (before.0.as_str(), after.0.as_str()),
        ("general", "safety"),
        "{before:?} {after:?}"
    );
    assert!(after.1.contains(r#""depth":"cache""#), "{after:?}");
    assert_eq!(gateway.admin("/status").await.json()["index"]["examples"], 6);
}

#[tokio::test]
async fn keys_and_limits_of_callers_can_be_changed() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let long = chat(&"x".repeat(4_000));
    assert_eq!(gateway.ask(&long).await.status, 200);
    gateway.rewrite(|config| {
        config["server"] = json!({"api_keys": ["new-key"], "body_bytes_max": 2_000});
    });
    gateway.reload().await;
    check_refused(&gateway.ask(&chat("hi")).await, 401, "missing_api_key");
    let key = [("authorization", "Bearer new-key")];
    assert_eq!(gateway.ask_with(&chat("hi"), &key).await.status, 200);
    check_refused(&gateway.ask_with(&long, &key).await, 413, "request_too_large");
    gateway.rewrite(|config| config["server"] = json!({"api_keys": ["newer-key"]}));
    gateway.reload().await;
    check_refused(&gateway.ask_with(&chat("hi"), &key).await, 401, "invalid_api_key");
    assert_eq!(gateway.ask_with(&long, &[("api-key", "newer-key")]).await.status, 200);
}

#[tokio::test]
async fn a_lower_limit_of_requests_in_flight_counts_those_under_way() {
    let a = Upstream::always("a", Act::hang()).await;
    let gateway = Gateway::over(&[&a]).await;
    let (one, another) = (chat("one"), chat("another"));
    let mut waiting = Box::pin(both(gateway.ask(&one), gateway.ask(&another)));
    tokio::select! {
        () = a.until_called(2) => {}
        _ = &mut waiting => panic!("nobody answers"),
    }
    gateway.rewrite(|config| config["server"]["in_flight_max"] = json!(2));
    gateway.reload().await;
    check_refused(&gateway.ask(&chat("third")).await, 503, "overloaded");
    assert_eq!(gateway.admin("/status").await.json()["in_flight"], 2);
    gateway.rewrite(|config| config["server"]["in_flight_max"] = json!(3));
    gateway.reload().await;
    a.next([Act::answer("a answers")]);
    assert_eq!(gateway.ask(&chat("third")).await.status, 200);
}

async fn both(
    one: impl Future<Output = Answer>,
    another: impl Future<Output = Answer>,
) -> (Answer, Answer) {
    tokio::join!(one, another)
}
