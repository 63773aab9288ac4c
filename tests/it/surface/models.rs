//! What callers are told of the models that they may ask for.

use serde_json::{Value, json};

use crate::support::{Gateway, Upstream};

/// Two targets of which different things are known, and an alias for one that no tier lists.
async fn gateway() -> Gateway {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    Gateway::with(&[&a, &b], |written| {
        written["models"] = json!({
            "a/model-a": {
                "context": 8000, "max_output": 2000, "images": true, "audio": false, "tools": true,
                "json_schema": true, "reasoning": ["high", "low"], "sampling": "fixed", "choices": 1,
                "deprecated": "2126-12-01",
            },
            "b/model-b": {"context": 4000},
            "b/other": {"context": 6000, "output": ["text", "audio"]},
        });
        written["aliases"]["spare"] = json!("b/other");
        written["aliases"]["any"] = json!("auto");
    })
    .await
}

async fn one(gateway: &Gateway, id: &str) -> Value {
    gateway.get(&format!("/v1/models/{id}")).await.json()
}

#[tokio::test]
async fn a_target_is_listed_with_what_is_known_of_it() {
    let gateway = gateway().await;
    let expected = json!({
        "id": "a/model-a", "object": "model", "created": 0, "owned_by": "a",
        "context_length": 8000, "max_output_tokens": 2000,
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": null},
        "supported_parameters": ["max_tokens", "tools", "tool_choice", "response_format", "structured_outputs", "reasoning",
            "reasoning_effort"],
        "capabilities": {"images": true, "audio": false, "tools": true, "json_schema": true,
            "reasoning": ["low", "high"], "sampling": "fixed", "choices": 1},
        "deprecated": "2126-12-01",
    });
    assert_eq!(one(&gateway, "a/model-a").await, expected);
}

#[tokio::test]
async fn a_tier_is_as_small_as_its_smallest_target() {
    let gateway = gateway().await;
    let check = |model: &Value, context: u64, targets: &[&str]| {
        assert_eq!(model["context_length"], context, "{model}");
        assert_eq!(model["targets"], json!(targets), "{model}");
        assert_eq!((&model["owned_by"], &model["object"]), (&json!("semroute"), &json!("model")));
    };
    check(&one(&gateway, "auto").await, 4_000, &["a/model-a", "b/model-b"]);
    check(&one(&gateway, "tier/safety").await, 4_000, &["b/model-b", "a/model-a"]);
    let any = one(&gateway, "any").await;
    check(&any, 4_000, &["a/model-a", "b/model-b"]);
    assert_eq!(any["alias_of"], "auto");
    let spare = one(&gateway, "spare").await;
    assert_eq!((&spare["alias_of"], &spare["context_length"]), (&json!("b/other"), &json!(6_000)));
    assert_eq!(spare["architecture"]["output_modalities"], json!(["text", "audio"]));
    assert_eq!(spare["targets"], Value::Null);
}

#[tokio::test]
async fn prices_are_told_for_a_token_without_a_float() {
    // The catalogue knows this model by its name, whoever serves it.
    let a = Upstream::start("a").await;
    let gateway = Gateway::with(&[&a], |written| {
        written["tiers"]["general"]["targets"] = json!(["a/gpt-6-luna"]);
    })
    .await;
    let pricing = one(&gateway, "a/gpt-6-luna").await["pricing"].clone();
    let expected = json!({
        "prompt": "0.0000001", "completion": "0.0000005", "input_cache_read": "0.00000001",
        "input_cache_write": "0.000000125",
        "long_context": {"above_tokens": 272_000, "prompt": "0.0000002", "completion": "0.00000075"},
    });
    assert_eq!(pricing, expected);
}

#[tokio::test]
async fn a_library_for_messages_gets_the_shape_that_it_reads() {
    let gateway = gateway().await;
    let version = [("anthropic-version", "2023-06-01")];
    let list = gateway.get_with("/v1/models", &version).await.json();
    let rows = list["data"].as_array().unwrap();
    assert_eq!((&list["has_more"], list["object"].is_null()), (&json!(false), true));
    assert_eq!(
        (&list["first_id"], &list["last_id"]),
        (&json!("auto"), &rows.last().unwrap()["id"])
    );
    let expected = json!({
        "type": "model", "id": "a/model-a", "display_name": "a/model-a",
        "created_at": "1970-01-01T00:00:00Z", "max_input_tokens": 8000, "max_tokens": 2000,
    });
    assert!(rows.contains(&expected), "{list}");
    let unknown = gateway.get_with("/v1/models/b/model-b", &version).await.json();
    assert_eq!(
        (&unknown["max_input_tokens"], &unknown["max_tokens"]),
        (&json!(4_000), &Value::Null)
    );
}
