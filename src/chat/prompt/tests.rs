//! Conversations and what is read of them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn chat(messages: &Value) -> ChatRequest {
    let body = json!({"model": "auto", "messages": messages}).to_string();
    super::super::parse(body.as_bytes()).expect("a good body")
}

/// A conversation of user turns with an answer after each but the last.
fn of_turns(turns: &[&str]) -> Prompt {
    let mut messages = Vec::new();
    for turn in turns {
        messages.push(json!({"role": "user", "content": turn}));
        messages.push(json!({"role": "assistant", "content": "Here you are."}));
    }
    messages.pop();
    prompt_of(&chat(&Value::Array(messages)), Reads::default()).expect("visible text")
}

fn check(messages: &Value, expected: Option<&str>) {
    let prompt = prompt_of(&chat(messages), Reads::default());
    assert_eq!(prompt.as_ref().map(Prompt::as_str), expected, "{messages}");
}

#[test]
fn the_last_user_turn_with_text_stands_for_the_conversation() {
    let user = |text: &str| json!({"role": "user", "content": text});
    let other = |role: &str| json!({"role": role, "content": "b", "tool_call_id": "1"});
    let image = json!({"type": "image_url", "image_url": {"url": "data:,"}});
    check(&json!([user("a")]), Some("a"));
    check(&json!([user("a"), other("assistant"), user(" c ")]), Some("c"));
    check(&json!([user("a"), other("assistant"), other("tool")]), Some("a"));
    check(&json!([user("a"), user("")]), Some("a"));
    check(&json!([other("system")]), None);
    check(&json!([{"role": "user", "content": [image]}]), None);
}

#[test]
fn parts_are_read_apart_and_whole() {
    let pasted = "The council met on Tuesday and heard from eleven residents. ".repeat(5);
    let prompt = Prompt::new(&format!("Summarise the following text:\n\n{pasted}")).expect("text");
    assert_eq!(prompt.instruction.as_str(), "Summarise the following text:");
    assert_eq!(prompt.payload.as_ref().map(Passage::as_str), Some(pasted.trim()));
    assert!(prompt.as_str().starts_with("Summarise") && prompt.as_str().ends_with("residents."));
    let plain = Prompt::new("Summarise the plot of Hamlet").expect("text");
    assert_eq!((plain.instruction, plain.payload), (plain.whole, None));
}

#[test]
fn follow_ups_bring_what_they_continue() {
    let chain = of_turns(&["Boil an egg?", "Write a poem about rain", "and in French?", "shorter"]);
    let earlier = "Write a poem about rain\nand in French?";
    assert_eq!(chain.earlier.as_ref().map(Passage::as_str), Some(earlier));
    let together = chain.in_context();
    assert_eq!(together.as_ref().map(Passage::as_str), Some(&*format!("{earlier}\nshorter")));
    let change = of_turns(&["Write a poem about rain", "What is the capital of Peru?"]);
    assert_eq!((change.earlier.clone(), change.in_context()), (None, None));
    assert_eq!(of_turns(&["shorter"]).earlier, None);
    let many = of_turns(&["again"; 50]);
    assert_eq!(many.earlier.as_ref().map(Passage::as_str), Some("again\nagain\nagain\nagain"));
}

#[test]
fn the_system_prompt_is_read_where_that_is_asked_for() {
    let messages = json!([
        {"role": "system", "content": "You help nurses. ".repeat(100)},
        {"role": "user", "content": "how much is too much?"},
    ]);
    let prompt = prompt_of(&chat(&messages), Reads { system: true }).expect("text");
    assert!(prompt.as_str().starts_with("You help nurses. "));
    assert!(prompt.as_str().ends_with("\nhow much is too much?"));
    assert!(prompt.as_str().len() < SYSTEM_BYTES_MAX + 30);
    assert_eq!(prompt.instruction.as_str(), "how much is too much?");
    check(&messages, Some("how much is too much?"));
    let alone =
        prompt_of(&chat(&json!([{"role": "user", "content": "a"}])), Reads { system: true });
    assert_eq!(alone.as_ref().map(Prompt::as_str), Some("a"));
}

#[test]
fn what_people_write_is_not_in_debug_output() {
    let shown = format!("{:?}", of_turns(&["my own words", "shorter"]));
    assert!(!shown.contains("words") && !shown.contains("shorter"), "{shown}");
}

/// Every turn is read once for each of its parts; a second power anywhere would take minutes.
#[test]
fn a_hostile_conversation_takes_linear_time() {
    let fences = "```\n".repeat(100_000);
    let quotes = format!("Explain: {}", "> ".repeat(1_000_000));
    let blob = format!("{} What is it?", "A1b2".repeat(2_500_000));
    for turn in [&fences, &quotes, &blob] {
        let prompt = of_turns(&[turn, turn, turn]);
        assert!(prompt.as_str().len() <= 1_921);
    }
    let turns = vec!["and again"; 4_000];
    assert!(of_turns(&turns).earlier.is_some());
}

proptest! {
    #[test]
    fn any_conversation_is_read_without_a_panic(
        turns in prop::collection::vec(prop_oneof!["(?s).{0,300}", "[a-z ,?:]{0,80}"], 1..5)
    ) {
        let messages: Vec<Value> =
            turns.iter().map(|turn| json!({"role": "user", "content": turn})).collect();
        let prompt = prompt_of(&chat(&Value::Array(messages)), Reads { system: true });
        prop_assert_eq!(prompt.is_some(), turns.iter().any(|turn| !turn.trim().is_empty()));
        for passage in prompt.iter().flat_map(|prompt| {
            [Some(&prompt.whole), Some(&prompt.instruction), prompt.payload.as_ref(), prompt.earlier.as_ref()]
        }) {
            prop_assert!(passage.is_none_or(|passage| !passage.as_str().trim().is_empty()));
        }
    }
}
