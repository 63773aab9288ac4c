//! What requests are read as, and how wrong ones are refused.

use serde_json::{Value, json};

use super::{Purpose, read};
use crate::chat::{
    BadRequest, CacheTime, Call, Conversation, Effort, Fields, Format, Media, Part, Reasoning,
    Returned, Sampling, Seal, Source, Speaker, Takes, Thinking, Tool, ToolChoice, Turn, Vendor,
};

fn reading(fields: &Value, purpose: Purpose) -> Result<Conversation, BadRequest> {
    let mut body =
        json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
    for (name, value) in fields.as_object().expect("fields") {
        body[name] = value.clone();
    }
    let written = Fields::read(body.to_string().as_bytes()).expect("an object");
    let (model, chat) = read(&written, purpose)?;
    assert_eq!(model, "auto");
    Ok(chat)
}

fn smallest() -> Conversation {
    Conversation {
        turns: vec![Turn::new(Speaker::User, vec![text("x")])],
        max_tokens: Some(9),
        ..Conversation::default()
    }
}

fn text(words: &str) -> Part {
    Part::Text(words.to_owned())
}

fn check(fields: &Value, expected: &Conversation) {
    assert_eq!(reading(fields, Purpose::Answer).as_ref(), Ok(expected), "{fields}");
}

#[test]
fn every_field_has_its_neutral_name() {
    check(&json!({}), &smallest());
    check(&json!({"stream": true}), &Conversation { stream: true, ..smallest() });
    let sampling = Sampling {
        temperature: "0.70".parse().ok(),
        top_p: "0.5".parse().ok(),
        top_k: Some(5),
        stop: vec!["a".to_owned()],
        ..Sampling::default()
    };
    check(
        &json!({"temperature": 0.70, "top_p": 0.5, "top_k": 5, "stop_sequences": ["a"]}),
        &Conversation { sampling, ..smallest() },
    );
    let of = |name: &str, value: Value| Conversation {
        others: vec![(name.to_owned(), value)],
        ..smallest()
    };
    check(&json!({"metadata": {"user_id": "u"}}), &of("user", json!("u")));
    check(&json!({"metadata": {"a": 1}}), &of("metadata", json!({"a": 1})));
    check(&json!({"service_tier": "standard_only"}), &of("service_tier", json!("default")));
    check(&json!({"service_tier": "auto"}), &of("service_tier", json!("auto")));
    check(
        &json!({"context_management": {"edits": []}}),
        &of("context_management", json!({"edits": []})),
    );
    check(
        &json!({"output_config": {"task_budget": 1}}),
        &of("output_config", json!({"task_budget": 1})),
    );
    check(&json!({"temperature": null}), &smallest());
}

#[test]
fn instructions_stand_first() {
    let mut expected = smallest();
    expected.turns.insert(0, Turn::new(Speaker::System, vec![text("s")]));
    check(&json!({"system": "s"}), &expected);
    expected.turns[0].parts.push(Part::CachePoint(CacheTime::Hour));
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    check(&json!({"system": [{"type": "text", "text": "s", "cache_control": mark}]}), &expected);
    check(&json!({"system": ""}), &smallest());
}

#[test]
fn thinking_and_form_are_understood() {
    let with = |effort, budget_tokens| Conversation {
        thinking: Thinking { effort, budget_tokens },
        ..smallest()
    };
    let adaptive = json!({"type": "adaptive"});
    let low = json!({"effort": "low"});
    for (fields, expected) in [
        (json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}), with(None, Some(2000))),
        (
            json!({"thinking": {"type": "disabled"}, "output_config": low}),
            with(Some(Effort::None), None),
        ),
        (json!({"thinking": adaptive}), with(Some(Effort::High), None)),
        (json!({"thinking": adaptive, "output_config": low}), with(Some(Effort::Low), None)),
        (json!({"output_config": low}), with(Some(Effort::Low), None)),
    ] {
        check(&fields, &expected);
    }
    let schema = json!({"type": "object"});
    let format = Format::Schema {
        name: "answer".to_owned(),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    };
    let written = json!({"type": "json_schema", "schema": schema});
    let expected = Conversation { format, ..smallest() };
    check(&json!({"output_config": {"format": written}}), &expected);
    check(&json!({"output_format": written}), &expected);
}

