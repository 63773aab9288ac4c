//! What is written for Cohere, and what is read from it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::chat::{
    Call, ChunkError, Conversation, Event, Finish, Losses, Media, Part, Reasoning, Returned,
    Source, Speaker, Takes, Tool, Turn, Usage, parse,
};
use crate::config::{Links, Manner, SchemaManner, ThinkingManner};
use crate::provider::dialect::{Frame, Progress, Recipient};

fn written(chat: &Conversation, manner: &Manner) -> (Value, Losses) {
    let to = Recipient { model: "m", manner, max_output: Some(1_000), default_max_tokens: None };
    let written = write(chat, &to).expect("sayable");
    (Value::Object(written.body), written.losses)
}

/// OpenAI's chat JSON to Cohere's, and what was lost.
fn check(mut body: Value, manner: &Manner, expected: &Value, lost: &str) {
    body["model"] = json!("auto");
    let chat = parse(body.to_string().as_bytes()).expect("a good body");
    let chat = chat.conversation().expect("a good conversation").clone();
    let (found, losses) = written(&chat, manner);
    assert_eq!((&found, losses.to_string().as_str()), (expected, lost), "{body}");
}

/// Fields beside one user message, and what becomes of them.
fn check_fields(mut fields: Value, manner: &Manner, mut expected: Value, lost: &str) {
    fields["messages"] = json!([{"role": "user", "content": "x"}]);
    expected["model"] = json!("m");
    if expected.get("messages").is_none() {
        expected["messages"] = fields["messages"].clone();
    }
    check(fields, manner, &expected, lost);
}

fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
}

#[test]
fn a_loop_of_tools_is_said_in_coheres_way() {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "wx", "arguments": arguments}});
    check(
        json!({
            "max_completion_tokens": 900, "stream": true,
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [call("a", r#"{"c":"Oslo"}"#), call("b", "Rome")]},
                {"role": "tool", "tool_call_id": "a", "content": "3C"},
                {"role": "tool", "tool_call_id": "b", "content": "15C"},
            ],
            "tools": [function("wx")],
        }),
        &Manner::default(),
        &json!({
            "model": "m", "max_tokens": 900, "stream": true,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "tool_calls": [call("a", r#"{"c":"Oslo"}"#), call("b", r#"{"input":"Rome"}"#)]},
                {"role": "tool", "tool_call_id": "a", "content": "3C"},
                {"role": "tool", "tool_call_id": "b", "content": "15C"},
            ],
            "tools": [function("wx")],
        }),
        "",
    );
}

#[test]
fn settings_are_renamed_or_brought_into_range() {
    let schema =
        json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}});
    for (fields, expected, lost) in [
        (json!({"temperature": 1.5, "seed": 7}), json!({"temperature": 1.5, "seed": 7}), ""),
        (json!({"seed": -7}), json!({"seed": 7}), "seed clamped"),
        (json!({"top_p": 0.5}), json!({"p": 0.5}), ""),
        (json!({"top_p": 1}), json!({"p": 0.99}), "top_p clamped"),
        (json!({"top_k": 900}), json!({"k": 500}), "top_k clamped"),
        (
            json!({"max_tokens": 5_000}),
            json!({"max_tokens": 1_000}),
            "max_completion_tokens clamped",
        ),
        (json!({"stop": ["a"]}), json!({"stop_sequences": ["a"]}), ""),
        (
            json!({"presence_penalty": -1, "frequency_penalty": 0.5}),
            json!({"presence_penalty": 0.0, "frequency_penalty": 0.5}),
            "presence_penalty clamped",
        ),
        (json!({"n": 2, "logprobs": true}), json!({}), "n dropped, logprobs dropped"),
        (
            json!({"user": "u", "safety_mode": "STRICT"}),
            json!({"safety_mode": "STRICT"}),
            "user dropped",
        ),
        (json!({"priority": 3}), json!({"priority": 3}), ""),
        (json!({"priority": "high"}), json!({}), "priority dropped"),
        (
            json!({"response_format": {"type": "json_object"}}),
            json!({"response_format": {"type": "json_object"}}),
            "",
        ),
        (
            json!({"response_format": schema}),
            json!({"response_format": {"type": "json_object", "json_schema": {"type": "object"}}}),
            "",
        ),
    ] {
        check_fields(fields, &Manner::default(), expected, lost);
    }
    check_fields(
        json!({"response_format": schema}),
        &Manner { schema: SchemaManner::Words, ..Manner::default() },
        json!({"messages": [
            {"role": "system", "content": r#"Answer with one JSON object that fits this JSON schema: {"type":"object"}"#},
            {"role": "user", "content": "x"},
        ]}),
        "response_format emulated",
    );
}

