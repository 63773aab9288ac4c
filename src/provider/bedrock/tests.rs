//! What is written for Bedrock, and what is read from it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::chat::{
    CacheTime, Call, ChunkError, Conversation, Event, Finish, Losses, Media, Part, Reasoning,
    Returned, Seal, Source, Speaker, Turn, Usage, Vendor, parse,
};
use crate::config::{CacheManner, Manner, SchemaManner, ThinkingManner};
use crate::provider::dialect::{Frame, Progress, Recipient};

fn written(chat: &Conversation, manner: &Manner) -> (Value, Losses) {
    let to = Recipient { model: "m", manner, max_output: None, default_max_tokens: None };
    let written = write(chat, &to).expect("sayable");
    (Value::Object(written.body), written.losses)
}

/// OpenAI's chat JSON to Converse, and what was lost.
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
    expected["messages"] = json!([{"role": "user", "content": [{"text": "x"}]}]);
    check(fields, manner, &expected, lost);
}

/// The messages of turns, and what was lost.
fn check_turns(turns: Vec<Turn>, manner: &Manner, expected: &Value, lost: &str) {
    let chat = Conversation { turns, ..Conversation::default() };
    let (found, losses) = written(&chat, manner);
    assert_eq!((&found["messages"], losses.to_string().as_str()), (expected, lost));
}

fn text(words: &str) -> Part {
    Part::Text(words.to_owned())
}

fn user(parts: Vec<Part>) -> Turn {
    Turn::new(Speaker::User, parts)
}

fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
}

fn spec(name: &str) -> Value {
    json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}})
}

#[test]
fn a_loop_of_tools_is_said_in_bedrocks_way() {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "wx", "arguments": arguments}});
    check(
        json!({
            "max_completion_tokens": 900, "tool_choice": "required", "parallel_tool_calls": false,
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "So.", "tool_calls": [call("call_a", r#"{"c":"Oslo"}"#), call("b.2", "Rome")]},
                {"role": "tool", "tool_call_id": "call_a", "content": "3C"},
                {"role": "tool", "tool_call_id": "b.2", "content": ""},
                {"role": "user", "content": "and?"},
            ],
            "tools": [function("wx")],
        }),
        &Manner::default(),
        &json!({
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "Weather?"}]},
                {"role": "assistant", "content": [
                    {"text": "So."},
                    {"toolUse": {"toolUseId": "call_a", "name": "wx", "input": {"c": "Oslo"}}},
                    {"toolUse": {"toolUseId": "0b70b6d1de0dec3fa6f155a1", "name": "wx", "input": {"input": "Rome"}}},
                ]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "call_a", "content": [{"text": "3C"}]}},
                    {"toolResult": {"toolUseId": "0b70b6d1de0dec3fa6f155a1", "content": [{"json": {}}]}},
                    {"text": "and?"},
                ]},
            ],
            "toolConfig": {"tools": [spec("wx")], "toolChoice": {"any": {}}},
            "inferenceConfig": {"maxTokens": 900},
        }),
        "parallel_tool_calls dropped",
    );
}

#[test]
fn settings_are_renamed_or_noted() {
    let config = |config: Value| json!({"inferenceConfig": config});
    for (fields, expected, lost) in [
        (
            json!({"temperature": 0.7, "top_p": 0.5}),
            config(json!({"temperature": 0.7, "topP": 0.5})),
            "",
        ),
        (json!({"temperature": 2}), config(json!({"temperature": 1.0})), "temperature clamped"),
        (json!({"stop": "a"}), config(json!({"stopSequences": ["a"]})), ""),
        (
            json!({"seed": 1, "top_k": 2, "n": 2}),
            json!({}),
            "top_k dropped, seed dropped, n dropped",
        ),
        (json!({"metadata": {"a": "b"}}), json!({"requestMetadata": {"a": "b"}}), ""),
        (json!({"service_tier": "auto"}), json!({}), ""),
        (json!({"service_tier": "flex"}), json!({"serviceTier": {"type": "flex"}}), ""),
        (
            json!({"service_tier": "fast", "user": "u"}),
            json!({}),
            "user dropped, service_tier dropped",
        ),
        (json!({"guardrailConfig": {"a": 1}}), json!({"guardrailConfig": {"a": 1}}), ""),
        (
            json!({"reasoning_effort": "low", "additionalModelRequestFields": {"top_k": 9}}),
            json!({"additionalModelRequestFields": {"top_k": 9, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}}),
            "",
        ),
    ] {
        check_fields(fields, &Manner::default(), expected, lost);
    }
}

