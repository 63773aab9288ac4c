//! What conversations become, and what is lost.

use serde_json::{Number, Value, json};

use super::write;
use crate::chat::{
    CacheTime, Call, Conversation, Effort, Format, Media, Part, Reasoning, Returned, Sampling,
    Seal, Source, Speaker, Takes, Thinking, Tool, ToolChoice, Turn, Vendor,
};
use crate::config::{Links, Manner, PrefillManner, SchemaManner, ThinkingManner};
use crate::provider::Recipient;

const HARD: Thinking = Thinking { effort: Some(Effort::High), budget_tokens: None };

fn text(words: &str) -> Part {
    Part::Text(words.to_owned())
}

fn said(speaker: Speaker, parts: Vec<Part>) -> Turn {
    Turn::new(speaker, parts)
}

fn user(words: &str) -> Turn {
    said(Speaker::User, vec![text(words)])
}

fn model(words: &str) -> Turn {
    said(Speaker::Assistant, vec![text(words)])
}

fn asked() -> Conversation {
    Conversation { turns: vec![user("x")], ..Conversation::default() }
}

fn call(id: &str, arguments: &str) -> Part {
    Part::Call(Call {
        id: id.to_owned(),
        name: "wx".to_owned(),
        arguments: arguments.to_owned(),
        seal: None,
    })
}

fn result(id: &str, words: &str) -> Part {
    Part::Returned(Returned { id: id.to_owned(), parts: vec![text(words)], is_error: false })
}

fn tool(name: &str) -> Tool {
    let takes = Takes::Object { schema: Some(json!({"type": "object"})), strict: None };
    Tool { name: name.to_owned(), description: None, takes, cache: None }
}

fn written(chat: &Conversation, manner: &Manner) -> (Value, String) {
    let to = Recipient { model: "m", manner, max_output: Some(64_000), default_max_tokens: None };
    let written = write(chat, &to).expect("something to say");
    (Value::Object(written.body), written.losses.to_string())
}

/// The fields that a conversation adds to the smallest request, and the losses.
fn check_with(manner: &Manner, chat: &Conversation, expected: &Value, losses: &str) {
    let (mut body, lost) = written(chat, manner);
    let (smallest, _) = written(&asked(), &Manner::default());
    let fields = body.as_object_mut().expect("an object");
    fields.retain(|name, value| smallest.get(name) != Some(value));
    assert_eq!((&body, lost.as_str()), (expected, losses), "{chat:?}");
}

fn check(chat: &Conversation, expected: &Value, losses: &str) {
    check_with(&Manner::default(), chat, expected, losses);
}

/// The turns as they are written, without `system`.
fn check_turns(turns: Vec<Turn>, expected: &Value, losses: &str) {
    let (body, lost) =
        written(&Conversation { turns, ..Conversation::default() }, &Manner::default());
    assert_eq!((&body["messages"], lost.as_str()), (expected, losses));
}

#[test]
fn the_smallest_request_has_a_limit() {
    let (body, losses) = written(&asked(), &Manner::default());
    let content = json!([{"type": "text", "text": "x"}]);
    let messages = json!([{"role": "user", "content": content}]);
    assert_eq!(body, json!({"model": "m", "max_tokens": 4096, "messages": messages}));
    assert_eq!(losses, "");
    for (asked_for, usual, most, expected) in [
        (Some(9), Some(7), Some(5), 5),
        (Some(9), Some(7), None, 9),
        (None, Some(7), Some(5), 5),
        (None, Some(7), None, 7),
        (None, None, Some(1000), 1000),
    ] {
        let chat = Conversation { max_tokens: asked_for, ..asked() };
        let manner = Manner::default();
        let to =
            Recipient { model: "m", manner: &manner, max_output: most, default_max_tokens: usual };
        let limited = write(&chat, &to).expect("something to say").body;
        assert_eq!(limited["max_tokens"], json!(expected), "{asked_for:?} {usual:?} {most:?}");
    }
}

