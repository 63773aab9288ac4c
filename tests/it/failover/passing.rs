//! What a provider is sent, and what it is not.

use serde_json::{Value, json};

use crate::support::{Act, Gateway, Upstream, chat, streamed};

#[tokio::test]
async fn every_provider_gets_its_own_key_and_no_other() {
    for body in [chat("hi"), streamed("hi")] {
        let a = Upstream::always("a", Act::status(500, "")).await;
        let b = Upstream::start("b").await;
        let gateway = Gateway::over(&[&a, &b]).await;
        gateway.ask(&body).await;
        for (provider, other) in [(&a, &b), (&b, &a)] {
            let call = provider.only_call();
            let expected = format!("Bearer {}", provider.key());
            assert_eq!(call.header("authorization"), Some(expected.as_str()));
            assert_eq!(call.path, "/v1/chat/completions");
            assert!(!call.text().contains(&other.key()));
        }
    }
}

#[tokio::test]
async fn a_callers_headers_stay_here() {
    let a = Upstream::start("a").await;
    let gateway =
        Gateway::with(&[&a], |config| config["server"]["api_keys"] = json!(["callers-secret"]))
            .await;
    for header in ["authorization", "x-api-key", "api-key"] {
        let key =
            if header == "authorization" { "Bearer callers-secret" } else { "callers-secret" };
        let private = [
            (header, key),
            ("cookie", "private=1"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-my", "private"),
        ];
        assert_eq!(gateway.ask_with(&chat("hi"), &private).await.status, 200);
    }
    for call in a.calls() {
        let text = call.text();
        for secret in ["callers-secret", "private", "1.2.3.4", "cookie"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert_eq!(a.call_count(), 3);
}

#[tokio::test]
async fn a_provider_without_a_key_gets_none() {
    let a = Upstream::start("a").await;
    let keyless = |config: &mut Value| {
        config["providers"]["a"].as_object_mut().unwrap().remove("api_key");
    };
    let gateway = Gateway::with(&[&a], keyless).await;
    gateway.ask_with(&chat("hi"), &[("authorization", "Bearer callers-secret")]).await;
    assert_eq!(a.only_call().header("authorization"), None);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let canary = Upstream::start("canary").await;
        let location = format!("{}/chat/completions", canary.base_url());
        let act = Act::response(status, &[("location", &location)], "");
        let (a, b) = (Upstream::always("a", act).await, Upstream::start("b").await);
        let gateway = Gateway::over(&[&a, &b]).await;
        let answer = gateway.ask(&chat("hi")).await;
        assert_eq!((answer.said().as_str(), answer.header("location")), ("b answers", ""));
        assert_eq!((a.call_count(), canary.connections()), (1, 0));
    }
}

#[tokio::test]
async fn a_body_arrives_as_it_was_written_but_for_the_model() {
    let before = r#"{"x_new":{"b": [1.0, 2e3, 1e-7],"a":null},"model":""#;
    let after = r#"","messages":[{"role":"user","name":"ann","content":[
        {"type":"text","text":"é \u00e9 \\ \"q\""},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]}],
        "tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","z":1,"a":2}}}],
        "tool_choice":{"type":"function","function":{"name":"f"}},
        "response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"object","properties":{"z":{},"a":{}}},"strict":true}},
        "seed":12345678901234567890,"temperature":0.70,"stop":["\n"],"logit_bias":{"50256":-100}}"#;
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let json = [("content-type", "application/json")];
    let answer = gateway.post("/v1/chat/completions", &json, format!("{before}auto{after}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let expected = format!("{before}model-a{after}");
    assert_eq!(outside_of_fields(&a.only_call().body), outside_of_fields(&expected));
}

/// The text without the spaces and line breaks between top-level fields, which are ours to choose.
fn outside_of_fields(body: &str) -> String {
    body.replace(",\n        \"", ",\"")
}

#[tokio::test]
async fn a_streamed_body_differs_only_in_the_model_and_the_counts() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let json = [("content-type", "application/json")];
    let messages = r#"[{"role":"user","content":"x"}]"#;
    let body = format!(
        r#"{{"stream":true,"stream_options":{{"x":[1.0]}},"model":"auto","messages":{messages}}}"#
    );
    gateway.post("/v1/chat/completions", &json, body).await;
    let expected = format!(
        r#"{{"stream":true,"stream_options":{{"include_usage":true,"x":[1.0]}},"model":"model-a","messages":{messages}}}"#
    );
    assert_eq!(a.only_call().body, expected);
}

#[tokio::test]
async fn every_attempt_carries_its_own_model_and_the_whole_body() {
    let a = Upstream::always("a", Act::reset()).await;
    let b = Upstream::start("b").await;
    let gateway = Gateway::over(&[&a, &b]).await;
    let long = "word ".repeat(100_000);
    let answer = gateway.ask(&chat(&long)).await;
    assert_eq!(answer.json()["model"], "model-b");
    for (provider, model) in [(&a, "model-a"), (&b, "model-b")] {
        let asked = provider.only_call().json();
        assert_eq!(asked["model"], model);
        assert_eq!(asked["messages"][0]["content"], long);
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    for body in [chat("hi"), streamed("hi"), chat("hi"), streamed("hi"), chat("hi")] {
        assert_eq!(gateway.ask(&body).await.status, 200);
    }
    assert_eq!((a.call_count(), a.connections()), (5, 1));
}