#[test]
fn thinking_is_asked_for_in_the_models_own_fields() {
    let fields = |fields: Value| json!({"additionalModelRequestFields": fields});
    let tokens =
        |tokens: u64| fields(json!({"thinking": {"type": "enabled", "budget_tokens": tokens}}));
    let with = |thinking| Manner { thinking, ..Manner::default() };
    for (thinking, asked, expected, lost) in [
        (ThinkingManner::Budget, json!({"reasoning_effort": "medium"}), tokens(8_192), ""),
        (ThinkingManner::Budget, json!({"thinking_budget": 5}), tokens(1_024), ""),
        (
            ThinkingManner::Budget,
            json!({"reasoning_effort": "none"}),
            fields(json!({"thinking": {"type": "disabled"}})),
            "",
        ),
        (
            ThinkingManner::Effort,
            json!({"thinking_budget": 4_000}),
            fields(
                json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}),
            ),
            "thinking_budget emulated",
        ),
        (
            ThinkingManner::None,
            json!({"reasoning_effort": "low"}),
            json!({}),
            "reasoning_effort dropped",
        ),
    ] {
        check_fields(asked, &with(thinking), expected, lost);
    }
    let short = json!({"reasoning_effort": "high", "max_tokens": 2_000});
    let mut expected = tokens(1_999);
    expected["inferenceConfig"] = json!({"maxTokens": 2_000});
    check_fields(short, &with(ThinkingManner::Budget), expected, "reasoning_effort clamped");
    let shorter = json!({"reasoning_effort": "high", "max_tokens": 500});
    let without = json!({"inferenceConfig": {"maxTokens": 500}});
    check_fields(shorter, &with(ThinkingManner::Budget), without, "reasoning_effort clamped");
}