#[test]
fn thinking_is_a_switch_and_a_number() {
    let thinking = |thinking: Value| json!({"thinking": thinking});
    let plain = Manner::default();
    let never = Manner { thinking: ThinkingManner::None, ..Manner::default() };
    for (manner, fields, expected, lost) in [
        (&plain, json!({"reasoning_effort": "none"}), thinking(json!({"type": "disabled"})), ""),
        (
            &plain,
            json!({"reasoning_effort": "low"}),
            thinking(json!({"type": "enabled", "token_budget": 1_024})),
            "",
        ),
        (&plain, json!({"reasoning_effort": "high"}), thinking(json!({"type": "enabled"})), ""),
        (
            &plain,
            json!({"thinking_budget": 300}),
            thinking(json!({"type": "enabled", "token_budget": 300})),
            "",
        ),
        (&never, json!({"reasoning_effort": "low"}), json!({}), "reasoning_effort dropped"),
    ] {
        check_fields(fields, manner, expected, lost);
    }
}

#[test]
fn tools_that_may_not_be_called_are_not_offered() {
    let strict = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": true}});
    let named = json!({"type": "function", "function": {"name": "g"}});
    let both = json!([function("f"), function("g")]);
    for (fields, expected, lost) in [
        (json!({"tools": both, "tool_choice": "auto"}), json!({"tools": both}), ""),
        (
            json!({"tools": both, "tool_choice": "none"}),
            json!({"tools": both, "tool_choice": "NONE"}),
            "",
        ),
        (
            json!({"tools": both, "tool_choice": "required"}),
            json!({"tools": both, "tool_choice": "REQUIRED"}),
            "",
        ),
        (
            json!({"tools": both, "tool_choice": named}),
            json!({"tools": [function("g")], "tool_choice": "REQUIRED"}),
            "",
        ),
        (
            json!({"tools": [strict], "parallel_tool_calls": false}),
            json!({"tools": [function("f")], "strict_tools": true}),
            "parallel_tool_calls dropped",
        ),
        (
            json!({"tools": [{"type": "web_search"}], "tool_choice": "required"}),
            json!({}),
            "tools[0] dropped, tool_choice dropped",
        ),
    ] {
        check_fields(fields, &Manner::default(), expected, lost);
    }
    let turns = vec![Turn::new(Speaker::User, vec![Part::Text("x".to_owned())])];
    let tools = vec![Tool {
        name: "f".to_owned(),
        description: None,
        takes: Takes::Text(None),
        cache: None,
    }];
    let (found, losses) =
        written(&Conversation { turns, tools, ..Conversation::default() }, &Manner::default());
    assert_eq!(found["tools"][0]["function"]["parameters"]["required"], json!(["input"]));
    assert_eq!(losses.to_string(), "tools[0] emulated");
}