#[test]
fn every_block_has_its_part() {
    let media = |source, kind: Option<&str>, name: Option<&str>| Media {
        source,
        media_type: kind.map(str::to_owned),
        detail: None,
        name: name.map(str::to_owned),
    };
    let inline = |data: &str| Source::Inline(data.to_owned());
    let seal = |data: &str, is_whole| {
        Some(Seal { vendor: Vendor::Anthropic, is_whole, data: data.to_owned() })
    };
    let thought =
        |words: &str, sealed| Part::Reasoning(Reasoning { text: words.to_owned(), seal: sealed });
    let base64 = json!({"type": "base64", "media_type": "image/png", "data": "AAAA"});
    let image = Part::Image(media(inline("AAAA"), Some("image/png"), None));
    let link = || Source::Link("https://example.com/a.pdf".to_owned());
    let result = |parts, is_error| Part::Returned(Returned { id: "i".to_owned(), parts, is_error });
    let call = Call {
        id: "i".to_owned(),
        name: "f".to_owned(),
        arguments: r#"{"a":1}"#.to_owned(),
        seal: None,
    };
    for (block, expected) in [
        (json!({"type": "text", "text": "a"}), vec![text("a")]),
        (json!({"type": "text", "text": ""}), vec![]),
        (
            json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}),
            vec![text("a"), Part::CachePoint(CacheTime::Usual)],
        ),
        (json!({"type": "image", "source": base64}), vec![image.clone()]),
        (
            json!({"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "foo"}}),
            vec![Part::File(media(inline("Zm9v"), Some("text/plain"), Some("t")))],
        ),
        (
            json!({"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}),
            vec![Part::File(media(link(), None, None))],
        ),
        (
            json!({"type": "thinking", "thinking": "h", "signature": "s"}),
            vec![thought("h", seal("s", false))],
        ),
        (json!({"type": "thinking", "thinking": "h", "signature": ""}), vec![thought("h", None)]),
        (json!({"type": "redacted_thinking", "data": "d"}), vec![thought("", seal("d", true))]),
        (
            json!({"type": "tool_use", "id": "i", "name": "f", "input": {"a": 1}}),
            vec![Part::Call(call)],
        ),
        (json!({"type": "tool_result", "tool_use_id": "i"}), vec![result(vec![], false)]),
        (
            json!({"type": "tool_result", "tool_use_id": "i", "is_error": true, "content": [{"type": "image", "source": base64}]}),
            vec![result(vec![image], true)],
        ),
        (
            json!({"type": "server_tool_use", "id": "s"}),
            vec![Part::Other(json!({"type": "server_tool_use", "id": "s"}))],
        ),
    ] {
        let read =
            reading(&json!({"messages": [{"role": "user", "content": [block]}]}), Purpose::Answer);
        let parts = read.map(|chat| chat.turns[0].parts.clone());
        assert_eq!(parts, Ok(expected), "{block}");
    }
}

#[test]
fn tools_and_choices_are_understood() {
    let schema = || Some(json!({"type": "object"}));
    let own = json!({"type": "web_search_20250305", "name": "w"});
    for (tool, expected) in [
        (
            json!({"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true, "cache_control": {"type": "ephemeral"}}),
            Tool {
                name: "f".to_owned(),
                description: Some("d".to_owned()),
                takes: Takes::Object { schema: schema(), strict: Some(true) },
                cache: Some(CacheTime::Usual),
            },
        ),
        (
            own.clone(),
            Tool {
                name: "w".to_owned(),
                description: None,
                takes: Takes::Hosted(own.clone()),
                cache: None,
            },
        ),
    ] {
        check(&json!({"tools": [tool]}), &Conversation { tools: vec![expected], ..smallest() });
    }
    for (written, tool_choice, parallel_tools) in [
        (json!({"type": "auto"}), ToolChoice::Auto, None),
        (
            json!({"type": "any", "disable_parallel_tool_use": true}),
            ToolChoice::Required,
            Some(false),
        ),
        (json!({"type": "tool", "name": "f"}), ToolChoice::Named("f".to_owned()), None),
        (json!({"type": "none"}), ToolChoice::None, None),
    ] {
        let tool_choice = Some(tool_choice);
        let expected = Conversation { tool_choice, parallel_tools, ..smallest() };
        check(&json!({"tool_choice": written}), &expected);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let message = |message: Value| json!({"messages": [message]});
    let block = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    for (fields, expected) in [
        (json!({"max_tokens": null}), "max_tokens: Field required"),
        (json!({"max_tokens": -1}), "max_tokens: Input should be a valid integer, 0 or more"),
        (json!({"messages": null}), "messages: Field required"),
        (json!({"messages": []}), "messages: at least one message is required"),
        (json!({"messages": 7}), "messages: Input should be a valid list"),
        (
            message(json!({"role": "tool", "content": "x"})),
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        (message(json!({"content": "x"})), "messages.0.role: Field required"),
        (message(json!({"role": "user"})), "messages.0.content: Field required"),
        (
            message(json!({"role": "user", "content": 7})),
            "messages.0.content: Input should be a valid string or list of content blocks",
        ),
        (block(json!({})), "messages.0.content.0.type: Field required"),
        (block(json!({"type": "text"})), "messages.0.content.0.text: Field required"),
        (block(json!({"type": "image"})), "messages.0.content.0.source: Field required"),
        (
            block(json!({"type": "image", "source": {"type": "base64"}})),
            "messages.0.content.0.source.data: Field required",
        ),
        (
            block(json!({"type": "tool_use", "id": "i", "name": "f"})),
            "messages.0.content.0.input: Input should be a valid object",
        ),
        (
            block(json!({"type": "tool_result", "tool_use_id": "i", "content": [{}]})),
            "messages.0.content.0.content.0.type: Field required",
        ),
        (json!({"tools": [{"name": "f"}]}), "tools.0.input_schema: Field required"),
        (
            json!({"tool_choice": {"type": "x"}}),
            "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'",
        ),
        (json!({"thinking": {"type": "enabled"}}), "thinking.budget_tokens: Field required"),
        (
            json!({"thinking": {}}),
            "thinking.type: Input should be 'enabled', 'disabled' or 'adaptive'",
        ),
        (json!({"temperature": "warm"}), "temperature: Input should be a valid number"),
        (json!({"stream": 1}), "stream: Input should be a valid boolean"),
        (json!({"stop_sequences": [1]}), "stop_sequences: Input should be a list of strings"),
        (
            json!({"output_config": {"format": {"type": "xml"}}}),
            "output_config.format.type: Input should be 'json_schema'",
        ),
    ] {
        let error = reading(&fields, Purpose::Answer).expect_err("nonsense");
        let param = expected.split(": ").next().map(str::to_owned);
        assert_eq!((error.message.as_str(), error.param), (expected, param), "{fields}");
    }
    let missing = Fields::read(b"{}").expect("an object");
    let error = read(&missing, Purpose::Answer).expect_err("nothing");
    assert_eq!(error.param.as_deref(), Some("model"));
}

#[test]
fn counting_needs_no_limit() {
    let expected = Conversation { max_tokens: None, ..smallest() };
    assert_eq!(reading(&json!({"max_tokens": null}), Purpose::Count), Ok(expected));
}
