//! Providers that repeat our key: no caller reads it.

use serde_json::json;

use crate::support::{Act, Gateway, Upstream, chat, streamed};

/// What `a` was sent, the words of another account's key, and a request at fault, so that the caller reads the message.
fn echo() -> serde_json::Value {
    let header = "Authorization: Bearer key-of-a";
    let message = format!("cannot read `{header}`; sk-proj-0123456789 neither");
    json!({"error": {"message": message, "type": header, "param": header, "code": header}})
}

async fn check(act: Act, body: &serde_json::Value) -> String {
    let a = Upstream::always("a", act).await;
    let answer = Gateway::over(&[&a]).await.ask(body).await;
    let seen = format!("{answer:?}");
    for secret in ["key-of-a", "0123456789"] {
        assert!(!seen.contains(secret), "{seen}");
    }
    answer.body
}

#[tokio::test]
async fn a_key_that_a_provider_repeats_reaches_no_caller() {
    let said = echo().to_string();
    let mut in_band = echo();
    in_band["error"]["status"] = json!(400);
    let in_band = in_band.to_string();
    for status in [400, 401, 403, 413, 422, 500] {
        check(Act::status(status, &said), &chat("hi")).await;
        check(Act::status(status, &said), &streamed("hi")).await;
    }
    for (act, body) in [
        (Act::status(400, &said), chat("hi")),
        (Act::response(400, &[], "bad header Authorization: Bearer key-of-a"), chat("hi")),
        (
            Act::status(422, r#"{"detail":[{"loc":["key-of-a"],"msg":"Bearer key-of-a"}]}"#),
            chat("hi"),
        ),
        (Act::status(200, &in_band), chat("hi")),
        (Act::stream().role().event(&in_band).end(), streamed("hi")),
        (Act::stream().says("x").event(&said).end(), streamed("hi")),
    ] {
        let read = check(act, &body).await;
        assert!(read.contains("[redacted]"), "{read}");
    }
}