#[test]
fn pictures_are_shown_and_the_rest_is_noted() {
    let image = |source: Source| {
        Part::Image(Media { source, media_type: None, detail: Some("low".to_owned()), name: None })
    };
    let shown =
        |url: &str| json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}});
    let link = || image(Source::Link("https://a/b".to_owned()));
    let inline = || image(Source::Inline("AA".to_owned()));
    let text = json!({"type": "text", "text": "x"});
    let refused = Manner { links: Links::Refused, ..Manner::default() };
    let plain = Manner::default();
    for (manner, part, expected, lost) in [
        (&plain, link(), json!([shown("https://a/b"), text]), ""),
        (&plain, inline(), json!([shown("data:image/png;base64,AA"), text]), ""),
        (&refused, link(), json!("x"), "messages[0].content[0] dropped"),
        (&plain, Part::Other(json!({})), json!("x"), "messages[0].content[0] dropped"),
        (&plain, Part::Reasoning(Reasoning::default()), json!("x"), ""),
    ] {
        let turns = vec![Turn::new(Speaker::User, vec![part, Part::Text("x".to_owned())])];
        let (found, losses) = written(&Conversation { turns, ..Conversation::default() }, manner);
        assert_eq!(
            (&found["messages"][0]["content"], losses.to_string().as_str()),
            (&expected, lost)
        );
    }
    let result = Returned {
        id: "a".to_owned(),
        parts: vec![Part::Text("no".to_owned()), inline()],
        is_error: true,
    };
    let call =
        Call { id: "a".to_owned(), name: "f".to_owned(), arguments: String::new(), seal: None };
    let turns = vec![
        Turn::new(Speaker::Assistant, vec![Part::Text("so".to_owned()), Part::Call(call)]),
        Turn::new(Speaker::User, vec![Part::Returned(result)]),
    ];
    let (found, losses) = written(&Conversation { turns, ..Conversation::default() }, &plain);
    assert_eq!(
        found["messages"],
        json!([
            {"role": "assistant", "content": "so", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "Error: no"},
            {"role": "user", "content": [shown("data:image/png;base64,AA")]},
        ])
    );
    assert_eq!(losses.to_string(), "messages[1].content[0] emulated");
}

#[test]
fn nothing_to_say_cannot_be_said() {
    let manner = Manner::default();
    let to = Recipient { model: "m", manner: &manner, max_output: None, default_max_tokens: None };
    let empty = write(&Conversation::default(), &to);
    assert_eq!(empty.map_err(|error| error.param), Err("messages".to_owned()));
}

fn frame(data: &Value) -> Frame {
    Frame { name: None, data: data.to_string() }
}

/// An event whose message says this.
fn piece(kind: &str, message: &Value) -> Value {
    json!({"type": kind, "index": 3, "delta": {"message": message}})
}

#[test]
fn a_stream_is_read_piece_by_piece() {
    let arguments = |slot, fragment: &str| Event::ToolArguments {
        choice: 0,
        slot,
        fragment: fragment.to_owned(),
    };
    let start = |slot, id: &str| Event::ToolStart {
        choice: 0,
        slot,
        id: id.to_owned(),
        name: "f".to_owned(),
        seal: None,
    };
    let usage = json!({"billed_units": {"input_tokens": 1}, "tokens": {"input_tokens": 20.0, "output_tokens": 9}, "cached_tokens": 4});
    let counts = Usage {
        prompt_tokens: 20,
        completion_tokens: 9,
        cached_tokens: Some(4),
        ..Usage::default()
    };
    let mut reading = Reading::default();
    for (data, expected) in [
        (
            json!({"type": "message-start", "id": "r", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}}}),
            vec![Event::Start { id: Some("r".to_owned()), model: None }],
        ),
        (
            piece("tool-plan-delta", &json!({"tool_plan": "I"})),
            vec![Event::Reasoning { choice: 0, text: "I".to_owned() }],
        ),
        (piece("content-start", &json!({"content": {"type": "thinking", "thinking": ""}})), vec![]),
        (
            piece("content-delta", &json!({"content": {"thinking": "hm"}})),
            vec![Event::Reasoning { choice: 0, text: "hm".to_owned() }],
        ),
        (json!({"type": "content-end", "index": 0}), vec![]),
        (
            piece("content-delta", &json!({"content": {"text": "a"}})),
            vec![Event::Text { choice: 0, text: "a".to_owned() }],
        ),
        (piece("citation-start", &json!({"citations": {}})), vec![]),
        (
            piece(
                "tool-call-start",
                &json!({"tool_calls": {"id": "c", "function": {"name": "f", "arguments": ""}}}),
            ),
            vec![start(0, "c")],
        ),
        (
            piece("tool-call-delta", &json!({"tool_calls": {"function": {"arguments": "{}"}}})),
            vec![arguments(0, "{}")],
        ),
        (json!({"type": "tool-call-end", "index": 0}), vec![]),
        (
            piece(
                "tool-call-start",
                &json!({"tool_calls": {"function": {"name": "f", "arguments": "{"}}}),
            ),
            vec![start(1, "call_r_1"), arguments(1, "{")],
        ),
        (json!({"type": "something-new"}), vec![]),
        (
            json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": usage}}),
            vec![Event::Finish { choice: 0, reason: Finish::ToolCalls }, Event::Usage(counts)],
        ),
    ] {
        assert_eq!(reading.read(&frame(&data)).ok(), Some(Progress::Events(expected)), "{data}");
    }
    let done = Frame { name: None, data: "[DONE]".to_owned() };
    assert_eq!(reading.read(&done).ok(), Some(Progress::Done));
}

