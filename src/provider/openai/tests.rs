//! What is written for providers of this wire format, and what is read from them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::chat::{Event, Finish, parse};
use crate::config::{
    Abilities, Credential, Dialect, Echo, FieldRule, Instructions, JsonManner, Manner,
    PrefillManner, Provider, SchemaManner, ThinkingManner, ToolIds,
};
use crate::provider::dialect::{Frame, Progress};

fn target(manner: Manner) -> Target {
    let provider = Provider::new("p", Dialect::OpenAi, "http://p/v1", Credential::NotNeeded);
    let mut target = Target::new(Arc::new(provider), "m\"1", Arc::new(Abilities::default()));
    target.habits.manner = manner;
    target
}

fn encoded(body: &str, manner: Manner) -> (String, String) {
    let chat = parse(body.as_bytes()).expect("a good body");
    let mut losses = Losses::default();
    let sent = encode(&chat, &target(manner), &mut losses).expect("sayable").into_bytes();
    (String::from_utf8(sent.to_vec()).expect("UTF-8"), losses.to_string())
}

fn check(body: &str, expected: &str) {
    assert_eq!(encoded(body, Manner::default()), (expected.to_owned(), String::new()));
}

#[test]
fn only_the_model_changes() {
    check(
        r#"{ "x_new": {"a": [1.0, 2e3]}, "model":"auto", "messages":[{"role":"user","content":"é"}], "n": null}"#,
        r#"{"x_new":{"a": [1.0, 2e3]},"model":"m\"1","messages":[{"role":"user","content":"é"}],"n":null}"#,
    );
}

#[test]
fn a_stream_always_asks_for_usage() {
    check(
        r#"{"model":"auto","messages":[{"role":"user","content":"x"}],"stream":true}"#,
        r#"{"model":"m\"1","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    check(
        r#"{"model":"auto","stream":true,"stream_options":{"include_usage":false,"x":1},"messages":[{"role":"user","content":"x"}]}"#,
        r#"{"model":"m\"1","stream":true,"stream_options":{"include_usage":true,"x":1},"messages":[{"role":"user","content":"x"}]}"#,
    );
}

/// What becomes of fields of a body with one user message.
fn check_manner(fields: &Value, manner: Manner, expected: &Value, lost: &str) {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "x"}]});
    let whole = body.as_object_mut().expect("an object");
    whole.extend(fields.as_object().expect("an object").clone());
    let (found, losses) = encoded(&body.to_string(), manner);
    let found: Value = serde_json::from_str(&found).expect("JSON");
    for (name, value) in expected.as_object().expect("an object") {
        let found = found.get(name).unwrap_or(&Value::Null);
        assert_eq!(found, value, "{fields}: {name}");
    }
    assert_eq!(losses, lost, "{fields}");
}

#[test]
fn instructions_have_the_name_that_the_provider_knows() {
    let fields = json!({"messages": [{"role": "developer", "content": "s"}, {"role": "user", "content": "x"}]});
    let role = |role: &str| json!({"messages": [{"role": role, "content": "s"}, {"role": "user", "content": "x"}]});
    check_manner(&fields, Manner::default(), &role("system"), "");
    let kept = Manner { instructions: Instructions::Kept, ..Manner::default() };
    check_manner(&fields, kept, &role("developer"), "");
}

#[test]
fn thoughts_and_marks_of_others_stay_behind() {
    let messages = json!([
        {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "a", "reasoning_content": "hm", "thinking_blocks": []},
        {"role": "assistant", "content": null, "reasoning_content": "so", "tool_calls": [{"id": "c", "extra_content": {"google": {}}}]},
    ]);
    let without = json!([
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c"}]},
    ]);
    let fields = json!({"messages": messages});
    check_manner(&fields, Manner::default(), &json!({"messages": without}), "");
    let all = Manner { echo: Echo::All, instructions: Instructions::Kept, ..Manner::default() };
    check_manner(&fields, all, &fields, "");
    let mut of_tools = without;
    of_tools[2]["reasoning_content"] = json!("so");
    let of_tool_turns = Manner { echo: Echo::ToolTurns, ..Manner::default() };
    check_manner(&fields, of_tool_turns, &json!({"messages": of_tools}), "");
}

#[test]
fn ids_of_calls_fit_and_still_belong_to_their_results() {
    let body = json!({"model": "auto", "messages": [
        {"role": "assistant", "content": null, "tool_calls": [{"id": "toolu_01A"}, {"id": "abcdefgh1"}]},
        {"role": "tool", "tool_call_id": "toolu_01A", "content": "1"},
        {"role": "tool", "tool_call_id": "abcdefgh1", "content": "2"},
    ]});
    let (found, _) =
        encoded(&body.to_string(), Manner { tool_ids: ToolIds::Nine, ..Manner::default() });
    let found: Value = serde_json::from_str(&found).expect("JSON");
    let calls = &found["messages"][0]["tool_calls"];
    assert_eq!(calls[1]["id"], "abcdefgh1");
    assert_eq!(calls[0]["id"], found["messages"][1]["tool_call_id"]);
    assert_eq!(calls[0]["id"].as_str().map(str::len), Some(9));
}

#[test]
fn a_schema_is_said_as_firmly_as_the_provider_can() {
    let asked = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}});
    check_manner(&asked, Manner::default(), &asked, "");
    let sentence = r#"Answer with one JSON object that fits this JSON schema: {"type":"object"}"#;
    let told = json!([{"role": "system", "content": sentence}, {"role": "user", "content": "x"}]);
    let object = Manner { schema: SchemaManner::Object, ..Manner::default() };
    check_manner(
        &asked,
        object,
        &json!({"response_format": {"type": "json_object"}, "messages": told}),
        "response_format emulated",
    );
    let any = json!({"response_format": {"type": "json_object"}});
    let word = Manner { json: JsonManner::Word, ..Manner::default() };
    let reminded = json!([{"role": "system", "content": "Answer with one JSON object."}, {"role": "user", "content": "x"}]);
    check_manner(&any, word, &json!({"messages": reminded}), "");
}

