//! How answers are written, whole and in pieces.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Emitter, message};
use crate::chat::{Answer, Call, Choice, Event, Finish, Part, Reasoning, Seal, Usage, Vendor};

fn text(words: &str) -> Event {
    Event::Text { choice: 0, text: words.to_owned() }
}

fn tool(slot: u32) -> Event {
    let (id, name) = (format!("t{slot}"), "f".to_owned());
    Event::ToolStart { choice: 0, slot, id, name, seal: None }
}

fn arguments(slot: u32, fragment: &str) -> Event {
    Event::ToolArguments { choice: 0, slot, fragment: fragment.to_owned() }
}

fn finish(reason: Finish) -> Event {
    Event::Finish { choice: 0, reason }
}

/// Event by event, as the wire has it.
fn written(events: &[Event]) -> Vec<Value> {
    let (mut emitter, mut out) = (Emitter::new("r1", "auto"), String::new());
    events.iter().for_each(|event| emitter.events(std::slice::from_ref(event), &mut out));
    emitter.end(&mut out);
    let frames = out.split_terminator("\n\n").map(|frame| {
        let (name, data) = frame.split_once('\n').expect("two lines");
        let json: Value =
            serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON");
        assert_eq!(name.strip_prefix("event: "), json["type"].as_str());
        json
    });
    frames.collect()
}

