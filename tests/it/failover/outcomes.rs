//! What errors mean, as `rules/outcomes.yaml` says: whether the next target is asked, and how long the target rests.

use serde_json::{Value, json};

use super::{check, fault, one_failure_is_enough};
use crate::support::{Act, Gateway, Upstream, chat, streamed};

fn error(message: &str, code: &str) -> String {
    json!({"error": {"message": message, "code": code}}).to_string()
}

#[tokio::test]
async fn an_error_that_only_this_target_has_is_followed_by_the_next_one() {
    for (name, status, body, remembered) in [
        ("money with 400", 400, error("Your credit balance is too low", ""), "quota_gone"),
        ("a key with 400", 400, error("API key not valid.", "400"), "credential_refused"),
        ("no tools", 400, error("m does not support tools", ""), "ready"),
        ("a slip of the model", 400, error("x", "tool_use_failed"), "ready"),
        ("too large for this account", 413, error("Request too large for m", ""), "ready"),
        ("slow down", 503, error("x", "slow_down"), "rate_limited"),
    ] {
        check(fault(name, Act::status(status, &body), remembered), &chat("hi")).await;
    }
}

/// Nobody else is asked, and the caller learns under which code.
async fn check_too_long(act: Act, body: &Value) {
    let a = Upstream::always("a", act).await;
    let b = Upstream::start("b").await;
    let smaller = |config: &mut Value| {
        one_failure_is_enough(config);
        config["models"] = json!({"a/model-a": {"context": 9000}, "b/model-b": {"context": 8000}});
    };
    let gateway = Gateway::with(&[&a, &b], smaller).await;
    let answer = gateway.ask(body).await;
    assert_eq!((answer.status, &answer.error()["code"]), (400, &json!("context_length_exceeded")));
    assert_eq!((a.call_count(), b.call_count()), (1, 0));
    assert_eq!(gateway.state(&a).await, "ready");
}

#[tokio::test]
async fn a_conversation_that_is_too_long_has_one_code_whatever_the_provider_calls_it() {
    let message = "This model's maximum context length is 4096 tokens.";
    let numbered = json!({"object": "error", "message": message, "code": 400}).to_string();
    let nameless = json!({"error": {"message": message}}).to_string();
    let in_band = json!({"error": {"message": message, "code": 400}}).to_string();
    check_too_long(Act::status(400, &numbered), &chat("hi")).await;
    check_too_long(Act::status(500, &nameless), &chat("hi")).await;
    check_too_long(Act::stream().event(&in_band).end(), &streamed("hi")).await;
}

#[tokio::test]
async fn a_limit_of_which_nothing_is_left_says_how_long_to_stay_away() {
    let headers = [
        ("x-ratelimit-remaining-requests", "9"),
        ("x-ratelimit-reset-requests", "1h0m0s"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "1m30s"),
    ];
    let a = Upstream::always("a", Act::response(429, &headers, "")).await;
    let answer = Gateway::over(&[&a]).await.ask(&chat("hi")).await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!(answer.status == 429 && (90..=99).contains(&wait), "{answer:?}");
}
