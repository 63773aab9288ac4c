//! Chat JSON in, conversation out.

use serde_json::json;

use super::*;
use crate::chat::conversation::{
    CacheTime, Call, Media, Part, Reasoning, Returned, Seal, Source, Speaker, Takes, Tool,
    ToolChoice, Turn, Vendor,
};
use crate::chat::parse;

fn read(fields: &Value) -> Result<Conversation, BadRequest> {
    let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "x"}]});
    let whole = body.as_object_mut().expect("an object");
    whole.extend(fields.as_object().expect("an object").clone());
    let chat = parse(body.to_string().as_bytes()).expect("a good body");
    chat.conversation().map(|read| read.as_ref().clone()).map_err(Clone::clone)
}

fn check(fields: &Value, expected: &Conversation) {
    let turns = vec![Turn::new(Speaker::User, vec![Part::Text("x".to_owned())])];
    let expected = Conversation { turns, ..expected.clone() };
    assert_eq!(read(fields).as_ref(), Ok(&expected), "{fields}");
}

fn check_turns(messages: &Value, expected: &[Turn]) {
    let found = read(&json!({"messages": messages})).map(|read| read.turns);
    assert_eq!(found.as_deref(), Ok(expected), "{messages}");
}

fn text(words: &str) -> Part {
    Part::Text(words.to_owned())
}

#[test]
fn every_field_has_its_place() {
    let empty = Conversation::default;
    let sampled = |sampling| Conversation { sampling, ..Conversation::default() };
    let none = Sampling::default;
    check(&json!({"max_tokens": 9}), &Conversation { max_tokens: Some(9), ..empty() });
    let newer = json!({"max_tokens": 9, "max_completion_tokens": 7});
    check(&newer, &Conversation { max_tokens: Some(7), ..empty() });
    check(
        &json!({"temperature": 0.7}),
        &sampled(Sampling { temperature: Number::from_f64(0.7), ..none() }),
    );
    check(&json!({"stop": "x"}), &sampled(Sampling { stop: vec!["x".to_owned()], ..none() }));
    check(
        &json!({"n": 2, "seed": -1}),
        &sampled(Sampling { choices: Some(2), seed: Some(-1), ..none() }),
    );
    check(
        &json!({"stream": true, "stream_options": {"include_usage": true}}),
        &Conversation { stream: true, ..empty() },
    );
    check(&json!({"temperature": null, "tools": null}), &empty());
    let thinking = |effort, budget_tokens| Conversation {
        thinking: Thinking { effort, budget_tokens },
        ..empty()
    };
    check(&json!({"reasoning_effort": "xhigh"}), &thinking(Some(Effort::ExtraHigh), None));
    check(&json!({"reasoning": {"max_tokens": 2000}}), &thinking(None, Some(2000)));
    check(&json!({"reasoning": {"enabled": false}}), &thinking(Some(Effort::None), None));
    let others = vec![("user".to_owned(), json!("u")), ("x_new".to_owned(), json!({"a": 1}))];
    check(&json!({"user": "u", "x_new": {"a": 1}}), &Conversation { others, ..empty() });
    check(
        &json!({"response_format": {"type": "json_object"}}),
        &Conversation { format: Format::Json, ..empty() },
    );
    let format = Format::Schema {
        name: "a".to_owned(),
        description: None,
        schema: json!({"type": "object"}),
        strict: Some(true),
    };
    let written = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": true}});
    check(&json!({"response_format": written}), &Conversation { format, ..empty() });
}

#[test]
fn tools_are_read_in_every_shape() {
    let tool = |takes, cache| Tool { name: "f".to_owned(), description: None, takes, cache };
    let object = |schema, strict| Takes::Object { schema, strict };
    for (written, expected) in [
        (
            json!({"type": "function", "function": {"name": "f", "parameters": {}}}),
            tool(object(Some(json!({})), None), None),
        ),
        (json!({"name": "f", "strict": true}), tool(object(None, Some(true)), None)),
        (json!({"type": "custom", "custom": {"name": "f"}}), tool(Takes::Text(None), None)),
        (
            json!({"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
            tool(object(None, None), Some(CacheTime::Hour)),
        ),
    ] {
        let found = read(&json!({"tools": [written]})).map(|read| read.tools);
        assert_eq!(found, Ok(vec![expected]), "{written}");
    }
    let function = json!({"type": "function", "function": {"name": "f"}});
    for (written, expected) in [
        (json!("auto"), ToolChoice::Auto),
        (json!("any"), ToolChoice::Required),
        (function.clone(), ToolChoice::Named("f".to_owned())),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function]}}),
            ToolChoice::Among { names: vec!["f".to_owned()], required: true },
        ),
    ] {
        let found = read(&json!({"tool_choice": written})).map(|read| read.tool_choice);
        assert_eq!(found, Ok(Some(expected)), "{written}");
    }
    let legacy = read(&json!({"functions": [{"name": "f"}], "function_call": {"name": "f"}}));
    let legacy = legacy.expect("the older shape");
    assert_eq!(legacy.tools, [tool(object(None, None), None)]);
    assert_eq!(legacy.tool_choice, Some(ToolChoice::Named("f".to_owned())));
}

