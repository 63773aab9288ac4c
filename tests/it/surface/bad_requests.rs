//! Requests whose head is wrong: path, method, headers, size.

use serde_json::json;

use super::check_raw;
use crate::support::{Answer, Gateway, Upstream, chat};

const JSON: (&str, &str) = ("content-type", "application/json");
const CHAT: &str = "/v1/chat/completions";

fn check(answer: &Answer, status: u16, code: &str, param: Option<&str>) {
    let error = answer.error();
    let found = (answer.status, error["code"].as_str(), error["param"].as_str());
    assert_eq!(found, (status, Some(code), param), "{answer:?}");
    assert_eq!(error["type"], "invalid_request_error");
}

#[tokio::test]
async fn only_json_is_read() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let body = chat("hi").to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"] {
        let answer = gateway.post(CHAT, &[("content-type", kind)], body.clone()).await;
        check(&answer, 415, "unsupported_media_type", None);
    }
    check(&gateway.post(CHAT, &[], body.clone()).await, 415, "unsupported_media_type", None);
    for encoding in ["gzip", "deflate", "zstd", "br"] {
        let headers = [JSON, ("content-encoding", encoding)];
        let answer = gateway.post(CHAT, &headers, body.clone()).await;
        check(&answer, 415, "unsupported_media_type", None);
    }
    assert_eq!(a.call_count(), 0);
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"] {
        let answer = gateway.post(CHAT, &[("content-type", kind)], body.clone()).await;
        assert_eq!(answer.status, 200, "{kind}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let a = Upstream::start("a").await;
    let gateway =
        Gateway::with(&[&a], |config| config["server"]["body_bytes_max"] = json!(2048)).await;
    let (long, short) = (chat(&"a".repeat(3000)).to_string(), chat(&"a".repeat(1500)).to_string());
    check(&gateway.post(CHAT, &[JSON], long.clone()).await, 413, "request_too_large", None);

    let chunked = |body: &str| {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                    Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
    };
    check_raw(&gateway.raw(chunked(&long).as_bytes()).await, 413, "request_too_large");
    assert_eq!(a.call_count(), 0);
    let answer = gateway.raw(chunked(&short).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("a answers"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_not_well_formed_is_not_called_too_long() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\
                Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = gateway.raw(format!("{head}no number\r\n").as_bytes()).await;
    check_raw(&answer, 400, "invalid_body");
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_before_the_body_comes() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n";
    check_raw(&gateway.raw(head.as_bytes()).await, 413, "request_too_large");
}

#[tokio::test]
async fn unknown_paths_are_answered_in_the_callers_dialect() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    for path in ["/v1/nothing", "/", "/v1", "/v2/chat/completions", "/admin/reload", "/status"] {
        check(&gateway.post(path, &[JSON], chat("hi").to_string()).await, 404, "unknown_url", None);
        check(&gateway.get(path).await, 404, "unknown_url", None);
    }
    for path in
        ["//v1/chat/completions", "/v1/../status", "/v1/%2e%2e/status", "/v1/chat/completions/"]
    {
        let body = chat("hi").to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        check_raw(&gateway.raw(request.as_bytes()).await, 404, "unknown_url");
    }
    assert_eq!(a.call_count(), 0);
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    for path in [CHAT, "/chat/completions", "/v1/route"] {
        let answer = gateway.get(path).await;
        check(&answer, 405, "method_not_allowed", None);
        assert_eq!(answer.header("allow"), "POST");
    }
    let answer = gateway.post("/v1/models", &[JSON], "{}").await;
    check(&answer, 405, "method_not_allowed", None);
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

#[tokio::test]
async fn a_wrong_header_of_ours_is_named() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    for value in ["abc", "0", "-1", "1.5", "", "99999999999999999999999"] {
        let answer = gateway.ask_with(&chat("hi"), &[("x-semroute-timeout-ms", value)]).await;
        check(&answer, 400, "invalid_value", Some("x-semroute-timeout-ms"));
    }
    let answer = gateway.ask_with(&chat("hi"), &[("x-semroute-tier", "unknown")]).await;
    check(&answer, 404, "model_not_found", Some("x-semroute-tier"));
    assert_eq!(a.call_count(), 0);
    let long = [("x-semroute-timeout-ms", "1000000000000")];
    assert_eq!(gateway.ask_with(&chat("hi"), &long).await.status, 200);
}

#[tokio::test]
async fn heads_that_are_not_http_are_refused() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    for lines in [
        "Bad Name: x\r\n",
        "x: a\0b\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
    ] {
        let answer = gateway.raw(format!("{head}{lines}\r\n{{}}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lines:?}: {answer:?}");
    }
    let many: String = (0..200).map(|at| format!("x-{at}: y\r\n")).collect();
    let answer = gateway.raw(format!("{head}{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    assert_eq!(a.call_count(), 0);
}
