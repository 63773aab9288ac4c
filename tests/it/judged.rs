//! Where the shipped rules send prompts that are easily misjudged, written for this test and not among the examples.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use semroute::chat::{Passage, Reads, parse, prompt_of};
use semroute::classify::{Reading, Wish, decide};
use semroute::embed::Embedder;
use serde_json::{Value, json};

use crate::shipped::brain;

const LOOKALIKES: &str = include_str!("../golden/lookalikes.jsonl");
const SAFETY: &str = include_str!("../golden/safety.jsonl");
const FOLLOW_UPS: &str = include_str!("../golden/follow_ups.jsonl");

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
    assert!(safety * 100 >= rows.len() * 80, "{safety} of {}", rows.len());
}

#[test]
fn follow_ups_stay_and_other_topics_leave() {
    let rows = rows(FOLLOW_UPS);
    for (kind, share) in [("follow_up", 85), ("topic_change", 90)] {
        let of_kind: Vec<&Value> = rows.iter().filter(|row| row["kind"] == kind).collect();
        let right = of_kind.iter().filter(|row| tier(&row["turns"]) == row["expect"]).count();
        assert!(right * 100 >= of_kind.len() * share, "{kind}: {right} of {}", of_kind.len());
    }
}

fn rows(file: &str) -> Vec<Value> {
    file.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn user_says(row: &Value) -> Value {
    json!([{"role": "user", "content": row["text"]}])
}

/// The tier of a conversation.
fn tier(messages: &Value) -> String {
    let body = json!({"model": "auto", "messages": messages}).to_string();
    let prompt = prompt_of(&parse(body.as_bytes()).unwrap(), Reads { system: false }).unwrap();
    let context = prompt.in_context();
    let text = context.as_ref().map_or(prompt.as_str(), Passage::as_str);
    let reading = Reading::Features(brain().embedder.read_fully(text).unwrap());
    let decision = decide(&brain().snapshot, &Wish::Auto, &reading);
    decision.goal.tier_name().unwrap().to_owned()
}
