//! What answers are read as.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Reading, answer};
use crate::chat::{
    Answer, Call, Choice, ChunkError, Event, Finish, Part, Reasoning, Seal, Usage, Vendor,
};
use crate::provider::{Frame, Progress};

fn frame(json: &Value) -> Frame {
    Frame { name: json["type"].as_str().map(str::to_owned), data: json.to_string() }
}

/// Every event of a stream that ends as it should.
fn events(frames: &[Value]) -> Vec<Event> {
    let mut reading = Reading::default();
    let mut events = Vec::new();
    for json in frames {
        match reading.read(&frame(json)).expect("a good event") {
            Progress::Events(more) => events.extend(more),
            Progress::Done => return events,
        }
    }
    panic!("the stream does not end");
}

fn start() -> Value {
    let usage = json!({"input_tokens": 20, "cache_read_input_tokens": 100, "output_tokens": 1});
    json!({"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": usage}})
}

fn block(index: u64, block: &Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn end(reason: &str) -> [Value; 2] {
    let usage = json!({"output_tokens": 31});
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}),
        json!({"type": "message_stop"}),
    ]
}

fn text(words: &str) -> Event {
    Event::Text { choice: 0, text: words.to_owned() }
}

fn usage(completion_tokens: u64) -> Event {
    let usage = Usage { prompt_tokens: 120, completion_tokens, ..Usage::default() };
    Event::Usage(Usage { cached_tokens: Some(100), ..usage })
}

fn arguments(slot: u32, fragment: &str) -> Event {
    Event::ToolArguments { choice: 0, slot, fragment: fragment.to_owned() }
}

fn tool(slot: u32, id: &str) -> Event {
    let name = "wx".to_owned();
    Event::ToolStart { choice: 0, slot, id: id.to_owned(), name, seal: None }
}

#[test]
fn a_stream_is_read_as_documented() {
    let mut frames = vec![
        start(),
        block(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
        json!({"type": "ping"}),
        delta(0, &json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, &json!({"type": "signature_delta", "signature": "s"})),
        stop(0),
        block(1, &json!({"type": "text", "text": ""})),
        delta(1, &json!({"type": "text_delta", "text": "Hi"})),
        delta(1, &json!({"type": "citations_delta", "citation": {}})),
        stop(1),
        block(
            2,
            &json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}),
        ),
        delta(2, &json!({"type": "input_json_delta", "partial_json": "{}"})),
        stop(2),
        block(3, &json!({"type": "tool_use", "id": "toolu_9", "name": "wx", "input": {}})),
        delta(3, &json!({"type": "input_json_delta", "partial_json": ""})),
        delta(3, &json!({"type": "input_json_delta", "partial_json": "{\"c\":\"Oslo\"}"})),
        stop(3),
        block(4, &json!({"type": "tool_use", "id": "toolu_10", "name": "wx", "input": {}})),
        json!({"type": "an_event_to_come"}),
    ];
    frames.extend(end("tool_use"));
    let seal = Seal { vendor: Vendor::Anthropic, is_whole: false, data: "s".to_owned() };
    let expected = [
        Event::Start { id: Some("msg_1".to_owned()), model: Some("m".to_owned()) },
        usage(1),
        Event::Reasoning { choice: 0, text: "hm".to_owned() },
        Event::Sealed { choice: 0, seal },
        text("Hi"),
        tool(0, "toolu_9"),
        arguments(0, "{\"c\":\"Oslo\"}"),
        tool(1, "toolu_10"),
        arguments(1, "{}"),
        Event::Finish { choice: 0, reason: Finish::ToolCalls },
        usage(31),
    ];
    assert_eq!(events(&frames), expected);
}

#[test]
fn the_answer_in_a_schema_is_text() {
    let input = json!({"type": "tool_use", "id": "t", "name": "semroute_answer", "input": {}});
    let mut frames = vec![start(), block(0, &input)];
    frames.push(delta(0, &json!({"type": "input_json_delta", "partial_json": "{\"a\":"})));
    frames.push(delta(0, &json!({"type": "input_json_delta", "partial_json": "1}"})));
    frames.push(stop(0));
    frames.extend(end("tool_use"));
    let finish = Event::Finish { choice: 0, reason: Finish::Stop };
    assert_eq!(events(&frames)[2..], [text("{\"a\":"), text("1}"), finish, usage(31)]);
    let whole = json!({
        "content": [{"type": "tool_use", "id": "t", "name": "semroute_answer", "input": {"a": 1}}],
        "stop_reason": "tool_use",
    });
    let read = answer(&whole.to_string()).expect("an answer");
    let parts = vec![Part::Text("{\"a\":1}".to_owned())];
    assert_eq!(read.choices, [Choice { parts, finish: Some(Finish::Stop) }]);
}

