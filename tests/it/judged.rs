//! Where the shipped rules send prompts that are easily misjudged, written for this test and not among the examples.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use semroute::chat::Surface;
use semroute::classify::Reason;
use semroute::gateway;
use semroute::pipeline::{Incoming, Pipeline};
use semroute::receipt::Receipt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::shipped::{config, fetch_env};

const DEADLINE: Duration = Duration::from_secs(60);

const LOOKALIKES: &str = include_str!("../golden/lookalikes.jsonl");
const SAFETY: &str = include_str!("../golden/safety.jsonl");
const PAYLOADS: &str = include_str!("../golden/payloads.jsonl");
const FOLLOW_UPS: &str = include_str!("../golden/follow_ups.jsonl");

static PIPELINE: OnceLock<(Runtime, Pipeline)> = OnceLock::new();

#[test]
fn harmless_look_alikes_stay_out_of_safety() {
    let rows = rows(LOOKALIKES);
    let safety = rows.iter().filter(|row| tier(&user_says(row)) == "safety").count();
    assert!(safety * 100 <= rows.len() * 10, "{safety} of {}", rows.len());
}

#[test]
fn what_needs_care_reaches_safety() {
    let rows = rows(SAFETY);
    let safety = rows.iter().filter(|row| tier(&user_says(row)) == "safety").count();
    assert!(safety * 100 >= rows.len() * 95, "{safety} of {}", rows.len());
}

#[test]
fn follow_ups_stay_and_other_topics_leave() {
    let rows = rows(FOLLOW_UPS);
    for (kind, share) in [("follow_up", 95), ("topic_change", 90)] {
        let of_kind: Vec<&Value> = rows.iter().filter(|row| row["kind"] == kind).collect();
        let right = of_kind.iter().filter(|row| tier(&row["turns"]) == row["expect"]).count();
        assert!(right * 100 >= of_kind.len() * share, "{kind}: {right} of {}", of_kind.len());
    }
}

#[test]
fn of_a_turn_with_a_pasted_text_the_instruction_decides() {
    let rows = rows(PAYLOADS);
    let right = rows.iter().filter(|row| tier(&user_says(row)) == row["tier"]).count();
    assert!(right * 100 >= rows.len() * 75, "{right} of {}", rows.len());
}

#[test]
fn languages_that_nobody_speaks_go_to_the_default_tier() {
    assert_eq!(
        tier(&user_says(&json!({"text": "Kirjoita lyhyt runo talvisesta järvestä"}))),
        "general"
    );
    assert_eq!(
        tier(&user_says(&json!({"text": "Write a short poem about a lake in winter"}))),
        "creative"
    );
}

fn rows(file: &str) -> Vec<Value> {
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn user_says(row: &Value) -> Value {
    json!([{"role": "user", "content": row["text"]}])
}

/// The tier of a conversation, decided as in service.
fn tier(messages: &Value) -> String {
    let body = json!({"model": "auto", "messages": messages}).to_string();
    let (runtime, pipeline) = PIPELINE.get_or_init(pipeline);
    let received = Instant::now();
    let mut receipt = Receipt::open(Arc::clone(&pipeline.snapshot), received);
    let incoming = Incoming {
        surface: Surface::Chat,
        headers: Vec::new(),
        body: body.as_bytes(),
        tier: None,
        timeout: None,
        received,
    };
    runtime.block_on(pipeline.explain(&incoming, &mut receipt)).unwrap();
    let decision = receipt.decision.as_ref().unwrap();
    assert!(!matches!(decision.reason, Reason::Hurried { .. } | Reason::EmbedderFailed { .. }));
    decision.goal.tier_name().unwrap().to_owned()
}

fn pipeline() -> (Runtime, Pipeline) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // A debug build that shares its processors with other tests is slower than the shipped deadline allows.
    let mut config = config();
    config.embedder.deadline = DEADLINE;
    let brain = gateway::load_brain(Arc::new(config), &fetch_env(), &mut |_, _| {}).unwrap();
    drop(rustls::crypto::ring::default_provider().install_default());
    let pipeline =
        runtime.block_on(async { gateway::start(brain.embedder, brain.snapshot).unwrap() });
    (runtime, pipeline)
}
