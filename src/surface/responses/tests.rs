//! Bodies in, conversations out; answers in, responses out.

use serde_json::{Value, json};

use super::*;
use crate::chat::{
    Answer, BadRequest, Call, ChatRequest, Choice, Conversation, Effort, Event, Finish, Part,
    Speaker, Turn, Usage,
};
use crate::surface::About;

fn chat(fields: &Value) -> Result<ChatRequest, BadRequest> {
    let mut body = json!({"model": "auto", "input": "x"});
    let whole = body.as_object_mut().expect("an object");
    whole.extend(fields.as_object().expect("an object").clone());
    parse(body.to_string().as_bytes())
}

fn read(fields: &Value) -> Conversation {
    let chat = chat(fields).expect("a good body");
    chat.conversation().expect("a good conversation").as_ref().clone()
}

fn about() -> About {
    About { id: "resp_1".to_owned(), created: 7, model: "m".to_owned() }
}

fn text(words: &str) -> Part {
    Part::Text(words.to_owned())
}

fn call() -> Call {
    Call { id: "c".to_owned(), name: "wx".to_owned(), arguments: "{}".to_owned(), seal: None }
}

#[test]
fn items_become_turns() {
    let input = json!([
        {"role": "developer", "content": "s"},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "reasoning", "id": "r", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "wx", "arguments": "{}"},
        {"type": "function_call", "call_id": "c", "name": "wx", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "3C"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
    ]);
    let turns = read(&json!({"input": input, "instructions": "i"})).turns;
    let speakers: Vec<(Speaker, usize)> =
        turns.iter().map(|turn| (turn.speaker, turn.parts.len())).collect();
    let expected = [
        (Speaker::System, 1),
        (Speaker::System, 1),
        (Speaker::User, 1),
        (Speaker::Assistant, 3),
        (Speaker::User, 1),
        (Speaker::Assistant, 1),
    ];
    assert_eq!(speakers, expected);
    assert_eq!(turns[0].parts, [text("i")]);
    assert_eq!(read(&json!({})).turns, [Turn::new(Speaker::User, vec![text("x")])]);
}

#[test]
fn every_field_has_its_place() {
    let all = read(&json!({
        "stream": true, "max_output_tokens": 20, "temperature": 0.5, "reasoning": {"effort": "low"},
        "tools": [{"type": "function", "name": "wx", "parameters": {"type": "object"}}, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "wx"}, "parallel_tool_calls": false, "store": true,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"}, "user": "u",
    }));
    assert!(all.stream && all.parallel_tools == Some(false));
    assert_eq!((all.max_tokens, all.thinking.effort), (Some(20), Some(Effort::Low)));
    assert_eq!((all.tools.len(), all.tools[1].name.as_str()), (2, "web_search"));
    assert_eq!(all.format, crate::chat::Format::Json);
    assert_eq!(all.tool_choice, Some(crate::chat::ToolChoice::Named("wx".to_owned())));
    let others: Vec<&str> = all.others.iter().map(|(name, _)| name.as_str()).collect();
    assert!(others.contains(&"verbosity") && others.contains(&"user") && others.len() == 2);
}

#[test]
fn what_leans_on_a_store_and_what_is_wrong_is_refused_by_name() {
    for (fields, param) in [
        (json!({"previous_response_id": "resp_0"}), "previous_response_id"),
        (json!({"conversation": "conv_0"}), "conversation"),
        (json!({"background": true}), "background"),
        (json!({"input": [{"type": "item_reference", "id": "a"}]}), "input[0]"),
        (json!({"input": []}), "input"),
        (json!({"input": [{"role": "king", "content": "x"}]}), "input[0].role"),
        (json!({"input": [{"type": "function_call", "name": "a"}]}), "input[0].call_id"),
        (json!({"temperature": 3}), "temperature"),
        (json!({"max_output_tokens": 0}), "max_output_tokens"),
        (json!({"tools": [{"type": "function"}]}), "tools[0].name"),
        (json!({"text": {"format": {"type": "xml"}}}), "text.format.type"),
        (json!({"model": null}), "model"),
    ] {
        let error = chat(&fields).expect_err("refused");
        assert_eq!(error.param.as_deref(), Some(param), "{fields}");
    }
}

#[test]
fn a_whole_answer_has_its_items_in_order() {
    let parts = vec![text("a"), text("b"), Part::Call(call())];
    let choice = Choice { parts, finish: Some(Finish::ToolCalls) };
    let usage = Usage { prompt_tokens: 3, completion_tokens: 4, ..Usage::default() };
    let answer = Answer { choices: vec![choice], usage: Some(usage), ..Answer::default() };
    let chat = chat(&json!({"metadata": {"a": "b"}})).expect("a good body");
    let written = whole(&chat, &answer, &about());
    assert_eq!(written["status"], "completed");
    assert_eq!(written["output"][0]["content"][1]["text"], "b");
    assert_eq!(written["output"][1]["call_id"], "c");
    assert_eq!(written["usage"]["total_tokens"], 7);
    assert_eq!((&written["metadata"]["a"], &written["store"]), (&json!("b"), &json!(false)));
}

/// The events of a stream, with what each adds.
fn streamed(events: &[Event]) -> Vec<Value> {
    let chat = chat(&json!({"stream": true})).expect("a good body");
    let mut writer = Writer::new(about(), &std::sync::Arc::new(chat));
    let mut out = String::new();
    writer.events(events, &mut out);
    writer.end(&mut out);
    let datas = out.split("\n\n").filter_map(|event| event.split_once("\ndata: "));
    datas
        .map(|(name, data)| {
            let data: Value = serde_json::from_str(data).expect("JSON");
            assert_eq!(name, format!("event: {}", data["type"].as_str().expect("a type")));
            data
        })
        .collect()
}

#[test]
fn a_stream_opens_and_closes_what_it_tells_of() {
    let id = |id: &str| id.to_owned();
    let events = [
        Event::Start { id: None, model: Some(id("m2")) },
        Event::Reasoning { choice: 0, text: id("hm") },
        Event::Text { choice: 0, text: id("a") },
        Event::Text { choice: 0, text: id("b") },
        Event::ToolStart { choice: 0, slot: 0, id: id("c"), name: id("wx"), seal: None },
        Event::ToolArguments { choice: 0, slot: 0, fragment: id("{}") },
        Event::Finish { choice: 0, reason: Finish::ToolCalls },
        Event::Usage(Usage { prompt_tokens: 1, completion_tokens: 2, ..Usage::default() }),
    ];
    let sent = streamed(&events);
    let names: Vec<&str> = sent.iter().filter_map(|event| event["type"].as_str()).collect();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names, expected);
    assert!(sent.iter().enumerate().all(|(at, event)| event["sequence_number"] == json!(at)));
    let last = &sent.last().expect("an end")["response"];
    assert_eq!(last["output"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        (&last["output"][1]["content"][0]["text"], &last["model"]),
        (&json!("ab"), &json!("m2"))
    );
    assert_eq!(last["output"][2]["arguments"], "{}");
    assert_eq!(last["usage"]["output_tokens"], 2);
}

#[test]
fn an_end_by_length_is_incomplete() {
    let events = [
        Event::Text { choice: 0, text: "a".to_owned() },
        Event::Finish { choice: 0, reason: Finish::Length },
    ];
    let sent = streamed(&events);
    let last = sent.last().expect("an end");
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
}