#[test]
fn a_schema_is_a_field_a_tool_or_words() {
    let object = json!({"type": "object"});
    let asked = |schema: &Value| json!({"type": "json_schema", "json_schema": {"name": "a", "schema": schema}});
    let by = |manner| Manner { schema: manner, ..Manner::default() };
    let words = |schema: &str| json!({"system": [{"text": format!("Answer with one JSON object that fits this JSON schema: {schema}")}]});
    let answer = json!({"toolSpec": {
        "name": "answer_in_json",
        "description": "Gives the answer. Call it instead of answering in words.",
        "inputSchema": {"json": object},
    }});
    check_fields(
        json!({"response_format": asked(&object)}),
        &by(SchemaManner::Native),
        json!({"outputConfig": {"textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"name": "a", "schema": r#"{"type":"object"}"#}},
        }}}),
        "",
    );
    check_fields(
        json!({"response_format": asked(&object)}),
        &by(SchemaManner::Tool),
        json!({"toolConfig": {"tools": [answer], "toolChoice": {"tool": {"name": "answer_in_json"}}}}),
        "response_format emulated",
    );
    check_fields(
        json!({"response_format": asked(&object), "tools": [function("f")]}),
        &by(SchemaManner::Tool),
        json!({"toolConfig": {"tools": [spec("f"), answer], "toolChoice": {"any": {}}}}),
        "response_format emulated",
    );
    check_fields(
        json!({"response_format": asked(&json!({"type": "array"}))}),
        &by(SchemaManner::Tool),
        words(r#"{"type":"array"}"#),
        "response_format emulated",
    );
    check_fields(
        json!({"response_format": asked(&object)}),
        &by(SchemaManner::Words),
        words(r#"{"type":"object"}"#),
        "response_format emulated",
    );
    check_fields(
        json!({"response_format": {"type": "json_object"}}),
        &by(SchemaManner::Native),
        json!({"system": [{"text": "Answer with one JSON object."}]}),
        "response_format emulated",
    );
}

#[test]
fn tools_are_offered_and_chosen() {
    let both = json!([function("f"), function("g")]);
    let config = |tools: Value, choice: Value| match choice {
        Value::Null => json!({"toolConfig": {"tools": tools}}),
        choice => json!({"toolConfig": {"tools": tools, "toolChoice": choice}}),
    };
    let specs = json!([spec("f"), spec("g")]);
    let named = json!({"type": "function", "function": {"name": "g"}});
    let strict = json!({"type": "function", "function": {"name": "f", "description": "", "strict": true, "parameters": {}}});
    let allowed =
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}});
    for (fields, expected, lost) in [
        (json!({"tools": both}), config(specs.clone(), Value::Null), ""),
        (
            json!({"tools": both, "tool_choice": "auto"}),
            config(specs.clone(), json!({"auto": {}})),
            "",
        ),
        (json!({"tools": both, "tool_choice": "none"}), json!({}), ""),
        (
            json!({"tools": both, "tool_choice": named}),
            config(specs, json!({"tool": {"name": "g"}})),
            "",
        ),
        (
            json!({"tools": both, "tool_choice": allowed}),
            config(json!([spec("g")]), json!({"auto": {}})),
            "",
        ),
        (
            json!({"tools": [strict]}),
            config(json!([spec("f")]), Value::Null),
            "tools[0].function.strict emulated",
        ),
        (
            json!({"tools": [{"type": "web_search"}], "tool_choice": "required"}),
            json!({}),
            "tools[0] dropped, tool_choice dropped",
        ),
    ] {
        check_fields(
            fields,
            &Manner { schema: SchemaManner::Tool, ..Manner::default() },
            expected,
            lost,
        );
    }
    // A history with calls needs tools, whatever the caller offers.
    let call =
        Call { id: "a".to_owned(), name: "f".to_owned(), arguments: String::new(), seal: None };
    let turns = vec![user(vec![text("x")]), Turn::new(Speaker::Assistant, vec![Part::Call(call)])];
    let (found, _) =
        written(&Conversation { turns, ..Conversation::default() }, &Manner::default());
    assert_eq!(found["toolConfig"], json!({"tools": [spec("f")]}));
}

#[test]
fn what_is_to_be_kept_is_marked_where_marks_are_understood() {
    let turns = || {
        vec![user(vec![
            Part::CachePoint(CacheTime::Usual),
            text("x"),
            Part::CachePoint(CacheTime::Hour),
        ])]
    };
    let plain = json!([{"role": "user", "content": [{"text": "x"}]}]);
    check_turns(turns(), &Manner::default(), &plain, "");
    let marked = Manner { cache: CacheManner::Marked, ..Manner::default() };
    let mark = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
    check_turns(turns(), &marked, &json!([{"role": "user", "content": [{"text": "x"}, mark]}]), "");
}