#[test]
fn nothing_cannot_be_said() {
    let manner = Manner::default();
    let to = Recipient { model: "m", manner: &manner, max_output: None, default_max_tokens: None };
    let error = write(&Conversation::default(), &to).expect_err("nothing");
    assert_eq!(error.param, "messages");
}

#[test]
fn a_tool_loop_is_written_as_documented() {
    let chat = Conversation {
        turns: vec![
            said(Speaker::System, vec![text("Be brief.")]),
            user("Weather in Oslo and Rome?"),
            said(
                Speaker::Assistant,
                vec![call("call_a", r#"{"c":"Oslo"}"#), call("call_b", r#"{"c":"Rome"}"#)],
            ),
            said(Speaker::User, vec![result("call_a", "3C"), result("call_b", "15C")]),
        ],
        tools: vec![tool("wx")],
        tool_choice: Some(ToolChoice::Required),
        parallel_tools: Some(false),
        max_tokens: Some(900),
        ..Conversation::default()
    };
    let use_of = |id: &str, city: &str| json!({"type": "tool_use", "id": id, "name": "wx", "input": {"c": city}});
    let result_of =
        |id: &str, words: &str| json!({"type": "tool_result", "tool_use_id": id, "content": words});
    let expected = json!({
        "max_tokens": 900,
        "system": [{"type": "text", "text": "Be brief."}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "tools": [{"name": "wx", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Weather in Oslo and Rome?"}]},
            {"role": "assistant", "content": [use_of("call_a", "Oslo"), use_of("call_b", "Rome")]},
            {"role": "user", "content": [result_of("call_a", "3C"), result_of("call_b", "15C")]},
        ],
    });
    check(&chat, &expected, "");
}

#[test]
fn speakers_take_turns_and_the_user_begins() {
    let block = |words: &str| json!({"type": "text", "text": words});
    check_turns(
        vec![model("hello"), user("a"), user(" "), user("b"), model("c"), user("d")],
        &json!([
            {"role": "user", "content": [block(".")]},
            {"role": "assistant", "content": [block("hello")]},
            {"role": "user", "content": [block("a"), block("b")]},
            {"role": "assistant", "content": [block("c")]},
            {"role": "user", "content": [block("d")]},
        ]),
        "",
    );
    let system = || said(Speaker::System, vec![text("s")]);
    check_turns(vec![system()], &json!([{"role": "user", "content": [block(".")]}]), "");
    // Results stand first, whatever was said before them.
    check_turns(
        vec![
            user("a"),
            said(Speaker::Assistant, vec![call("i", "{}")]),
            system(),
            said(Speaker::User, vec![result("i", "r"), text("b")]),
        ],
        &json!([
            {"role": "user", "content": [block("a")]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "i", "name": "wx", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "i", "content": "r"},
                block("<system>\ns\n</system>"),
                block("b"),
            ]},
        ]),
        "messages[2] emulated",
    );
}

#[test]
fn a_beginning_of_an_answer_ends_without_space() {
    let block = |words: &str| json!({"type": "text", "text": words});
    let turns = vec![user("a"), model("{ \n")];
    check_turns(
        turns.clone(),
        &json!([
            {"role": "user", "content": [block("a")]},
            {"role": "assistant", "content": [block("{")]},
        ]),
        "",
    );
    let manner = Manner { prefill: PrefillManner::Refused, ..Manner::default() };
    let (body, losses) = written(&Conversation { turns, ..Conversation::default() }, &manner);
    assert_eq!(body["messages"][2]["role"], "user");
    assert_eq!(losses, "messages[1] emulated");
}

#[test]
fn only_thoughts_with_this_vendors_seal_go_back() {
    let thought = |vendor: Option<Vendor>, is_whole| {
        let seal = vendor.map(|vendor| Seal { vendor, is_whole, data: "s".to_owned() });
        Part::Reasoning(Reasoning { text: "hm".to_owned(), seal })
    };
    let parts = vec![
        thought(None, false),
        thought(Some(Vendor::Google), false),
        thought(Some(Vendor::OpenAi), true),
        thought(Some(Vendor::Anthropic), false),
        thought(Some(Vendor::Anthropic), true),
        text("y"),
    ];
    check_turns(
        vec![user("x"), said(Speaker::Assistant, parts)],
        &json!([
            {"role": "user", "content": [{"type": "text", "text": "x"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "redacted_thinking", "data": "s"},
                {"type": "text", "text": "y"},
            ]},
        ]),
        "",
    );
    // A turn of which nothing is left is no turn.
    check_turns(
        vec![user("x"), said(Speaker::Assistant, vec![thought(None, false)]), user("y")],
        &json!([{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]}]),
        "",
    );
}

#[test]
fn media_are_shown_or_lost_by_name() {
    let media = |source: Source, kind: Option<&str>| Media {
        source,
        media_type: kind.map(str::to_owned),
        detail: None,
        name: None,
    };
    let inline = |data: &str| Source::Inline(data.to_owned());
    let link = || Source::Link("https://example.com/a".to_owned());
    let stored = |id: &str| Source::Stored(id.to_owned());
    let base64 =
        |kind: &str, data: &str| json!({"type": "base64", "media_type": kind, "data": data});
    let url = json!({"type": "url", "url": "https://example.com/a"});
    let image = |source: Value| json!({"type": "image", "source": source});
    let document = |source: Value| json!({"type": "document", "source": source});
    let plain = json!({"type": "text", "media_type": "text/plain", "data": "foo"});
    for (part, expected) in [
        (
            Part::Image(media(inline("iVBORw0KGgoA"), Some("image/jpeg"))),
            image(base64("image/png", "iVBORw0KGgoA")),
        ),
        (
            Part::Image(media(inline("AAAA"), Some("image/jpg"))),
            image(base64("image/jpeg", "AAAA")),
        ),
        (Part::Image(media(link(), None)), image(url.clone())),
        (
            Part::Image(media(stored("file_1"), None)),
            image(json!({"type": "file", "file_id": "file_1"})),
        ),
        (Part::File(media(inline("AAAA"), None)), document(base64("application/pdf", "AAAA"))),
        (Part::File(media(inline("Zm9v"), Some("text/csv"))), document(plain)),
        (Part::File(media(link(), None)), document(url)),
        (Part::Other(json!({"type": "search_result"})), json!({"type": "search_result"})),
    ] {
        let chat = Conversation { turns: vec![said(Speaker::User, vec![part])], ..asked() };
        let (body, losses) = written(&chat, &Manner::default());
        assert_eq!((&body["messages"][0]["content"][0], losses.as_str()), (&expected, ""));
    }
    let lost = [
        Part::Image(media(inline("AAAA"), Some("image/svg+xml"))),
        Part::Image(media(stored("file-1"), None)),
        Part::File(media(inline("AAAA"), Some("application/msword"))),
        Part::Audio(media(inline("AAAA"), Some("audio/wav"))),
        Part::Other(json!({"type": "hologram"})),
        call("i", "{}"),
    ];
    for part in lost {
        let chat =
            Conversation { turns: vec![said(Speaker::User, vec![text("x"), part])], ..asked() };
        check(&chat, &json!({}), "messages[0].content[1] dropped");
    }
    let manner = Manner { links: Links::Refused, ..Manner::default() };
    let parts = vec![text("x"), Part::Image(media(link(), None))];
    let chat = Conversation { turns: vec![said(Speaker::User, parts)], ..asked() };
    check_with(&manner, &chat, &json!({}), "messages[0].content[1] dropped");
}

#[test]
fn settings_are_kept_brought_into_range_or_lost_by_name() {
    let number = |text: &str| text.parse::<Number>().ok();
    let with = |sampling: Sampling| Conversation { sampling, ..asked() };
    let none = Sampling::default;
    check(
        &with(Sampling { temperature: number("0.70"), ..none() }),
        &json!({"temperature": 0.70}),
        "",
    );
    check(
        &with(Sampling { temperature: number("1.5"), ..none() }),
        &json!({"temperature": 1}),
        "temperature clamped",
    );
    check(
        &with(Sampling {
            temperature: number("0.5"),
            top_p: number("0.9"),
            top_k: Some(5),
            ..none()
        }),
        &json!({"temperature": 0.5, "top_k": 5}),
        "top_p dropped",
    );
    check(&with(Sampling { top_p: number("0.9"), ..none() }), &json!({"top_p": 0.9}), "");
    check(
        &with(Sampling { stop: vec!["a".to_owned(), "\n".to_owned()], ..none() }),
        &json!({"stop_sequences": ["a"]}),
        "stop dropped",
    );
    let all = Sampling {
        presence_penalty: number("0.1"),
        frequency_penalty: number("0"),
        seed: Some(1),
        choices: Some(2),
        logprobs: Some(true),
        ..none()
    };
    let lost = "presence_penalty dropped, seed dropped, n dropped, logprobs dropped";
    check(&with(all), &json!({}), lost);
    let harmless = Sampling { choices: Some(1), logprobs: Some(false), ..none() };
    check(&with(harmless), &json!({}), "");
    check(&Conversation { stream: true, ..asked() }, &json!({"stream": true}), "");
}

#[test]
fn every_other_field_is_known_or_lost_by_name() {
    for (name, value, expected, losses) in [
        ("user", json!("u"), json!({"metadata": {"user_id": "u"}}), ""),
        ("safety_identifier", json!("u"), json!({"metadata": {"user_id": "u"}}), ""),
        (
            "metadata",
            json!({"user_id": "u", "a": "b"}),
            json!({"metadata": {"user_id": "u"}}),
            "metadata dropped",
        ),
        ("service_tier", json!("default"), json!({"service_tier": "standard_only"}), ""),
        ("service_tier", json!("flex"), json!({}), "service_tier dropped"),
        ("container", json!("c"), json!({"container": "c"}), ""),
        ("thinking", json!({"type": "adaptive"}), json!({"thinking": {"type": "adaptive"}}), ""),
        ("thinking", json!({"type": "enabled"}), json!({}), "thinking dropped"),
        (
            "output_config",
            json!({"task_budget": 1}),
            json!({"output_config": {"task_budget": 1}}),
            "",
        ),
        ("prompt_cache_key", json!("k"), json!({}), ""),
        ("store", json!(false), json!({}), ""),
        ("logit_bias", json!({}), json!({}), ""),
        ("logit_bias", json!({"1": 2}), json!({}), "logit_bias dropped"),
        ("x_new", json!(0), json!({}), "x_new dropped"),
    ] {
        let others = vec![(name.to_owned(), value)];
        check(&Conversation { others, ..asked() }, &expected, losses);
    }
}

#[test]
fn tools_and_choices_keep_their_meaning() {
    let written_tool = |name: &str| json!({"name": name, "input_schema": {"type": "object"}});
    let both = || vec![tool("f"), tool("g")];
    let tools = json!([written_tool("f"), written_tool("g")]);
    for (choice, expected) in [
        (ToolChoice::Auto, json!({"type": "auto"})),
        (ToolChoice::None, json!({"type": "none"})),
        (ToolChoice::Required, json!({"type": "any"})),
        (ToolChoice::Named("f".to_owned()), json!({"type": "tool", "name": "f"})),
    ] {
        let chat = Conversation { tools: both(), tool_choice: Some(choice), ..asked() };
        check(&chat, &json!({"tools": tools, "tool_choice": expected}), "");
    }
    let among = ToolChoice::Among { names: vec!["g".to_owned()], required: true };
    check(
        &Conversation { tools: both(), tool_choice: Some(among), ..asked() },
        &json!({"tools": [written_tool("g")], "tool_choice": {"type": "any"}}),
        "",
    );
    check(
        &Conversation { tools: both(), parallel_tools: Some(false), ..asked() },
        &json!({"tools": tools, "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
        "",
    );
    let lost = "tool_choice dropped";
    check(&Conversation { tool_choice: Some(ToolChoice::Required), ..asked() }, &json!({}), lost);
    let of = |takes| vec![Tool { takes, cache: Some(CacheTime::Hour), ..tool("f") }];
    let hour = json!({"type": "ephemeral", "ttl": "1h"});
    let own = json!({"type": "web_search_20250305", "name": "f"});
    for (takes, expected, losses) in [
        (
            Takes::Object { schema: None, strict: Some(false) },
            json!({"tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}, "cache_control": hour}]}),
            "",
        ),
        (
            Takes::Hosted(own),
            json!({"tools": [{"type": "web_search_20250305", "name": "f", "cache_control": hour}]}),
            "",
        ),
        (Takes::Hosted(json!({"type": "web_search"})), json!({}), "tools[0] dropped"),
        (Takes::Text(None), json!({}), "tools[0] dropped"),
    ] {
        check(&Conversation { tools: of(takes), ..asked() }, &expected, losses);
    }
    // Calls of the past are refused without tools.
    let turns = vec![
        user("x"),
        said(Speaker::Assistant, vec![call("i", "{}")]),
        said(Speaker::User, vec![result("i", "r")]),
    ];
    let (body, losses) =
        written(&Conversation { turns, ..Conversation::default() }, &Manner::default());
    let open = json!({"type": "object", "properties": {}});
    assert_eq!(body["tools"], json!([{"name": "wx", "input_schema": open}]));
    assert_eq!((&body["tool_choice"], losses.as_str()), (&json!({"type": "none"}), ""));
}

#[test]
fn calls_with_bad_ids_and_arguments_are_still_written() {
    let turns = vec![
        user("x"),
        said(Speaker::Assistant, vec![call("a.b", "{\"c\":"), call("c", "")]),
        said(Speaker::User, vec![result("a.b", "r"), result("c", "")]),
    ];
    let (body, _) = written(&Conversation { turns, ..Conversation::default() }, &Manner::default());
    let blocks = &body["messages"][1]["content"];
    assert_eq!(blocks[0]["input"], json!({"input": "{\"c\":"}));
    assert_eq!(blocks[1]["input"], json!({}));
    let id = blocks[0]["id"].as_str().expect("an id");
    assert!(id.starts_with("toolu_") && !id.contains('.'), "{id}");
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], id);
}

#[test]
fn a_schema_binds_as_the_model_allows() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}});
    let format = Format::Schema {
        name: "n".to_owned(),
        description: None,
        schema: schema.clone(),
        strict: Some(true),
    };
    let chat = Conversation { format, ..asked() };
    let closed = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {"a": {"type": "integer", "description": "(minimum: 1)"}},
    });
    let native = json!({"output_config": {"format": {"type": "json_schema", "schema": closed}}});
    check(&chat, &native, "response_format emulated");
    let manner = |by| Manner { schema: by, ..Manner::default() };
    let (body, losses) = written(&chat, &manner(SchemaManner::Tool));
    assert_eq!(body["tools"][0]["input_schema"], schema);
    let choice =
        json!({"type": "tool", "name": "semroute_answer", "disable_parallel_tool_use": true});
    assert_eq!((&body["tool_choice"], losses.as_str()), (&choice, "response_format emulated"));
    let with_tools = Conversation { tools: vec![tool("f")], ..chat.clone() };
    let (both, _) = written(&with_tools, &manner(SchemaManner::Tool));
    assert_eq!(both["tool_choice"], json!({"type": "any"}));
    assert_eq!(both["tools"].as_array().map(Vec::len), Some(2));
    for (asked_for, by) in [
        (&chat, SchemaManner::Words),
        (&Conversation { format: Format::Json, ..asked() }, SchemaManner::Native),
    ] {
        let (told, lost) = written(asked_for, &manner(by));
        let words = told["system"][0]["text"].as_str().expect("instructions");
        assert!(words.contains("one JSON object") && lost == "response_format emulated", "{words}");
    }
}

