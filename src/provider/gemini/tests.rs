//! What is written for Google, and what is read from it.

use proptest::prelude::*;
use serde_json::{Number, Value, json};

use super::*;
use crate::chat::{
    Call, ChunkError, Conversation, Effort, Event, Finish, Format, Losses, Media, Part, Reasoning,
    Returned, Sampling, Seal, Source, Speaker, Takes, Thinking, Tool, ToolChoice, Turn, Usage,
    Vendor, parse,
};
use crate::config::{JsonManner, Links, Manner, SchemaManner, ThinkingManner};
use crate::provider::dialect::{Frame, Progress, Recipient};

fn recipient(manner: &Manner) -> Recipient<'_> {
    Recipient { model: "m", manner, max_output: None, default_max_tokens: None }
}

fn written(chat: &Conversation, manner: &Manner) -> (Value, Losses) {
    let written = write(chat, &recipient(manner)).expect("sayable");
    (Value::Object(written.body), written.losses)
}

/// OpenAI's chat JSON to Google's, and what was lost.
fn check(body: Value, expected: &Value, lost: &str) {
    check_manner(body, &Manner::default(), expected, lost);
}

fn check_manner(mut body: Value, manner: &Manner, expected: &Value, lost: &str) {
    body["model"] = json!("auto");
    let chat = parse(body.to_string().as_bytes()).expect("a good body");
    let chat = chat.conversation().expect("a good conversation").clone();
    let (found, losses) = written(&chat, manner);
    assert_eq!((&found, losses.to_string().as_str()), (expected, lost), "{body}");
}

/// Fields beside one user message, and what becomes of them.
fn check_fields(mut fields: Value, manner: &Manner, mut expected: Value, lost: &str) {
    fields["messages"] = json!([{"role": "user", "content": "x"}]);
    expected["contents"] = json!([{"role": "user", "parts": [{"text": "x"}]}]);
    check_manner(fields, manner, &expected, lost);
}

fn check_turns(turns: Vec<Turn>, expected: &Value, lost: &str) {
    let chat = Conversation { turns, ..Conversation::default() };
    let (found, losses) = written(&chat, &Manner::default());
    assert_eq!((&found["contents"], losses.to_string().as_str()), (expected, lost));
}

fn text(words: &str) -> Part {
    Part::Text(words.to_owned())
}

fn call(id: &str, name: &str, signature: Option<&str>) -> Part {
    let seal = signature.map(google);
    Part::Call(Call { id: id.to_owned(), name: name.to_owned(), arguments: "{}".to_owned(), seal })
}

fn google(data: &str) -> Seal {
    Seal { vendor: Vendor::Google, is_whole: false, data: data.to_owned() }
}

fn returned(id: &str, words: &str) -> Part {
    Part::Returned(Returned { id: id.to_owned(), parts: vec![text(words)], is_error: false })
}