/// Puts a message together as the vendor's own client libraries do; fails where they would.
fn rebuilt(frames: &[Value]) -> Value {
    let [start, pieces @ .., end, stop] = frames else { panic!("too short: {frames:?}") };
    assert_eq!((&start["type"], &stop["type"]), (&json!("message_start"), &json!("message_stop")));
    let mut whole = start["message"].clone();
    let (mut open, mut input) = (None, String::new());
    for piece in pieces {
        let content = whole["content"].as_array_mut().expect("a list");
        match piece["type"].as_str().expect("a type") {
            "content_block_start" => {
                assert_eq!((open, &piece["index"]), (None, &json!(content.len())));
                open = piece["index"].as_u64();
                input.clear();
                content.push(piece["content_block"].clone());
            }
            "content_block_delta" => {
                assert_eq!(piece["index"].as_u64(), open);
                let (block, delta) = (content.last_mut().expect("a block"), &piece["delta"]);
                let (key, kind) = match delta["type"].as_str().expect("a type") {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("signature", "thinking"),
                    "input_json_delta" => ("partial_json", "tool_use"),
                    other => panic!("{other}"),
                };
                assert_eq!(block["type"], kind);
                let more = delta[key].as_str().expect("words");
                if kind == "tool_use" {
                    input.push_str(more);
                    continue;
                }
                block[key] = json!(block[key].as_str().expect("words").to_owned() + more);
            }
            "content_block_stop" => {
                assert_eq!(piece["index"].as_u64(), open.take());
                let block = content.last_mut().expect("a block");
                if !input.is_empty() {
                    block["input"] =
                        serde_json::from_str(&input).unwrap_or_else(|_| json!({ "input": input }));
                }
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((open, &end["type"]), (None, &json!("message_delta")));
    whole["stop_reason"] = end["delta"]["stop_reason"].clone();
    whole["usage"] = end["usage"].clone();
    whole
}

#[test]
fn a_stream_is_written_as_documented() {
    let usage = Usage {
        prompt_tokens: 12,
        completion_tokens: 5,
        cached_tokens: Some(10),
        ..Usage::default()
    };
    let seal = Seal { vendor: Vendor::Anthropic, is_whole: false, data: "s".to_owned() };
    let frames = written(&[
        Event::Start { id: Some("chatcmpl-1".to_owned()), model: Some("m".to_owned()) },
        Event::Reasoning { choice: 0, text: "hm".to_owned() },
        Event::Sealed { choice: 0, seal },
        text("a"),
        Event::Text { choice: 1, text: "another answer".to_owned() },
        text("b"),
        tool(0),
        arguments(0, "{}"),
        finish(Finish::ToolCalls),
        Event::Usage(usage),
    ]);
    let zero = json!({"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0});
    let counts = json!({"input_tokens": 2, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 10, "output_tokens": 5});
    let message = json!({
        "id": "msg_r1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": zero,
    });
    let start = |index: u64, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u64| json!({"type": "content_block_stop", "index": index});
    let expected = [
        json!({"type": "message_start", "message": message}),
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "s"})),
        stop(0),
        start(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "a"})),
        delta(1, json!({"type": "text_delta", "text": "b"})),
        stop(1),
        start(2, json!({"type": "tool_use", "id": "t0", "name": "f", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{}"})),
        stop(2),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": counts}),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(frames, expected);
}

#[test]
fn counts_that_are_known_stand_at_the_beginning() {
    let (mut emitter, mut out) = (Emitter::new("msg_r1", "auto"), String::new());
    let usage = Usage { prompt_tokens: 12, ..Usage::default() };
    emitter.events(&[Event::Start { id: None, model: None }, Event::Usage(usage)], &mut out);
    assert!(out.contains(r#""input_tokens":12"#) && out.contains(r#""id":"msg_r1""#), "{out}");
}

#[test]
fn an_answer_without_words_has_a_block() {
    let whole = rebuilt(&written(&[finish(Finish::Filtered)]));
    assert_eq!(whole["content"], json!([{"type": "text", "text": ""}]));
    assert_eq!(whole["stop_reason"], "refusal");
    assert_eq!(message(&Answer::default(), "r1", "m")["content"], whole["content"]);
}

#[test]
fn interleaved_calls_are_written_one_after_another() {
    let pieces = [
        tool(0),
        arguments(0, "{\"a\":\"}\\\""),
        tool(1),
        arguments(1, "{\"b\":"),
        tool(2),
        arguments(0, "\"}"),
        text("t"),
        arguments(1, "[1]}"),
        finish(Finish::Stop),
    ];
    let whole = rebuilt(&written(&pieces));
    let call =
        |id: &str, input: Value| json!({"type": "tool_use", "id": id, "name": "f", "input": input});
    let expected = json!([
        call("t0", json!({"a": "}\""})),
        call("t1", json!({"b": [1]})),
        call("t2", json!({})),
        {"type": "text", "text": "t"},
    ]);
    assert_eq!(whole["content"], expected);
    assert_eq!(whole["stop_reason"], "tool_use");
}

#[test]
fn a_broken_answer_says_so() {
    let (mut emitter, mut out) = (Emitter::new("r1", "auto"), String::new());
    emitter.events(&[text("a")], &mut out);
    out.clear();
    emitter.broken("gone", &mut out);
    let error = r#"{"error":{"message":"gone","type":"api_error"},"type":"error"}"#;
    assert_eq!(out, format!("event: error\ndata: {error}\n\n"));
}

#[test]
fn a_whole_answer_is_written_as_documented() {
    let thought = |vendor| {
        let seal = Seal { vendor, is_whole: false, data: "s".to_owned() };
        Part::Reasoning(Reasoning { text: "hm".to_owned(), seal: Some(seal) })
    };
    let call =
        Call { id: "i".to_owned(), name: "f".to_owned(), arguments: "[".to_owned(), seal: None };
    let parts = vec![thought(Vendor::Anthropic), thought(Vendor::Google), Part::Call(call)];
    let choices = vec![Choice { parts, finish: Some(Finish::Length) }];
    let answer = Answer { id: None, model: None, choices, usage: None };
    let written = message(&answer, "r1", "m");
    let content = json!([
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "tool_use", "id": "i", "name": "f", "input": {"input": "["}},
    ]);
    assert_eq!((&written["content"], &written["id"]), (&content, &json!("msg_r1")));
    assert_eq!((&written["stop_reason"], &written["model"]), (&json!("max_tokens"), &json!("m")));
}

fn any_event() -> impl Strategy<Value = Event> {
    let seal = |is_whole| Seal { vendor: Vendor::Anthropic, is_whole, data: "s".to_owned() };
    prop_oneof![
        Just(text("a")),
        Just(Event::Refusal { choice: 0, text: "no".to_owned() }),
        Just(Event::Reasoning { choice: 0, text: "h".to_owned() }),
        any::<bool>().prop_map(move |is_whole| Event::Sealed { choice: 0, seal: seal(is_whole) }),
        (0_u32..4).prop_map(tool),
        (0_u32..4, prop::sample::select(vec!["{", "}", "{}", "\"", "\\", " "]))
            .prop_map(|(slot, fragment)| arguments(slot, fragment)),
        Just(finish(Finish::Stop)),
        Just(Event::Start { id: None, model: None }),
    ]
}

proptest! {
    #[test]
    fn every_stream_can_be_put_together(events in prop::collection::vec(any_event(), 0..24)) {
        let mut started = Vec::new();
        let events: Vec<Event> = events.into_iter().filter(|event| match event {
            Event::ToolStart { slot, .. } if started.contains(slot) => false,
            Event::ToolStart { slot, .. } => { started.push(*slot); true }
            Event::ToolArguments { slot, .. } => started.contains(slot),
            _ => true,
        }).collect();
        let whole = rebuilt(&written(&events));
        let blocks = whole["content"].as_array().expect("a list");
        prop_assert!(!blocks.is_empty());
        let calls = blocks.iter().filter(|block| block["type"] == "tool_use").count();
        prop_assert_eq!(calls, started.len());
        let said = |kind: &str, key: &str| blocks.iter().filter(|block| block["type"] == kind)
            .filter_map(|block| block[key].as_str()).collect::<String>();
        let expected = events.iter().filter_map(|event| match event {
            Event::Text { text, .. } | Event::Refusal { text, .. } => Some(text.as_str()),
            _ => None,
        });
        prop_assert_eq!(said("text", "text"), expected.collect::<String>());
    }
}