#[test]
fn thinking_is_asked_for_as_the_model_wants() {
    let with = |effort, budget_tokens| Conversation {
        thinking: Thinking { effort, budget_tokens },
        ..asked()
    };
    let by_effort =
        |word: &str| json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": word}});
    check(&with(Some(Effort::High), None), &by_effort("high"), "");
    check(&with(Some(Effort::Minimal), None), &by_effort("low"), "reasoning_effort clamped");
    check(&with(None, Some(5_000)), &by_effort("medium"), "thinking_budget emulated");
    check(&with(Some(Effort::None), None), &json!({"thinking": {"type": "disabled"}}), "");
    let budget = Manner { thinking: ThinkingManner::Budget, ..Manner::default() };
    let enabled = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    for (effort, tokens, limit, expected, losses) in [
        (
            Some(Effort::Low),
            None,
            None,
            json!({"thinking": enabled(2_048), "max_tokens": 6_144}),
            "",
        ),
        (None, Some(10), None, json!({"thinking": enabled(1_024), "max_tokens": 5_120}), ""),
        (
            None,
            Some(3_000),
            Some(2_000),
            json!({"thinking": enabled(1_999), "max_tokens": 2_000}),
            "thinking_budget clamped",
        ),
        (
            Some(Effort::High),
            None,
            Some(1_000),
            json!({"max_tokens": 1_000}),
            "reasoning_effort dropped",
        ),
        (Some(Effort::None), None, None, json!({}), ""),
    ] {
        let chat = Conversation { max_tokens: limit, ..with(effort, tokens) };
        check_with(&budget, &chat, &expected, losses);
    }
    let none = Manner { thinking: ThinkingManner::None, ..Manner::default() };
    check_with(&none, &with(Some(Effort::Low), None), &json!({}), "reasoning_effort dropped");
}