#[test]
fn pictures_and_documents_are_inline() {
    let media = |data: &str, media_type: &str, name: Option<&str>| Media {
        source: Source::Inline(data.to_owned()),
        media_type: Some(media_type.to_owned()),
        detail: None,
        name: name.map(str::to_owned),
    };
    let link = |link: &str| Media {
        source: Source::Link(link.to_owned()),
        ..media("", "image/png", None)
    };
    let document =
        |name: &str| json!({"document": {"format": "pdf", "name": name, "source": {"bytes": "A"}}});
    let dropped = "messages[0].content[0] dropped";
    for (part, expected, lost) in [
        (
            Part::Image(media("A", "image/jpg", None)),
            json!({"image": {"format": "jpeg", "source": {"bytes": "A"}}}),
            "",
        ),
        (
            Part::Image(link("s3://b/k.png")),
            json!({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k.png"}}}}),
            "",
        ),
        (Part::File(media("A", "application/pdf", Some("a__b.pdf"))), document("a b pdf 1"), ""),
        (Part::File(media("A", "application/pdf", None)), document("1"), ""),
        (Part::Image(link("https://a/b.png")), Value::Null, dropped),
        (Part::Image(media("A", "image/tiff", None)), Value::Null, dropped),
        (Part::Audio(media("A", "audio/wav", None)), Value::Null, dropped),
        (Part::Other(json!({})), Value::Null, dropped),
    ] {
        let content: Vec<Value> =
            [expected, json!({"text": "x"})].into_iter().filter(|block| !block.is_null()).collect();
        let messages = json!([{"role": "user", "content": content}]);
        check_turns(vec![user(vec![part, text("x")])], &Manner::default(), &messages, lost);
    }
    let alone = json!([{"role": "user", "content": [document("1"), {"text": "."}]}]);
    let file = || Part::File(media("A", "application/pdf", None));
    check_turns(vec![user(vec![file()])], &Manner::default(), &alone, "");
}

#[test]
fn thoughts_go_back_with_anthropics_seal_only() {
    let thought = |words: &str, vendor, is_whole| {
        let seal = Some(Seal { vendor, is_whole, data: "s".to_owned() });
        Part::Reasoning(Reasoning { text: words.to_owned(), seal })
    };
    let turns = || {
        let parts = vec![
            thought("hm", Vendor::Anthropic, false),
            thought("", Vendor::Anthropic, true),
            thought("no", Vendor::Google, false),
            Part::Reasoning(Reasoning { text: "no".to_owned(), seal: None }),
            text(" "),
            text("a"),
        ];
        vec![user(vec![text("x")]), Turn::new(Speaker::Assistant, parts)]
    };
    let expected = |blocks: Value| json!([{"role": "user", "content": [{"text": "x"}]}, {"role": "assistant", "content": blocks}]);
    check_turns(
        turns(),
        &Manner::default(),
        &expected(json!([
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
            {"reasoningContent": {"redactedContent": "s"}},
            {"text": "a"},
        ])),
        "",
    );
    let never = Manner { thinking: ThinkingManner::None, ..Manner::default() };
    check_turns(turns(), &never, &expected(json!([{"text": "a"}])), "");
}

#[test]
fn a_history_begins_with_the_user_and_says_something() {
    let turns = vec![
        Turn::new(Speaker::Assistant, vec![text("a")]),
        user(vec![text("b")]),
        user(vec![text("c")]),
    ];
    let expected = json!([
        {"role": "user", "content": [{"text": "."}]},
        {"role": "assistant", "content": [{"text": "a"}]},
        {"role": "user", "content": [{"text": "b"}, {"text": "c"}]},
    ]);
    check_turns(turns, &Manner::default(), &expected, "");
    let system = vec![Turn::new(Speaker::System, vec![text("a")])];
    let alone = json!([{"role": "user", "content": [{"text": "a"}]}]);
    check_turns(system, &Manner::default(), &alone, "messages[0].role emulated");
    let manner = Manner::default();
    let to = Recipient { model: "m", manner: &manner, max_output: None, default_max_tokens: None };
    let empty = write(&Conversation::default(), &to);
    assert_eq!(empty.map_err(|error| error.param), Err("messages".to_owned()));
}

#[test]
fn failed_tools_say_so() {
    let result = Returned { id: "a".to_owned(), parts: vec![text("no")], is_error: true };
    let expected = json!([{"role": "user", "content": [
        {"toolResult": {"toolUseId": "a", "content": [{"text": "no"}], "status": "error"}},
    ]}]);
    check_turns(vec![user(vec![Part::Returned(result)])], &Manner::default(), &expected, "");
}

#[test]
fn models_are_in_the_path() {
    assert_eq!(path("us.a.b-v1:0"), "/model/us.a.b-v1%3A0/converse");
    let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/x";
    let expected =
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream";
    assert_eq!(stream_path(arn), expected);
}

fn frame(name: &str, data: &Value) -> Frame {
    Frame { name: Some(name.to_owned()), data: data.to_string() }
}

fn sealed(seal: Seal) -> Event {
    Event::Sealed { choice: 0, seal }
}

fn anthropic(data: &str) -> Seal {
    Seal { vendor: Vendor::Anthropic, is_whole: false, data: data.to_owned() }
}

#[test]
fn a_stream_is_read_piece_by_piece() {
    let said = |text: &str| Event::Text { choice: 0, text: text.to_owned() };
    let delta = |block: u32, delta: Value| {
        ("contentBlockDelta", json!({"contentBlockIndex": block, "delta": delta}))
    };
    let start = |block: u32, id: &str, name: &str| {
        (
            "contentBlockStart",
            json!({"contentBlockIndex": block, "start": {"toolUse": {"toolUseId": id, "name": name}}}),
        )
    };
    let begun = |slot, id: &str| Event::ToolStart {
        choice: 0,
        slot,
        id: id.to_owned(),
        name: "f".to_owned(),
        seal: None,
    };
    let arguments = |slot, fragment: &str| Event::ToolArguments {
        choice: 0,
        slot,
        fragment: fragment.to_owned(),
    };
    let stop = |block: u32| ("contentBlockStop", json!({"contentBlockIndex": block}));
    let usage = json!({"inputTokens": 5, "outputTokens": 7, "totalTokens": 18, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 2});
    let counts = Usage {
        prompt_tokens: 11,
        completion_tokens: 7,
        cached_tokens: Some(4),
        cache_write_tokens: Some(2),
        reasoning_tokens: None,
    };
    let thought = |text: &str| Event::Reasoning { choice: 0, text: text.to_owned() };
    let mut reading = Reading::default();
    for ((name, data), expected) in [
        (
            ("messageStart", json!({"role": "assistant"})),
            vec![Event::Start { id: None, model: None }],
        ),
        (delta(0, json!({"reasoningContent": {"text": "hm"}})), vec![thought("hm")]),
        (delta(0, json!({"reasoningContent": {"signature": "s"}})), vec![sealed(anthropic("s"))]),
        (
            delta(1, json!({"reasoningContent": {"redactedContent": "r"}})),
            vec![sealed(Seal { is_whole: true, ..anthropic("r") })],
        ),
        (delta(2, json!({"text": "a"})), vec![said("a")]),
        (stop(2), vec![]),
        (start(3, "c", "f"), vec![begun(0, "c")]),
        (delta(3, json!({"toolUse": {"input": "{"}})), vec![arguments(0, "{")]),
        (delta(3, json!({"toolUse": {"input": "}"}})), vec![arguments(0, "}")]),
        (stop(3), vec![]),
        (start(4, "d", "f"), vec![begun(1, "d")]),
        (stop(4), vec![arguments(1, "{}")]),
        (start(5, "e", "answer_in_json"), vec![]),
        (delta(5, json!({"toolUse": {"input": "{}"}})), vec![said("{}")]),
        (("somethingNew", json!({})), vec![]),
        (
            ("messageStop", json!({"stopReason": "tool_use"})),
            vec![Event::Finish { choice: 0, reason: Finish::ToolCalls }],
        ),
        (
            ("metadata", json!({"usage": usage, "metrics": {"latencyMs": 1}})),
            vec![Event::Usage(counts)],
        ),
    ] {
        assert_eq!(
            reading.read(&frame(name, &data)).ok(),
            Some(Progress::Events(expected)),
            "{name} {data}"
        );
    }
}

fn whole(content: &Value, reason: &str) -> String {
    json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason, "usage": {"inputTokens": 1, "outputTokens": 2}})
        .to_string()
}