#[test]
fn a_loop_of_tools_is_said_in_googles_way() {
    let called = |id: &str, city: &str| json!({"id": id, "type": "function", "function": {"name": "wx", "arguments": format!(r#"{{"c":"{city}"}}"#)}});
    check(
        json!({
            "max_completion_tokens": 900, "tool_choice": "required", "parallel_tool_calls": false,
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Weather in Oslo and Rome?"},
                {"role": "assistant", "content": null, "tool_calls": [called("call_a", "Oslo"), called("call_b", "Rome")]},
                {"role": "tool", "tool_call_id": "call_b", "content": "15C"},
                {"role": "tool", "tool_call_id": "call_a", "content": "3C"},
            ],
            "tools": [{"type": "function", "function": {"name": "wx", "parameters": {"type": "object", "properties": {"c": {"type": "string"}}}}}],
        }),
        &json!({
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Weather in Oslo and Rome?"}]},
                {"role": "model", "parts": [
                    {"functionCall": {"name": "wx", "args": {"c": "Oslo"}}, "thoughtSignature": "skip_thought_signature_validator"},
                    {"functionCall": {"name": "wx", "args": {"c": "Rome"}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "wx", "response": {"result": "3C"}}},
                    {"functionResponse": {"name": "wx", "response": {"result": "15C"}}},
                ]},
            ],
            "tools": [{"functionDeclarations": [{"name": "wx", "parametersJsonSchema": {"type": "object", "properties": {"c": {"type": "string"}}}}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
            "generationConfig": {"maxOutputTokens": 900},
        }),
        "parallel_tool_calls dropped",
    );
}

#[test]
fn settings_are_renamed_or_brought_into_range() {
    let plain = Manner::default();
    let config = |config: Value| json!({"generationConfig": config});
    for (fields, expected, lost) in [
        (json!({"temperature": 0.7}), config(json!({"temperature": 0.7})), ""),
        (json!({"top_p": 0.5, "top_k": 3}), config(json!({"topP": 0.5, "topK": 3})), ""),
        (json!({"seed": 7}), config(json!({"seed": 7})), ""),
        (json!({"seed": 2_147_483_650_i64}), config(json!({"seed": 3})), "seed clamped"),
        (json!({"n": 1}), json!({}), ""),
        (json!({"n": 3}), config(json!({"candidateCount": 3})), ""),
        (json!({"stop": "a"}), config(json!({"stopSequences": ["a"]})), ""),
        (
            json!({"stop": ["a", "b", "c", "d", "e", "f"]}),
            config(json!({"stopSequences": ["a", "b", "c", "d", "e"]})),
            "stop clamped",
        ),
        (
            json!({"presence_penalty": -1, "frequency_penalty": 1}),
            config(json!({"presencePenalty": -1, "frequencyPenalty": 1})),
            "",
        ),
        (
            json!({"logprobs": true, "top_logprobs": 2}),
            json!({}),
            "logprobs dropped, top_logprobs dropped",
        ),
        (json!({"user": "u", "logit_bias": {}}), json!({}), "logit_bias dropped, user dropped"),
        (
            json!({"safety_settings": [], "cachedContent": "c", "labels": {}}),
            json!({"safetySettings": [], "cachedContent": "c", "labels": {}}),
            "",
        ),
        (
            json!({"response_format": {"type": "json_object"}}),
            config(json!({"responseMimeType": "application/json"})),
            "",
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "description": "d", "schema": {"type": "object"}}}}),
            config(
                json!({"responseMimeType": "application/json", "responseJsonSchema": {"type": "object", "description": "d"}}),
            ),
            "",
        ),
    ] {
        check_fields(fields, &plain, expected, lost);
    }
}

#[test]
fn models_that_cannot_be_held_to_a_schema_are_told_it() {
    let asked = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}});
    let told = json!({"parts": [{"text": r#"Answer with one JSON object that fits this JSON schema: {"type":"object"}"#}]});
    check_fields(
        asked.clone(),
        &Manner { schema: SchemaManner::Object, ..Manner::default() },
        json!({"systemInstruction": told, "generationConfig": {"responseMimeType": "application/json"}}),
        "response_format emulated",
    );
    check_fields(
        asked,
        &Manner { schema: SchemaManner::Words, ..Manner::default() },
        json!({"systemInstruction": told}),
        "response_format emulated",
    );
    check_fields(
        json!({"response_format": {"type": "json_object"}}),
        &Manner { json: JsonManner::Words, ..Manner::default() },
        json!({"systemInstruction": {"parts": [{"text": "Answer with one JSON object."}]}}),
        "response_format emulated",
    );
}

#[test]
fn thinking_is_a_level_or_a_number_and_never_both() {
    let config = |thinking: Value| json!({"generationConfig": {"thinkingConfig": thinking}});
    let level = |level: &str, shown: bool| {
        config(json!({"thinkingLevel": level, "includeThoughts": shown}))
    };
    let tokens =
        |tokens: u64| config(json!({"thinkingBudget": tokens, "includeThoughts": tokens > 0}));
    let effort = |word: &str| json!({"reasoning_effort": word});
    for (manner, fields, expected, lost) in [
        (
            ThinkingManner::Effort,
            effort("none"),
            level("MINIMAL", false),
            "reasoning_effort clamped",
        ),
        (ThinkingManner::Effort, effort("minimal"), level("MINIMAL", true), ""),
        (ThinkingManner::Effort, effort("low"), level("LOW", true), ""),
        (ThinkingManner::Effort, effort("max"), level("HIGH", true), "reasoning_effort clamped"),
        (
            ThinkingManner::Effort,
            json!({"thinking_budget": 4000}),
            level("MEDIUM", true),
            "thinking_budget emulated",
        ),
        (ThinkingManner::Budget, effort("none"), tokens(0), ""),
        (ThinkingManner::Budget, effort("medium"), tokens(8_192), ""),
        (ThinkingManner::Budget, json!({"thinking_budget": 300}), tokens(300), ""),
        (ThinkingManner::Budget, json!({}), json!({}), ""),
        (ThinkingManner::None, effort("low"), json!({}), "reasoning_effort dropped"),
    ] {
        check_fields(fields, &Manner { thinking: manner, ..Manner::default() }, expected, lost);
    }
}

#[test]
fn tools_are_declared_and_chosen() {
    let tool = |takes: Takes| Tool { name: "f".to_owned(), description: None, takes, cache: None };
    let object = |strict| tool(Takes::Object { schema: None, strict });
    let declared = json!([{"functionDeclarations": [{"name": "f"}]}]);
    let input = json!({"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]});
    let with_input =
        json!([{"functionDeclarations": [{"name": "f", "parametersJsonSchema": input}]}]);
    let names = vec!["f".to_owned()];
    let mode = |mode: &str| json!({"functionCallingConfig": {"mode": mode}});
    let only = json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}});
    for (tools, choice, expected, config, lost) in [
        (vec![object(None)], None, declared.clone(), Value::Null, ""),
        (vec![object(None)], Some(ToolChoice::Auto), declared.clone(), mode("AUTO"), ""),
        (vec![object(None)], Some(ToolChoice::None), declared.clone(), mode("NONE"), ""),
        (
            vec![object(None)],
            Some(ToolChoice::Named("f".to_owned())),
            declared.clone(),
            only.clone(),
            "",
        ),
        (
            vec![object(None), Tool { name: "g".to_owned(), ..object(None) }],
            Some(ToolChoice::Among { names: names.clone(), required: false }),
            declared.clone(),
            mode("AUTO"),
            "",
        ),
        (
            vec![object(None)],
            Some(ToolChoice::Among { names, required: true }),
            declared.clone(),
            only,
            "",
        ),
        (
            vec![object(Some(true))],
            None,
            declared,
            Value::Null,
            "tools[0].function.strict emulated",
        ),
        (vec![tool(Takes::Text(None))], None, with_input, Value::Null, "tools[0] emulated"),
        (
            vec![tool(Takes::Hosted(json!({"type": "google_search", "googleSearch": {}})))],
            None,
            json!([{"googleSearch": {}}]),
            Value::Null,
            "",
        ),
        (
            vec![tool(Takes::Hosted(json!({"type": "web_search_preview"})))],
            Some(ToolChoice::Required),
            Value::Null,
            Value::Null,
            "tools[0] dropped, tool_choice dropped",
        ),
    ] {
        let turns = vec![Turn::new(Speaker::User, vec![text("x")])];
        let chat = Conversation { turns, tools, tool_choice: choice, ..Conversation::default() };
        let (found, losses) = written(&chat, &Manner::default());
        assert_eq!(found.get("tools").unwrap_or(&Value::Null), &expected, "{chat:?}");
        assert_eq!(found.get("toolConfig").unwrap_or(&Value::Null), &config, "{chat:?}");
        assert_eq!(losses.to_string(), lost, "{chat:?}");
    }
}

#[test]
fn own_seals_go_back_where_they_came_from() {
    let thought = |words: &str, seal: Option<Seal>| {
        Part::Reasoning(Reasoning { text: words.to_owned(), seal })
    };
    let foreign = Seal { vendor: Vendor::Anthropic, is_whole: false, data: "a".to_owned() };
    let foreign_call = Part::Call(Call {
        id: "c".to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        seal: Some(foreign.clone()),
    });
    let user = || Turn::new(Speaker::User, vec![text("x")]);
    let model = |parts| Turn::new(Speaker::Assistant, parts);
    for (parts, expected) in [
        (
            vec![thought("hm", Some(google("s"))), text("a"), thought("", Some(google("t")))],
            json!([{"text": "hm", "thought": true, "thoughtSignature": "s"}, {"text": "a"}, {"text": "", "thoughtSignature": "t"}]),
        ),
        (vec![thought("hm", None), thought("", Some(foreign)), text("a")], json!([{"text": "a"}])),
        // Ids that Google made come back; ids that were made here do not.
        (
            vec![call("g1", "f", Some("s")), call("call_1_1", "f", None)],
            json!([
                {"functionCall": {"id": "g1", "name": "f", "args": {}}, "thoughtSignature": "s"},
                {"functionCall": {"name": "f", "args": {}}},
            ]),
        ),
        (
            vec![foreign_call],
            json!([{"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "skip_thought_signature_validator"}]),
        ),
    ] {
        let expected = json!([
            {"role": "user", "parts": [{"text": "x"}]},
            {"role": "model", "parts": expected},
        ]);
        check_turns(vec![user(), model(parts)], &expected, "");
    }
    let chat = Conversation {
        turns: vec![user(), model(vec![call("c", "f", None)])],
        ..Conversation::default()
    };
    let earlier = Manner { thinking: ThinkingManner::Budget, ..Manner::default() };
    let (found, _) = written(&chat, &earlier);
    assert_eq!(found["contents"][1]["parts"], json!([{"functionCall": {"name": "f", "args": {}}}]));
}

#[test]
fn results_find_the_function_that_they_are_of() {
    let image = Media {
        source: Source::Inline("AA".to_owned()),
        media_type: Some("image/png".to_owned()),
        detail: None,
        name: None,
    };
    let failed = Part::Returned(Returned {
        id: "b".to_owned(),
        parts: vec![text("no"), Part::Image(image)],
        is_error: true,
    });
    check_turns(
        vec![
            Turn::new(Speaker::User, vec![text("x")]),
            Turn::new(Speaker::Assistant, vec![call("a", "f", None), call("b", "g", None)]),
            Turn::new(
                Speaker::User,
                vec![text("and?"), failed, returned("a", r#"{"t": 3}"#), returned("z", "lost")],
            ),
        ],
        &json!([
            {"role": "user", "parts": [{"text": "x"}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "skip_thought_signature_validator"},
                {"functionCall": {"name": "g", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "f", "response": {"t": 3}}},
                {"functionResponse": {"name": "g", "response": {"error": "no"}}},
                {"text": "lost"},
                {"inlineData": {"mimeType": "image/png", "data": "AA"}},
                {"text": "and?"},
            ]},
        ]),
        "messages[2] emulated, messages[2].content emulated",
    );
}

#[test]
fn pictures_recordings_and_documents_are_inline_or_behind_links() {
    let media = |source: Source, media_type: Option<&str>| Media {
        source,
        media_type: media_type.map(str::to_owned),
        detail: None,
        name: None,
    };
    let link = |uri: &str| Source::Link(uri.to_owned());
    let refused = Manner { links: Links::Refused, ..Manner::default() };
    let plain = Manner::default();
    let low =
        Media { detail: Some("low".to_owned()), ..media(Source::Inline("A".to_owned()), None) };
    let inline = |kind: &str| json!({"inlineData": {"mimeType": kind, "data": "A"}});
    let file = |kind: &str, uri: &str| json!({"fileData": {"mimeType": kind, "fileUri": uri}});
    let dropped = "messages[0].content[0] dropped";
    for (manner, part, expected, lost) in [
        (
            &plain,
            Part::Audio(media(Source::Inline("A".to_owned()), Some("audio/mp3"))),
            inline("audio/mp3"),
            "",
        ),
        (
            &plain,
            Part::Image(low),
            inline("image/png"),
            "messages[0].content[0].image_url.detail dropped",
        ),
        (
            &plain,
            Part::Image(media(link("https://a/b.JPG?c=1"), None)),
            file("image/jpeg", "https://a/b.JPG?c=1"),
            "",
        ),
        (
            &plain,
            Part::File(media(link("gs://a/b"), None)),
            file("application/pdf", "gs://a/b"),
            "",
        ),
        (
            &plain,
            Part::File(media(Source::Stored("files/1".to_owned()), Some("text/plain"))),
            file("text/plain", "files/1"),
            "",
        ),
        (
            &plain,
            Part::File(media(Source::Stored("file-9".to_owned()), None)),
            Value::Null,
            dropped,
        ),
        (&refused, Part::Image(media(link("https://a/b.png"), None)), Value::Null, dropped),
        (&plain, Part::Other(json!({"type": "x"})), Value::Null, dropped),
    ] {
        let turns = vec![Turn::new(Speaker::User, vec![part, text("x")])];
        let (found, losses) = written(&Conversation { turns, ..Conversation::default() }, manner);
        let parts = found["contents"][0]["parts"].as_array().expect("parts");
        let first = parts.first().filter(|_| parts.len() > 1).unwrap_or(&Value::Null);
        assert_eq!((first, losses.to_string().as_str()), (&expected, lost));
    }
}

#[test]
fn a_history_begins_with_the_user_and_says_something() {
    check(
        json!({"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}, {"role": "user", "content": "c"}]}),
        &json!({"contents": [
            {"role": "user", "parts": [{"text": "."}]},
            {"role": "model", "parts": [{"text": "a"}]},
            {"role": "user", "parts": [{"text": "b"}, {"text": "c"}]},
        ]}),
        "",
    );
    check(
        json!({"messages": [{"role": "system", "content": "a"}]}),
        &json!({"contents": [{"role": "user", "parts": [{"text": "a"}]}]}),
        "messages[0].role emulated",
    );
    let empty = write(&Conversation::default(), &recipient(&Manner::default()));
    assert_eq!(empty.map_err(|error| error.param), Err("messages".to_owned()));
}

#[test]
fn the_model_and_the_way_of_answering_are_in_the_path() {
    assert_eq!(path("gemini-3"), "/models/gemini-3:generateContent");
    assert_eq!(stream_path("tunedModels/a b"), "/tunedModels/a%20b:streamGenerateContent?alt=sse");
}

fn frame(data: &Value) -> Frame {
    Frame { name: None, data: data.to_string() }
}

/// One candidate that says `parts`, and ends for `reason`.
fn said(parts: &Value, reason: Option<&str>) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason}]})
}

#[test]
fn a_stream_is_read_piece_by_piece() {
    let mut reading = Reading::default();
    let mut read = |data: Value| match reading.read(&frame(&data)) {
        Ok(Progress::Events(events)) => events,
        other => panic!("{data}: {other:?}"),
    };
    let mut first = said(
        &json!([{"text": "hm", "thought": true}, {"text": "a", "thoughtSignature": "s"}]),
        None,
    );
    first["responseId"] = json!("r");
    first["modelVersion"] = json!("gemini-3");
    first["usageMetadata"] = json!({"promptTokenCount": 5});
    assert_eq!(
        read(first),
        [
            Event::Start { id: Some("r".to_owned()), model: Some("gemini-3".to_owned()) },
            Event::Reasoning { choice: 0, text: "hm".to_owned() },
            Event::Text { choice: 0, text: "a".to_owned() },
            Event::Sealed { choice: 0, seal: google("s") },
            Event::Usage(Usage { prompt_tokens: 5, ..Usage::default() }),
        ]
    );
    let calls = json!([
        {"functionCall": {"name": "f", "args": {"b": 1, "a": 2}}, "thoughtSignature": "t"},
        {"functionCall": {"id": "own", "name": "g"}},
    ]);
    let start = |slot, id: &str, name: &str, seal| Event::ToolStart {
        choice: 0,
        slot,
        id: id.to_owned(),
        name: name.to_owned(),
        seal,
    };
    let arguments = |slot, fragment: &str| Event::ToolArguments {
        choice: 0,
        slot,
        fragment: fragment.to_owned(),
    };
    assert_eq!(
        read(said(&calls, None)),
        [
            start(0, "call_r_0", "f", Some(google("t"))),
            arguments(0, r#"{"a":2,"b":1}"#),
            start(1, "own", "g", None),
            arguments(1, "{}"),
        ]
    );
    let mut last = said(&json!([{"text": ""}]), Some("STOP"));
    last["usageMetadata"] = json!({
        "promptTokenCount": 5, "toolUsePromptTokenCount": 1, "candidatesTokenCount": 7, "thoughtsTokenCount": 3, "cachedContentTokenCount": 2,
    });
    let usage = Usage {
        prompt_tokens: 6,
        completion_tokens: 10,
        cached_tokens: Some(2),
        cache_write_tokens: None,
        reasoning_tokens: Some(3),
    };
    let end = Event::Finish { choice: 0, reason: Finish::ToolCalls };
    assert_eq!(read(last), [end, Event::Usage(usage)]);
    // Older models repeat the end with every event.
    assert_eq!(read(said(&json!([]), Some("STOP"))), []);
    assert_eq!(read(json!({"candidates": null, "somethingNew": {}})), []);
}

/// Why an answer ended, or that it failed.
fn ending(data: &Value) -> Result<Option<Finish>, String> {
    match answer(&data.to_string()) {
        Ok(answer) => Ok(answer.choices.first().and_then(|choice| choice.finish)),
        Err(ChunkError::InBand { json }) => Err(json),
        Err(other) => panic!("{data}: {other}"),
    }
}

#[test]
fn every_end_is_one_of_ours_or_a_failure() {
    let words = json!([{"text": "a"}]);
    let call = json!([{"functionCall": {"name": "f"}}]);
    for (parts, reason, expected) in [
        (&words, "STOP", Some(Finish::Stop)),
        (&call, "STOP", Some(Finish::ToolCalls)),
        (&words, "MAX_TOKENS", Some(Finish::Length)),
        (&words, "SAFETY", Some(Finish::Filtered)),
        (&words, "RECITATION", Some(Finish::Filtered)),
        (&words, "IMAGE_SAFETY", Some(Finish::Filtered)),
        (&words, "OTHER", Some(Finish::Stop)),
        (&words, "FINISH_REASON_UNSPECIFIED", None),
    ] {
        assert_eq!(ending(&said(parts, Some(reason))), Ok(expected), "{reason}");
    }
    for (parts, reason) in [
        (&json!([]), "OTHER"),
        (&words, "MALFORMED_FUNCTION_CALL"),
        (&words, "UNEXPECTED_TOOL_CALL"),
        (&words, "MALFORMED_RESPONSE"),
        (&words, "SOMETHING_NEW"),
    ] {
        assert!(ending(&said(parts, Some(reason))).is_err(), "{reason}");
    }
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}});
    assert_eq!(ending(&blocked), Ok(Some(Finish::Filtered)));
}

#[test]
fn errors_are_found_wherever_they_stand() {
    let error = json!({"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}});
    for data in [error.clone(), json!([error]), json!([said(&json!([]), None), error])] {
        assert_eq!(ending(&data), Err(data.to_string()));
    }
    assert!(matches!(answer("<html>"), Err(ChunkError::Malformed(_))));
}

#[test]
fn whole_answers_come_in_one_piece_or_in_an_array() {
    let two =
        json!([said(&json!([{"text": "a"}]), None), said(&json!([{"text": "b"}]), Some("STOP"))]);
    for data in [said(&json!([{"text": "ab"}]), Some("STOP")), two] {
        let answer = answer(&data.to_string()).expect("an answer");
        assert_eq!(answer.choices[0].parts, [text("ab")], "{data}");
        assert_eq!(answer.choices[0].finish, Some(Finish::Stop), "{data}");
    }
}

#[test]
fn what_a_model_says_can_be_said_back_to_it() {
    let data = said(
        &json!([
            {"text": "hm", "thought": true, "thoughtSignature": "s"},
            {"functionCall": {"id": "g1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "t"},
        ]),
        Some("STOP"),
    );
    let answer = answer(&data.to_string()).expect("an answer");
    let turns = vec![
        Turn::new(Speaker::User, vec![text("x")]),
        Turn::new(Speaker::Assistant, answer.choices[0].parts.clone()),
    ];
    let chat = Conversation {
        turns,
        format: Format::Text,
        thinking: Thinking { effort: Some(Effort::Low), budget_tokens: None },
        sampling: Sampling { temperature: Some(Number::from(1)), ..Sampling::default() },
        ..Conversation::default()
    };
    let (found, losses) = written(&chat, &Manner::default());
    assert_eq!(found["contents"][1]["parts"], data["candidates"][0]["content"]["parts"]);
    assert!(losses.is_empty());
}

proptest! {
    #[test]
    fn no_frame_makes_the_reader_panic(
        pieces in proptest::collection::vec(prop_oneof![
            Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just(":"), Just("null"), Just("1"),
            Just(r#""candidates""#), Just(r#""content""#), Just(r#""parts""#), Just(r#""text""#),
            Just(r#""functionCall""#), Just(r#""args""#), Just(r#""finishReason""#), Just(r#""STOP""#),
            Just(r#""error""#), Just(r#""index""#), Just("4294967295"), Just("\u{FFFD}"),
        ], 0..24),
        index in any::<u32>(),
        reason in "[A-Z_]{0,12}",
    ) {
        let mut reading = Reading::default();
        drop(reading.read(&Frame { name: None, data: pieces.concat() }));
        let data = json!({"candidates": [{"index": index, "content": {"parts": [{"text": "a"}, {"functionCall": {}}]}, "finishReason": reason}]});
        drop(reading.read(&frame(&data)));
        drop(answer(&data.to_string()));
    }
}
