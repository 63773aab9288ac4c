//! What is written for this dialect, and what is read from it; a response that our own surface writes is read back.

use serde_json::{Value, json};

use super::*;
use crate::chat::{
    Answer, ChunkError, Conversation, Event, Finish, Part, Sampling, Surface, Usage, parse,
};
use crate::config::Manner;
use crate::provider::dialect::{Frame, Progress, Recipient};

fn written(chat: &Conversation) -> (Value, String) {
    let manner = Manner::default();
    let to = Recipient { model: "m", manner: &manner, max_output: None, default_max_tokens: None };
    let written = write(chat, &to);
    (Value::Object(written.body), written.losses.to_string())
}

fn conversation(fields: &Value) -> Conversation {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "x"}]});
    let whole = body.as_object_mut().expect("an object");
    whole.extend(fields.as_object().expect("an object").clone());
    let chat = parse(body.to_string().as_bytes()).expect("a good body");
    chat.conversation().expect("a good conversation").as_ref().clone()
}

/// What becomes of fields of a chat body; `null` stands for absent.
fn check(fields: &Value, expected: &Value, lost: &str) {
    let (found, losses) = written(&conversation(fields));
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(found.get(name).unwrap_or(&Value::Null), value, "{fields}: {name}");
    }
    assert_eq!(losses, lost, "{fields}");
}

#[test]
fn every_field_has_its_place() {
    check(
        &json!({}),
        &json!({"model": "m", "store": false, "stream": null, "instructions": null}),
        "",
    );
    check(&json!({"max_tokens": 5}), &json!({"max_output_tokens": 16}), "max_tokens clamped");
    check(&json!({"reasoning_effort": "high"}), &json!({"reasoning": {"effort": "high"}}), "");
    check(
        &json!({"stop": "x", "seed": 1, "x_new": 2}),
        &json!({"stop": null}),
        "stop dropped, seed dropped, x_new dropped",
    );
    check(
        &json!({"user": "u", "verbosity": "low"}),
        &json!({"user": "u", "text": {"verbosity": "low"}}),
        "",
    );
    let asked =
        json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": true}});
    check(
        &json!({"response_format": asked}),
        &json!({"text": {"format": {"type": "json_schema", "name": "a", "schema": {}, "strict": true}}}),
        "",
    );
    let tool =
        json!({"type": "function", "function": {"name": "wx", "parameters": {"type": "object"}}});
    let flat = json!({"type": "function", "name": "wx", "parameters": {"type": "object"}, "strict": false});
    check(
        &json!({"tools": [tool], "tool_choice": "required"}),
        &json!({"tools": [flat], "tool_choice": "required"}),
        "",
    );
}

#[test]
fn turns_become_items() {
    let messages = json!([
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
        {"role": "assistant", "content": "so", "reasoning_content": "hm", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "wx", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c", "content": "3C"},
    ]);
    let expected = json!([
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "look"},
            {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
        ]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
        {"type": "function_call", "call_id": "c", "name": "wx", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "3C"},
    ]);
    check(&json!({"messages": messages}), &json!({"instructions": "s", "input": expected}), "");
}

#[test]
fn what_our_surface_reads_is_written_again() {
    let body = json!({"model": "m", "store": false, "instructions": "s", "temperature": 0.5, "stream": true,
    "tools": [{"type": "function", "name": "wx", "parameters": {"type": "object"}, "strict": true}],
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "e"},
        {"type": "function_call", "call_id": "c", "name": "wx", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "3C"},
    ]});
    let chat = crate::chat::ChatRequest::clone(&read(&body));
    let conversation = chat.conversation().expect("good");
    assert_eq!(written(conversation), (body, String::new()));
    assert_eq!(
        conversation.sampling,
        Sampling { temperature: serde_json::Number::from_f64(0.5), ..Sampling::default() }
    );
}

/// The surface is the other end of this dialect; only tests may know both.
fn read(body: &Value) -> crate::chat::ChatRequest {
    let chat = crate::surface::parse(Surface::Responses, body.to_string().as_bytes());
    chat.expect("a good body")
}

fn streamed(events: &[Value]) -> Result<Vec<Event>, ChunkError> {
    let mut reading = Reading::default();
    let mut read = Vec::new();
    for event in events {
        match reading.read(&Frame { name: None, data: event.to_string() })? {
            Progress::Events(said) => read.extend(said),
            Progress::Done => break,
        }
    }
    Ok(read)
}

#[test]
fn a_stream_is_read_event_by_event() {
    let call = json!({"type": "function_call", "call_id": "c", "name": "wx", "arguments": ""});
    let events = streamed(&[
        json!({"type": "response.created", "response": {"id": "r", "model": "m"}}),
        json!({"type": "response.output_text.delta", "delta": "a"}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": call}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 1, "delta": "{}"}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": {"type": "function_call", "arguments": "{}"}}),
        json!({"type": "response.completed", "response": {"status": "completed", "usage": {"input_tokens": 1, "output_tokens": 2}}}),
    ]);
    let mut answer = Answer::default();
    events.expect("a good stream").into_iter().for_each(|event| answer.add(event));
    assert_eq!(answer.choices[0].finish, Some(Finish::ToolCalls));
    assert!(matches!(&answer.choices[0].parts[1], Part::Call(made) if made.arguments == "{}"));
    assert_eq!(
        answer.usage,
        Some(Usage { prompt_tokens: 1, completion_tokens: 2, ..Usage::default() })
    );
}

#[test]
fn failures_are_no_answers() {
    for event in [
        json!({"type": "response.failed", "response": {"error": {"code": "server_error"}}}),
        json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}),
        json!({"error": {"message": "x"}}),
        json!({"type": "response.completed", "response": {"status": "failed"}}),
    ] {
        assert!(
            matches!(streamed(std::slice::from_ref(&event)), Err(ChunkError::InBand { .. })),
            "{event}"
        );
    }
    assert!(matches!(
        answer(r#"{"status":"failed","error":{"code":"x"}}"#),
        Err(ChunkError::InBand { .. })
    ));
}

#[test]
fn a_whole_response_is_read() {
    let whole = json!({"id": "r", "model": "m", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"},
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}], "usage": null});
    let read = answer(&whole.to_string()).expect("good");
    assert_eq!(read.choices[0].parts, [Part::Text("a".to_owned())]);
    assert_eq!(read.choices[0].finish, Some(Finish::Length));
}