#[test]
fn every_end_is_one_of_ours_or_a_failure() {
    let call = json!([{"toolUse": {"toolUseId": "c", "name": "f", "input": {}}}]);
    let words = json!([{"text": "a"}]);
    for (content, word, expected) in [
        (&words, "end_turn", Some(Finish::Stop)),
        (&words, "stop_sequence", Some(Finish::Stop)),
        (&words, "max_tokens", Some(Finish::Length)),
        (&words, "model_context_window_exceeded", Some(Finish::Length)),
        (&call, "tool_use", Some(Finish::ToolCalls)),
        (&words, "guardrail_intervened", Some(Finish::Filtered)),
        (&words, "content_filtered", Some(Finish::Filtered)),
        (&words, "malformed_model_output", None),
        (&words, "malformed_tool_use", None),
        (&words, "something_new", None),
    ] {
        let found = answer(&whole(content, word)).ok();
        assert_eq!(found.and_then(|answer| answer.choices[0].finish), expected, "{word}");
        let is_read =
            Reading::default().read(&frame("messageStop", &json!({"stopReason": word}))).is_ok();
        assert_eq!(is_read, expected.is_some(), "{word}");
    }
}

#[test]
fn a_whole_answer_has_its_parts_in_order() {
    let content = json!([
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        {"citationsContent": {"content": [{"text": "a"}], "citations": []}},
        {"toolUse": {"toolUseId": "c", "name": "f", "input": {"a": 1}}},
    ]);
    let answer = answer(&whole(&content, "tool_use")).expect("an answer");
    let seal = Some(Seal { vendor: Vendor::Anthropic, is_whole: false, data: "s".to_owned() });
    let call = Call {
        id: "c".to_owned(),
        name: "f".to_owned(),
        arguments: r#"{"a":1}"#.to_owned(),
        seal: None,
    };
    assert_eq!(
        answer.choices[0].parts,
        [Part::Reasoning(Reasoning { text: "hm".to_owned(), seal }), text("a"), Part::Call(call)]
    );
    assert_eq!(
        answer.usage.map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
        Some((1, 2))
    );
}

