//! Bodies that are no chat request: always 400, 404 or 413 with the field that is wrong, and no provider is asked.

use serde_json::Value;

use crate::support::{Gateway, Upstream};

struct Case {
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    param: Option<&'static str>,
}

fn bad(body: impl Into<Vec<u8>>, param: Option<&'static str>, code: &'static str) -> Case {
    Case { body: body.into(), status: 400, code, param }
}

/// A good body with one more field.
fn with(field: &str, param: &'static str, code: &'static str) -> Case {
    let body =
        format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"x"}}],{field}}}"#);
    bad(body, Some(param), code)
}

/// A good body with other messages.
fn messages(messages: &str, param: &'static str, code: &'static str) -> Case {
    bad(format!(r#"{{"model":"auto","messages":{messages}}}"#), Some(param), code)
}

/// A good body for another model.
fn model(model: &str, status: u16, code: &'static str) -> Case {
    let messages = r#"[{"role":"user","content":"x"}]"#;
    let body = format!(r#"{{"model":{model},"messages":{messages}}}"#);
    Case { status, ..bad(body, Some("model"), code) }
}

async fn check(cases: Vec<Case>) {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let json = [("content-type", "application/json")];
    for Case { body, status, code, param } in cases {
        let shown: String = String::from_utf8_lossy(&body).chars().take(100).collect();
        for path in ["/v1/chat/completions", "/v1/route"] {
            let answer = gateway.post(path, &json, body.clone()).await;
            let error = answer.error();
            let found = (answer.status, error["code"].as_str(), error["param"].as_str());
            assert_eq!(found, (status, Some(code), param), "{shown}: {}", answer.body);
            assert_eq!(error["type"], "invalid_request_error");
            assert_ne!(error["message"], "");
            assert_eq!(answer.header("x-request-id").len(), 36);
        }
    }
    assert_eq!(a.call_count(), 0);
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let good = r#"{"model":"auto","messages":[{"role":"user","content":"x"}]}"#;
    let mut not_utf8 = good.as_bytes().to_vec();
    *not_utf8.iter_mut().find(|byte| **byte == b'x').unwrap() = 0xFF;
    let nested = format!(r#"{{"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    check(vec![
        bad("", None, "invalid_json"),
        bad("{", None, "invalid_json"),
        bad(format!("{good} trailing"), None, "invalid_json"),
        bad(format!("\u{FEFF}{good}"), None, "invalid_json"),
        bad(r#"{"model":"auto","messages":NaN}"#, None, "invalid_json"),
        bad(not_utf8, None, "invalid_json"),
        bad(nested, None, "invalid_json"),
        bad("[".repeat(100_000), None, "invalid_json"),
        bad("[]", None, "invalid_json"),
        bad("\"text\"", None, "invalid_json"),
        bad("null", None, "invalid_json"),
        bad(r#"{"model":"a","model":"b"}"#, Some("model"), "duplicate_field"),
        bad(r#"{"messages":[],"messages":[]}"#, Some("messages"), "duplicate_field"),
    ])
    .await;
}

#[tokio::test]
async fn a_model_that_is_no_model_is_refused() {
    let long = format!("\"{}\"", "m".repeat(10 * 1024));
    check(vec![
        bad("{}", Some("model"), "missing_required_parameter"),
        model("null", 400, "missing_required_parameter"),
        model("7", 400, "invalid_type"),
        model(r#""""#, 400, "invalid_value"),
        model(&long, 400, "invalid_value"),
        model(r#""a\nb""#, 400, "invalid_value"),
        model(r#""unknown""#, 404, "model_not_found"),
        model(r#""tier/unknown""#, 404, "model_not_found"),
        model(r#""unknown/model""#, 404, "model_not_found"),
        model(r#""a/""#, 404, "model_not_found"),
        model(r#""/""#, 404, "model_not_found"),
        model(r#""tier/""#, 404, "model_not_found"),
    ])
    .await;
}

#[tokio::test]
async fn messages_that_are_none_are_refused() {
    let many = format!("[{}]", vec![r#"{"role":"user","content":"x"}"#; 100_000].join(","));
    check(vec![
        bad(r#"{"model":"auto"}"#, Some("messages"), "missing_required_parameter"),
        messages("[]", "messages", "invalid_value"),
        messages("{}", "messages", "invalid_type"),
        messages(r#""hi""#, "messages", "invalid_type"),
        messages("[null]", "messages[0]", "invalid_type"),
        messages(r#"[{"content":"x"}]"#, "messages[0].role", "invalid_value"),
        messages(r#"[{"role":"king","content":"x"}]"#, "messages[0].role", "invalid_value"),
        messages(r#"[{"role":"user"}]"#, "messages[0].content", "invalid_value"),
        messages(r#"[{"role":"user","content":null}]"#, "messages[0].content", "invalid_value"),
        messages(r#"[{"role":"user","content":7}]"#, "messages[0].content", "invalid_type"),
        messages(r#"[{"role":"user","content":[{}]}]"#, "messages[0].content", "invalid_type"),
        messages(r#"[{"role":"user","content":"\ud800"}]"#, "messages[0].content", "invalid_type"),
        messages(
            r#"[{"role":"user","content":"x"},{"role":"assistant","content":null}]"#,
            "messages[1].content",
            "invalid_value",
        ),
        messages(&many, "messages", "array_too_long"),
    ])
    .await;
}

#[tokio::test]
async fn parameters_out_of_range_are_refused() {
    check(vec![
        with(r#""temperature":"hot""#, "temperature", "invalid_type"),
        with(r#""temperature":5"#, "temperature", "invalid_value"),
        with(r#""temperature":1e400"#, "temperature", "invalid_type"),
        with(r#""top_p":-0.1"#, "top_p", "invalid_value"),
        with(r#""n":0"#, "n", "invalid_value"),
        with(r#""n":-1"#, "n", "invalid_type"),
        with(r#""n":1000000000"#, "n", "invalid_value"),
        with(r#""max_tokens":-1"#, "max_tokens", "invalid_type"),
        with(r#""max_tokens":1.5"#, "max_tokens", "invalid_type"),
        with(r#""max_tokens":9223372036854775808"#, "max_tokens", "invalid_value"),
        with(r#""stream":"yes""#, "stream", "invalid_type"),
        with(r#""stream_options":{"include_usage":true}"#, "stream_options", "invalid_value"),
        with(r#""tools":{}"#, "tools", "invalid_type"),
    ])
    .await;
}

#[tokio::test]
async fn callers_do_not_choose_where_a_request_goes() {
    let canary = Upstream::start("canary").await;
    let url = canary.base_url();
    let named =
        |name: &'static str| with(&format!(r#""{name}":"{url}""#), name, "forbidden_parameter");
    check(
        ["api_base", "base_url", "api_key", "fallbacks", "custom_llm_provider"].map(named).into(),
    )
    .await;
    assert_eq!(canary.connections(), 0);
}

/// The body is unusual but good, and gets an answer.
async fn check_good(bodies: &[String]) {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let json = [("content-type", "application/json")];
    for body in bodies {
        let answer = gateway.post("/v1/chat/completions", &json, body.clone()).await;
        assert_eq!((answer.status, answer.said().as_str()), (200, "a answers"), "{answer:?}");
    }
    assert_eq!(a.call_count(), bodies.len());
}

fn says(text: &str) -> String {
    let text = Value::from(text);
    format!(r#"{{"model":"auto","messages":[{{"role":"user","content":{text}}}]}}"#)
}

#[tokio::test]
async fn unusual_prompts_are_answered() {
    let alone = |message: &str| format!(r#"{{"model":"auto","messages":[{message}]}}"#);
    check_good(&[
        alone(r#"{"role":"system","content":"only this"}"#),
        alone(r#"{"role":"user","content":""}"#),
        alone(r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]}"#),
        alone(r#"{"role":"user","content":[{"type":"invented","x":1}]}"#),
        alone(r#"{"role":"tool","tool_call_id":"unknown","content":"x"}"#),
        says(&"a".repeat(1024 * 1024)),
        says("\u{200B}\u{202E}\u{1F469}\u{200D}\u{1F680}e\u{301}\u{301}"),
        says("\0\r\n\r\ndata: [DONE]\n\nevent: x"),
        r#"{"model":"auto","x_unknown":{"deep":[1]},"messages":[{"role":"user","content":"x"}]}"#
            .to_owned(),
    ])
    .await;
}
