//! What a tier may say about its targets: when an answer begins, who helps out, who is asked first, who cannot.

use serde_json::{Value, json};

use crate::support::{Act, Gate, Gateway, Upstream, chat, streamed};

fn set<'a>(key: &'a str, value: Value) -> impl FnOnce(&mut Value) + 'a {
    move |config| {
        config["tiers"]["general"][key] = value;
        super::impatient(config);
    }
}

#[tokio::test]
async fn a_tier_that_commits_at_the_end_never_shows_a_broken_answer() {
    let broken = Act::stream().role().says("one ").says("two ").and_reset();
    for commit in ["full", "hold"] {
        let (a, b) = (Upstream::always("a", broken.clone()).await, Upstream::start("b").await);
        let gateway = Gateway::with(&[&a, &b], set("commit", json!(commit))).await;
        let answer = gateway.ask(&streamed("hi")).await;
        assert_eq!((answer.status, answer.said().as_str()), (200, "b answers"), "{commit}");
        assert_eq!(answer.events().last(), Some(&"[DONE]"));
        assert_eq!((a.call_count(), b.call_count()), (1, 1));
    }
}

#[tokio::test]
async fn a_tier_that_holds_back_passes_on_once_enough_is_there() {
    let gate = Gate::new();
    let act = Act::stream().says("one ").says("two ").hold(&gate).says("three").finishes().done();
    let a = Upstream::always("a", act.end()).await;
    let gateway = Gateway::with(&[&a], |config| {
        let tier = &mut config["tiers"]["general"];
        (tier["commit"], tier["hold_events"]) = (json!("hold"), json!(2));
    })
    .await;
    let response = gateway.open(&streamed("hi")).await;
    gate.open();
    assert_eq!(crate::support::Answer::read(response).await.said(), "one two three");
}

#[tokio::test]
async fn a_prompt_leaves_its_tier_only_where_the_tier_spills() {
    for (spill, expected) in [("none", 502), ("other", 200)] {
        let a = Upstream::always("a", Act::status(500, "")).await;
        let b = Upstream::start("b").await;
        let gateway = Gateway::with(&[&a, &b], |config| {
            config["tiers"]["general"] =
                json!({"targets": ["a/model-a"], "spill_to": spill, "patience": "none"});
            config["tiers"]["other"] = json!({"targets": ["b/model-b"]});
        })
        .await;
        for _ in 0..9 {
            assert_eq!(gateway.ask(&chat("hi")).await.status, expected, "{spill}");
        }
        assert_eq!(b.call_count() > 0, spill == "other");
    }
}

#[tokio::test]
async fn a_refusal_is_sent_on_only_where_the_tier_says_so() {
    let said = json!({"error": {"message": "no", "code": "content_filter"}}).to_string();
    for (policy, expected) in [("stop", 400), ("try_next", 200)] {
        let a = Upstream::always("a", Act::status(400, &said)).await;
        let b = Upstream::start("b").await;
        let gateway = Gateway::with(&[&a, &b], set("on_refusal", json!(policy))).await;
        assert_eq!(gateway.ask(&chat("hi")).await.status, expected, "{policy}");
    }
}

#[tokio::test]
async fn a_refusal_behind_a_broken_answer_is_not_routed_around_either() {
    let said = json!({"error": {"message": "no", "code": "content_filter"}}).to_string();
    let a = Upstream::always("a", Act::stream().says("one ").and_reset()).await;
    let b = Upstream::always("b", Act::status(400, &said)).await;
    let c = Upstream::always("c", Act::answer("one two")).await;
    let gateway = Gateway::with(&[&a, &b, &c], set("on_break", json!("rescue"))).await;
    let answer = gateway.ask(&streamed("hi")).await;
    assert!(answer.body.contains("stream_interrupted") && !answer.body.contains("[DONE]"));
    assert_eq!((a.call_count(), b.call_count(), c.call_count()), (1, 1, 0));
}

#[tokio::test]
async fn who_cannot_read_a_request_is_not_asked() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], |config| {
        config["models"] = json!({
            "a/model-a": {"context": 100, "tools": false}, "b/model-b": {"images": false},
        });
    })
    .await;
    let long = "word ".repeat(1_000);
    let mut with_tools = chat("hi");
    with_tools["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    for body in [chat(&long), with_tools.clone()] {
        assert_eq!(gateway.ask(&body).await.said(), "b answers");
    }
    let picture = json!([{"type": "image_url", "image_url": {"url": "data:,"}}]);
    with_tools["messages"][0]["content"] = picture;
    let nobody = gateway.ask(&with_tools).await;
    assert_eq!((nobody.status, nobody.error()["code"].as_str()), (400, Some("unsupported")));
    assert_eq!((a.call_count(), b.call_count()), (0, 2));
}

#[tokio::test]
async fn targets_are_drawn_by_their_weights_and_the_plan_says_so() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], |config| {
        config["tiers"]["general"]["order"] = json!("weighted");
        config["tiers"]["general"]["weights"] = json!({"a/model-a": 0});
    })
    .await;
    for _ in 0..5 {
        assert_eq!(gateway.ask(&chat("hi")).await.said(), "b answers");
    }
    let json = [("content-type", "application/json")];
    let plan = gateway.post("/v1/route", &json, chat("hi").to_string()).await.json();
    let first = &plan["plan"]["steps"][0];
    assert_eq!((&first["target"], &first["place"]), (&json!("b/model-b"), &json!("drawn")));
}

#[tokio::test]
async fn an_operator_takes_a_target_out_and_lets_it_in_again() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let gateway = Gateway::over(&[&a, &b]).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |path: &str| {
        let url = format!("http://{}/admin/targets/{path}", gateway.admin);
        client.post(url).send()
    };
    assert_eq!(post("a/model-a/disable").await.unwrap().status(), 200);
    assert_eq!(gateway.state(&a).await, "disabled");
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "b answers");
    assert_eq!(post("a/model-a/enable").await.unwrap().status(), 200);
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
    assert_eq!(post("a/model-x/disable").await.unwrap().status(), 404);
}