#[test]
fn an_answer_by_a_tool_is_an_answer_in_words() {
    let content =
        json!([{"toolUse": {"toolUseId": "c", "name": "answer_in_json", "input": {"a": 1}}}]);
    let answer = answer(&whole(&content, "tool_use")).expect("an answer");
    assert_eq!(answer.choices[0].parts, [text(r#"{"a":1}"#)]);
    assert_eq!(answer.choices[0].finish, Some(Finish::Stop));
}

#[test]
fn exceptions_name_themselves() {
    for (name, data, expected) in [
        (
            "throttlingException",
            r#"{"message":"m"}"#,
            r#"{"__type":"ThrottlingException","message":"m"}"#,
        ),
        ("internalServerException", "", r#"{"__type":"InternalServerException"}"#),
        (
            "InternalErrorException",
            "broken",
            r#"{"__type":"InternalErrorException","message":"broken"}"#,
        ),
    ] {
        let frame = Frame { name: Some(name.to_owned()), data: data.to_owned() };
        let Err(ChunkError::InBand { json }) = Reading::default().read(&frame) else {
            panic!("{name} is read")
        };
        assert_eq!(json, expected);
    }
    assert!(matches!(answer(r#"{"message":"m"}"#), Err(ChunkError::InBand { .. })));
    assert!(matches!(answer("<html>"), Err(ChunkError::Malformed(_))));
    let broken = Frame { name: Some("metadata".to_owned()), data: "{".to_owned() };
    assert!(matches!(Reading::default().read(&broken), Err(ChunkError::Malformed(_))));
}

proptest! {
    #[test]
    fn no_frame_makes_the_reader_panic(
        names in proptest::collection::vec("messageSt(art|op)|contentBlock(Start|Delta|Stop)|metadata|xException|x?", 0..8),
        data in prop_oneof![
            Just("null".to_owned()), Just("{}".to_owned()), Just("[]".to_owned()), Just(String::new()),
            Just(r#"{"contentBlockIndex":4294967295,"start":{"toolUse":{}},"delta":{"toolUse":{"input":"a"}}}"#.to_owned()),
            Just(r#"{"contentBlockIndex":-1,"stopReason":7}"#.to_owned()), "\\PC{0,12}",
        ],
    ) {
        let mut reading = Reading::default();
        for name in names {
            drop(reading.read(&Frame { name: Some(name), data: data.clone() }));
        }
        drop(answer(&data));
    }
}