#[test]
fn every_end_is_one_of_ours_or_a_failure() {
    let whole = |word: &str| json!({"id": "r", "finish_reason": word, "message": {"content": [{"type": "text", "text": "a"}]}});
    let end = |word: &str| json!({"type": "message-end", "delta": {"finish_reason": word}});
    for (word, expected) in [
        ("COMPLETE", Some(Finish::Stop)),
        ("STOP_SEQUENCE", Some(Finish::Stop)),
        ("MAX_TOKENS", Some(Finish::Length)),
        ("TOOL_CALL", Some(Finish::ToolCalls)),
        ("ERROR", None),
        ("TIMEOUT", None),
        ("SOMETHING_NEW", None),
    ] {
        let found = answer(&whole(word).to_string()).ok();
        assert_eq!(found.and_then(|answer| answer.choices[0].finish), expected, "{word}");
        let last = Reading::default().read(&frame(&end(word))).ok();
        let event =
            expected.map(|reason| Progress::Events(vec![Event::Finish { choice: 0, reason }]));
        assert_eq!(last, event, "{word}");
    }
    let told = json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "error": "out of memory"}});
    assert!(Reading::default().read(&frame(&told)).is_err());
}

#[test]
fn a_whole_answer_has_its_parts_in_order() {
    let data = json!({
        "id": "r", "finish_reason": "TOOL_CALL",
        "message": {
            "role": "assistant", "tool_plan": "I will look.", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}],
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        "usage": {"billed_units": {"input_tokens": 3, "output_tokens": 1}},
    });
    let answer = answer(&data.to_string()).expect("an answer");
    let thought = Reasoning { text: "I will look.hm".to_owned(), seal: None };
    let call =
        Call { id: "c".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned(), seal: None };
    assert_eq!(
        answer.choices[0].parts,
        [Part::Reasoning(thought), Part::Text("a".to_owned()), Part::Call(call)]
    );
    assert_eq!(
        answer.usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
        Some((3, 1))
    );
}

#[test]
fn errors_are_told_from_answers() {
    for data in [json!({"message": "invalid api token", "id": "r"}), json!({})] {
        assert!(matches!(answer(&data.to_string()), Err(ChunkError::InBand { .. })), "{data}");
        assert!(
            matches!(Reading::default().read(&frame(&data)), Err(ChunkError::InBand { .. })),
            "{data}"
        );
    }
    assert!(matches!(answer("<html>"), Err(ChunkError::Malformed(_))));
}

proptest! {
    #[test]
    fn no_frame_makes_the_reader_panic(
        kinds in proptest::collection::vec("message-(start|end)|content-(start|delta)|tool-call-(start|delta)|tool-plan-delta|x", 0..6),
        message in prop_oneof![
            Just(json!(null)), Just(json!({})), Just(json!({"content": []})), Just(json!({"content": {"text": "a"}})),
            Just(json!({"tool_calls": {"function": {"arguments": "a"}}})), Just(json!({"tool_calls": [{"function": {"name": ""}}]})),
            Just(json!({"tool_calls": "a"})),
        ],
        noise in "\\PC{0,12}",
    ) {
        let mut reading = Reading::default();
        for kind in kinds {
            drop(reading.read(&frame(&piece(&kind, &message))));
        }
        drop(reading.read(&Frame { name: None, data: noise.clone() }));
        drop(answer(&json!({"finish_reason": "COMPLETE", "message": message}).to_string()));
        drop(answer(&noise));
    }
}