#[test]
fn a_whole_answer_is_read_as_documented() {
    let whole = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "text", "text": "Hi"},
            {"type": "web_search_tool_result", "content": []},
            {"type": "tool_use", "id": "t", "name": "wx", "input": {"c": "Oslo"}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "cache_creation_input_tokens": 4, "output_tokens": 7,
                  "output_tokens_details": {"thinking_tokens": 2}},
    });
    let seal = |data: &str, is_whole| {
        Some(Seal { vendor: Vendor::Anthropic, is_whole, data: data.to_owned() })
    };
    let parts = vec![
        Part::Reasoning(Reasoning { text: "hm".to_owned(), seal: seal("s", false) }),
        Part::Reasoning(Reasoning { text: String::new(), seal: seal("d", true) }),
        Part::Text("Hi".to_owned()),
        Part::Call(Call {
            id: "t".to_owned(),
            name: "wx".to_owned(),
            arguments: "{\"c\":\"Oslo\"}".to_owned(),
            seal: None,
        }),
    ];
    let usage = Usage {
        prompt_tokens: 5,
        completion_tokens: 7,
        cached_tokens: None,
        cache_write_tokens: Some(4),
        reasoning_tokens: Some(2),
    };
    let expected = Answer {
        id: Some("msg_1".to_owned()),
        model: Some("m".to_owned()),
        choices: vec![Choice { parts, finish: Some(Finish::ToolCalls) }],
        usage: Some(usage),
    };
    assert_eq!(answer(&whole.to_string()).expect("an answer"), expected);
}

#[test]
fn every_end_has_its_reason() {
    for (word, expected) in [
        ("end_turn", Finish::Stop),
        ("stop_sequence", Finish::Stop),
        ("pause_turn", Finish::Stop),
        ("max_tokens", Finish::Length),
        ("model_context_window_exceeded", Finish::Length),
        ("compaction", Finish::Length),
        ("tool_use", Finish::ToolCalls),
        ("refusal", Finish::Filtered),
        ("a_word_to_come", Finish::Stop),
    ] {
        let whole =
            json!({"content": [], "stop_reason": word, "stop_details": {"explanation": "no"}});
        let read = answer(&whole.to_string()).expect("an answer");
        let refusal = (expected == Finish::Filtered).then(|| Part::Refusal("no".to_owned()));
        let parts = Vec::from_iter(refusal);
        assert_eq!(read.choices, [Choice { parts, finish: Some(expected) }], "{word}");
    }
}

#[test]
fn errors_are_told_from_answers() {
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let bare = json!({"error": {"message": "no"}});
    for error in [overloaded, bare] {
        let sent = frame(&error);
        let read = Reading::default().read(&sent);
        assert!(matches!(read, Err(ChunkError::InBand { json }) if json == sent.data));
        assert!(matches!(answer(&error.to_string()), Err(ChunkError::InBand { .. })), "{error}");
    }
    for nonsense in ["{", "7", "{\"content\": 7}"] {
        assert!(matches!(answer(nonsense), Err(ChunkError::Malformed(_))), "{nonsense}");
    }
    let cut = Frame { name: None, data: "{\"type\":".to_owned() };
    assert!(matches!(Reading::default().read(&cut), Err(ChunkError::Malformed(_))));
    // An event may be named by the transport alone.
    let named = Frame { name: Some("message_stop".to_owned()), data: "{}".to_owned() };
    assert_eq!(Reading::default().read(&named).expect("an end"), Progress::Done);
}

/// Pieces of frames, put together as they come.
fn any_frame() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec![
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "ping",
        "x",
    ]);
    let inner = prop::sample::select(vec![
        json!(null),
        json!(7),
        json!({"type": "text", "text": "a"}),
        json!({"type": "thinking"}),
        json!({"type": "tool_use", "name": "f"}),
        json!({"type": "tool_use", "input": 7}),
        json!({"type": "text_delta", "text": "a"}),
        json!({"type": "signature_delta", "signature": "s"}),
        json!({"type": "input_json_delta", "partial_json": "{"}),
        json!({"stop_reason": "end_turn"}),
        json!({"stop_reason": "tool_use"}),
        json!({"type": "redacted_thinking", "data": 1}),
    ]);
    (kinds, 0_u64..3, inner).prop_map(|(kind, index, inner)| {
        json!({"type": kind, "index": index, "delta": inner, "content_block": inner, "message": inner, "usage": inner})
    })
}

proptest! {
    #[test]
    fn no_stream_breaks_the_reader(frames in prop::collection::vec(any_frame(), 0..24)) {
        let mut reading = Reading::default();
        let (mut whole, mut begun, mut slots, mut ends) = (Answer::default(), 0, Vec::new(), 0);
        for json in &frames {
            let Ok(Progress::Events(events)) = reading.read(&frame(json)) else { continue };
            for event in events {
                match &event {
                    Event::Start { .. } => begun += 1,
                    Event::ToolStart { slot, .. } => slots.push(*slot),
                    Event::ToolArguments { slot, .. } => prop_assert!(slots.contains(slot)),
                    Event::Finish { .. } => ends += 1,
                    _ => prop_assert!(begun == 1, "the start comes first"),
                }
                whole.add(event);
            }
        }
        prop_assert!(begun <= 1 && ends <= 1);
        prop_assert_eq!(slots.clone(), (0..).take(slots.len()).collect::<Vec<u32>>());
    }

    #[test]
    fn no_data_breaks_the_reader(data: String) {
        drop(Reading::default().read(&Frame { name: None, data: data.clone() }));
        drop(answer(&data));
    }
}