#[test]
fn thinking_is_asked_for_in_the_providers_own_way() {
    let low = json!({"reasoning_effort": "low"});
    check_manner(&low, Manner::default(), &low, "");
    let by = |thinking| Manner { thinking, ..Manner::default() };
    check_manner(
        &json!({"thinking_budget": 4000}),
        Manner::default(),
        &json!({"reasoning_effort": "medium", "thinking_budget": null}),
        "thinking_budget emulated",
    );
    check_manner(
        &json!({"reasoning_effort": "none"}),
        by(ThinkingManner::Disabled),
        &json!({"thinking": {"type": "disabled"}, "reasoning_effort": null}),
        "",
    );
    check_manner(
        &json!({"reasoning_effort": "none"}),
        by(ThinkingManner::Switch),
        &json!({"enable_thinking": false}),
        "",
    );
    check_manner(
        &low,
        by(ThinkingManner::None),
        &json!({"reasoning_effort": null}),
        "reasoning_effort dropped",
    );
}

#[test]
fn a_beginning_is_marked_where_the_provider_wants_it() {
    let messages = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "On"}]});
    let marked = json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "On", "prefix": true}]});
    check_manner(
        &messages,
        Manner { prefill: PrefillManner::Marked, ..Manner::default() },
        &marked,
        "",
    );
}

#[test]
fn a_conversation_of_another_surface_is_written_as_it_would_be_read() {
    let mut body = json!({
        "model": "auto", "max_completion_tokens": 9, "temperature": 0.5, "stop": ["x"], "stream": true,
        "tools": [{"type": "function", "function": {"name": "wx", "parameters": {"type": "object"}, "strict": true}}],
        "tool_choice": {"type": "function", "function": {"name": "wx"}}, "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}]},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "wx", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "3C"},
            {"role": "user", "content": "and?"},
        ],
        "x_new": 1,
    });
    let chat = parse(body.to_string().as_bytes()).expect("a good body");
    let read = chat.conversation().expect("a good conversation");
    let mut losses = Losses::default();
    let again = write::body(read, &mut losses).into_bytes();
    assert_eq!(losses.to_string(), "x_new dropped");
    let mut again: Value = serde_json::from_slice(&again).expect("JSON");
    again["model"] = json!("auto");
    body.as_object_mut().expect("an object").remove("x_new");
    assert_eq!(again, body);
}

#[test]
fn answers_are_taken_apart() {
    let mut reading = Reading::default();
    let mut read = |data: Value| match reading.read(&Frame { name: None, data: data.to_string() }) {
        Ok(Progress::Events(events)) => events,
        other => panic!("{data}: {other:?}"),
    };
    let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
    let start = Event::Start { id: Some("a".to_owned()), model: Some("m".to_owned()) };
    assert_eq!(
        read(json!({"id": "a", "model": "m", "choices": [{"delta": {"role": "assistant"}}]})),
        [start]
    );
    let text = |text: &str| Event::Text { choice: 0, text: text.to_owned() };
    assert_eq!(read(delta(json!({"content": "hi"}))), [text("hi")]);
    let parts = json!([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "so"}]);
    let thought = Event::Reasoning { choice: 0, text: "hm".to_owned() };
    assert_eq!(read(delta(json!({"content": parts}))), [thought, text("so")]);
    let call = |index: u32, id: &str| {
        delta(
            json!({"tool_calls": [{"index": index, "id": id, "function": {"name": "f", "arguments": ""}}]}),
        )
    };
    let begun = |slot, id: &str| Event::ToolStart {
        choice: 0,
        slot,
        id: id.to_owned(),
        name: "f".to_owned(),
        seal: None,
    };
    // Some number their calls from one.
    assert_eq!(read(call(1, "x")), [begun(0, "x")]);
    assert_eq!(read(call(2, "y")), [begun(1, "y")]);
    let more = delta(json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}));
    assert_eq!(
        read(more),
        [Event::ToolArguments { choice: 0, slot: 0, fragment: "{}".to_owned() }]
    );
    assert_eq!(
        read(json!({"choices": [{"delta": {}, "finish_reason": "eos"}]})),
        [Event::Finish { choice: 0, reason: Finish::Stop }]
    );
}

#[test]
fn failures_in_disguise_are_no_answers() {
    for data in [
        json!({"error": {"message": "overloaded"}}),
        json!({"choices": [{"delta": {}, "finish_reason": "insufficient_system_resource"}]}),
    ] {
        let read = Reading::default().read(&Frame { name: None, data: data.to_string() });
        assert!(matches!(read, Err(crate::chat::ChunkError::InBand { .. })), "{data}");
    }
}

#[test]
fn rules_of_the_shipped_table_reach_the_body() {
    let rule = FieldRule::Rename("max_tokens".to_owned());
    let mut target = target(Manner::default());
    target.habits.fields = vec![("max_completion_tokens".to_owned(), rule)];
    let chat = parse(
        br#"{"model":"auto","messages":[{"role":"user","content":"x"}],"max_completion_tokens":5}"#,
    )
    .expect("good");
    let open = crate::provider::Passage::Open;
    let prepared = crate::provider::prepare(&chat, &target, open).expect("sayable");
    let sent = std::str::from_utf8(&prepared.encoded.body).expect("UTF-8");
    assert!(sent.ends_with(r#","max_tokens":5}"#), "{sent}");
}
