//! Who answers, and how that is explained.

use serde_json::{Value, json};

use crate::support::{Act, Answer, Gateway, Upstream, chat};

const JSON: (&str, &str) = ("content-type", "application/json");
const ILL: &str = "which medicine helps my heart";

fn asking(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

fn explained(answer: &Answer, expected: [&str; 4]) {
    let names = ["tier", "query-type", "reason", "target"];
    let found = names.map(|name| answer.header(&format!("x-semroute-{name}")));
    assert_eq!((answer.status, found), (200, expected), "{answer:?}");
}

#[tokio::test]
async fn the_prompt_the_model_or_the_header_chooses_who_answers() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let gateway = Gateway::over(&[&a, &b]).await;
    for (model, text, expected) in [
        ("auto", ILL, ["safety", "medical", "matched", "b/model-b"]),
        ("auto", "a poem about the sea", ["general", "poem", "matched", "a/model-a"]),
        ("auto", "", ["general", "", "nothing_to_read", "a/model-a"]),
        ("tier/safety", "hi", ["safety", "", "asked", "b/model-b"]),
        ("gpt-4o", ILL, ["general", "", "asked", "a/model-a"]),
        ("b/model-b", "hi", ["", "", "pinned", "b/model-b"]),
        ("b/another/one:free", "hi", ["", "", "pinned", "b/another/one:free"]),
    ] {
        println!("{model} {text}");
        explained(&gateway.ask(&asking(model, text)).await, expected);
    }
    assert_eq!(b.calls().last().unwrap().json()["model"], "another/one:free");
    let header = [("x-semroute-tier", "safety")];
    let answer = gateway.ask_with(&asking("auto", "a poem about the sea"), &header).await;
    explained(&answer, ["safety", "", "asked", "b/model-b"]);
}

#[tokio::test]
async fn an_answer_says_why_it_went_where_it_went() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    for path in ["/v1/chat/completions", "/chat/completions"] {
        for stream in [false, true] {
            let mut body = asking("auto", ILL);
            body["stream"] = json!(stream);
            let answer = gateway.post(path, &[JSON], body.to_string()).await;
            explained(&answer, ["safety", "medical", "matched", "a/model-a"]);
            assert_eq!(answer.header("x-semroute-attempts"), "1");
            assert_eq!(answer.header("x-semroute-generation"), "1");
            let confidence: f32 = answer.header("x-semroute-confidence").parse().unwrap();
            assert!((0.6..=1.0).contains(&confidence));
            assert_eq!(answer.header("x-semroute-receipt").len(), 36);
            assert_eq!(answer.header("x-request-id"), answer.header("x-semroute-receipt"));
        }
    }
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    let mut ids = Vec::new();
    for body in [chat("hi"), chat("hi"), asking("unknown", "hi"), json!([])] {
        ids.push(gateway.ask(&body).await.header("x-request-id").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_decision_can_be_had_without_calling_anybody() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let gateway = Gateway::over(&[&a, &b]).await;
    let body = asking("auto", ILL);
    let dry = [("x-semroute-dry-run", "1")];
    for answer in [
        gateway.post("/v1/route", &[JSON], body.to_string()).await,
        gateway.post("/route", &[JSON], body.to_string()).await,
        gateway.ask_with(&body, &dry).await,
    ] {
        let explained = answer.json();
        assert_eq!(explained["decision"]["tier"], "safety");
        assert_eq!(explained["decision"]["query_type"], "medical");
        assert_eq!(explained["decision"]["nearest"][0]["query_type"], "medical");
        let steps = explained["plan"]["steps"].as_array().unwrap();
        let targets: Vec<&Value> = steps.iter().map(|step| &step["target"]).collect();
        assert_eq!(targets, ["b/model-b", "a/model-a"]);
        assert_eq!(explained["attempts"], json!([]));
        assert!(!answer.body.contains("helps my heart\""), "the prompt is not repeated");
        assert_eq!(answer.header("x-semroute-tier"), "safety");
        assert_eq!(answer.header("x-semroute-attempts"), "0");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    assert_eq!((a.connections(), b.connections()), (0, 0));
}

#[tokio::test]
async fn a_plan_tells_who_is_skipped_and_why() {
    let limited = Act::response(429, &[("retry-after", "30")], "{}");
    let (a, b) = (Upstream::always("a", limited).await, Upstream::start("b").await);
    let c = Upstream::always("c", Act::status(500, "")).await;
    let gateway = Gateway::with(&[&c, &a, &b], |config| {
        config["breaker"]["failures"] = json!(1);
        config["providers"]["d"] = json!({"base_url": "http://127.0.0.1:1", "api_key": "${KEY_d}"});
        let targets = config["tiers"]["general"]["targets"].as_array_mut().unwrap();
        targets.push(json!("d/model-d"));
    })
    .await;
    gateway.ask(&chat("hi")).await;
    let plan = gateway.post("/v1/route", &[JSON], chat("hi").to_string()).await.json();
    let steps = json!([
        {"target": "b/model-b", "place": "listed", "because": "as the tier lists it", "spilled": false},
        {"target": "c/model-c", "place": "last_resort", "spilled": false,
         "because": "it fails, and is tried when all others have failed"},
    ]);
    assert_eq!(plan["plan"]["steps"], steps);
    let skipped = plan["plan"]["skipped"].as_array().unwrap();
    assert_eq!(
        (&skipped[0]["target"], &skipped[0]["why"]),
        (&json!("a/model-a"), &json!("rate_limited"))
    );
    assert!(skipped[0]["ready_in_ms"].as_u64().unwrap() > 20_000);
    assert_eq!((&skipped[1]["why"], &skipped[1]["set"]), (&json!("no_key"), &json!("KEY_d")));
}

#[tokio::test]
async fn a_tier_without_any_key_says_which_one_to_set() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::with(&[&a], |config| {
        config["providers"]["a"]["api_key"] = json!("${KEY_NOT_SET}");
    })
    .await;
    let answer = gateway.ask(&chat("hi")).await;
    assert_eq!((answer.status, answer.error()["code"].as_str()), (503, Some("no_provider_key")));
    assert!(answer.body.contains("KEY_NOT_SET") && answer.header("x-should-retry") == "false");
    assert_eq!(a.connections(), 0);
}

#[tokio::test]
async fn models_are_listed_under_the_names_that_can_be_asked_for() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let gateway = Gateway::over(&[&a, &b]).await;
    for path in ["/v1/models", "/models"] {
        let list = gateway.get(path).await.json();
        assert_eq!(list["object"], "list");
        let models = list["data"].as_array().unwrap();
        let ids: Vec<&str> = models.iter().map(|model| model["id"].as_str().unwrap()).collect();
        let expected = ["auto", "tier/general", "tier/safety", "gpt-4o", "a/model-a", "b/model-b"];
        assert_eq!(ids, expected);
        for id in ids {
            let one = gateway.get(&format!("{path}/{id}")).await;
            assert_eq!((one.status, one.json()["id"].as_str()), (200, Some(id)));
            assert_eq!(one.json()["object"], "model");
            assert_eq!(gateway.ask(&asking(id, "hi")).await.status, 200, "{id}");
        }
    }
    for id in ["unknown", "a/unknown", "tier/unknown"] {
        let answer = gateway.get(&format!("/v1/models/{id}")).await;
        assert_eq!(
            (answer.status, answer.error()["code"].as_str()),
            (404, Some("model_not_found"))
        );
    }
}