#[test]
fn settings_that_do_not_go_with_thinking_are_left_out() {
    let sampling = Sampling {
        temperature: "0.5".parse().ok(),
        top_p: "1".parse().ok(),
        top_k: Some(3),
        ..Sampling::default()
    };
    let (body, losses) =
        written(&Conversation { thinking: HARD, sampling, ..asked() }, &Manner::default());
    assert!(body.get("temperature").is_none() && body.get("top_k").is_none(), "{body}");
    assert_eq!(losses, "temperature dropped, top_k dropped");
}

#[test]
fn a_tool_that_has_to_be_called_binds_more_than_thinking() {
    let chat = Conversation {
        thinking: HARD,
        tools: vec![tool("f")],
        tool_choice: Some(ToolChoice::Required),
        ..asked()
    };
    let (body, losses) = written(&chat, &Manner::default());
    assert!(body.get("thinking").is_none(), "{body}");
    assert_eq!(losses, "reasoning_effort emulated");
}

#[test]
fn a_loop_of_calls_that_another_model_began_goes_on_without_thinking() {
    let turns = vec![
        user("x"),
        said(Speaker::Assistant, vec![call("i", "{}")]),
        said(Speaker::User, vec![result("i", "r")]),
    ];
    let budget = Manner { thinking: ThinkingManner::Budget, ..Manner::default() };
    let tools = vec![tool("wx")];
    let chat = Conversation { turns, thinking: HARD, tools, ..Conversation::default() };
    let (body, losses) = written(&chat, &budget);
    assert!(body.get("thinking").is_none(), "{body}");
    assert_eq!(losses, "reasoning_effort dropped");
    assert_eq!(written(&chat, &Manner::default()).0["thinking"], json!({"type": "adaptive"}));
}

#[test]
fn the_last_four_marks_for_the_cache_are_kept() {
    let parts = (0..3).flat_map(|_| [text("x"), Part::CachePoint(CacheTime::Usual)]).collect();
    let chat = Conversation {
        turns: vec![
            said(Speaker::System, vec![text("s"), Part::CachePoint(CacheTime::Hour)]),
            said(Speaker::User, parts),
        ],
        tools: vec![Tool { cache: Some(CacheTime::Usual), ..tool("f") }],
        ..Conversation::default()
    };
    let (body, losses) = written(&chat, &Manner::default());
    let marks = |value: &Value| value.to_string().matches("cache_control").count();
    let marks = [&body["tools"], &body["system"], &body["messages"]].map(marks);
    assert_eq!((marks, losses.as_str()), ([0, 1, 3], ""));
    assert_eq!(body["system"][0]["cache_control"]["ttl"], "1h");
}