#[test]
fn parallel_results_are_one_turn_behind_their_calls() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "wx", "arguments": "{}"}});
    let part = |id: &str| {
        Part::Call(Call {
            id: id.to_owned(),
            name: "wx".to_owned(),
            arguments: "{}".to_owned(),
            seal: None,
        })
    };
    let result = |id: &str, words: &str| {
        Part::Returned(Returned { id: id.to_owned(), parts: vec![text(words)], is_error: false })
    };
    check_turns(
        &json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": ""}]},
            {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]},
            {"role": "tool", "tool_call_id": "a", "content": "3C"},
            {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "15C"}]},
            {"role": "user", "content": "and?"},
        ]),
        &[
            Turn::new(Speaker::System, vec![text("Be brief.")]),
            Turn::new(Speaker::User, vec![text("a")]),
            Turn::new(Speaker::Assistant, vec![part("a"), part("b")]),
            Turn::new(Speaker::User, vec![result("a", "3C"), result("b", "15C")]),
            Turn::new(Speaker::User, vec![text("and?")]),
        ],
    );
}

#[test]
fn pictures_say_where_they_are() {
    let media = |source, media_type: Option<&str>| Media {
        source,
        media_type: media_type.map(str::to_owned),
        detail: None,
        name: None,
    };
    let image = |url: &str| json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]);
    let inline = media(Source::Inline("AAAA".to_owned()), Some("image/png"));
    let linked = media(Source::Link("https://example.com/a.png".to_owned()), None);
    for (url, expected) in
        [("data:image/png;base64,AAAA", inline), ("https://example.com/a.png", linked)]
    {
        check_turns(&image(url), &[Turn::new(Speaker::User, vec![Part::Image(expected)])]);
    }
}

#[test]
fn thoughts_come_back_with_their_seal_or_in_words() {
    let turns = read(&json!({"messages": [
        {"role": "assistant", "content": "x", "reasoning_content": "hm"},
        {"role": "assistant", "content": "x", "reasoning_content": "hm",
         "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "d"}]},
        {"role": "user", "content": "x"},
    ]}));
    let turns = turns.expect("good messages").turns;
    let seal = |data: &str, is_whole| {
        Some(Seal { vendor: Vendor::Anthropic, is_whole, data: data.to_owned() })
    };
    let thought =
        |words: &str, sealed| Part::Reasoning(Reasoning { text: words.to_owned(), seal: sealed });
    assert_eq!(turns[0].parts, [thought("hm", None), text("x")]);
    assert_eq!(
        turns[1].parts,
        [thought("hm", seal("s", false)), thought("", seal("d", true)), text("x")]
    );
}

#[test]
fn what_cannot_be_understood_is_named() {
    let last = |message: Value| json!({"messages": [message]});
    for (fields, param) in [
        (json!({"tool_choice": "perhaps"}), "tool_choice"),
        (json!({"reasoning_effort": "huge"}), "reasoning_effort"),
        (json!({"stop": 7}), "stop"),
        (json!({"response_format": {"type": "xml"}}), "response_format.type"),
        (json!({"tools": [{"type": "function", "function": {}}]}), "tools[0].function.name"),
        (last(json!({"role": "tool", "content": "x"})), "messages[0].tool_call_id"),
        (
            last(json!({"role": "assistant", "tool_calls": [{"id": "a"}]})),
            "messages[0].tool_calls[0].function",
        ),
        (
            last(json!({"role": "user", "content": [{"type": "image_url"}]})),
            "messages[0].content[0].image_url",
        ),
        (
            last(json!({"role": "user", "content": [{"type": "file", "file": {}}]})),
            "messages[0].content[0].file",
        ),
    ] {
        let error = read(&fields).expect_err("nonsense");
        assert_eq!(error.param.as_deref(), Some(param), "{fields}");
    }
}
