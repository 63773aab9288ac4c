//! What is written for the vendor is read back as what it was, and an answer too.
//!
//! Conversations here are in the form that writing gives them: speakers take turns, the user first, results before words, no empty
//! parts, at most four marks for the cache.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Emitter, Purpose, message, read};
use crate::chat::{
    Answer, CacheTime, Call, Choice, Conversation, Effort, Event, Fields, Finish, Format, Media,
    Part, Reasoning, Returned, Sampling, Seal, Source, Speaker, Takes, Thinking, Tool, ToolChoice,
    Turn, Usage, Vendor,
};
use crate::config::Manner;
use crate::provider::{Frame, Progress, Recipient, anthropic};

fn words() -> impl Strategy<Value = String> {
    "[a-z\"\\\\é日]{1,6}"
}

fn text() -> impl Strategy<Value = Part> {
    words().prop_map(Part::Text)
}

fn media() -> impl Strategy<Value = Part> {
    let of = |source, kind: Option<&str>, name| Media {
        source,
        media_type: kind.map(str::to_owned),
        detail: None,
        name,
    };
    let link = || Source::Link("https://example.com/a".to_owned());
    prop_oneof![
        Just(Part::Image(of(Source::Inline("iVBORw0KGgoA".to_owned()), Some("image/png"), None))),
        Just(Part::Image(of(link(), None, None))),
        Just(Part::Image(of(Source::Stored("file_1".to_owned()), None, None))),
        Just(Part::File(of(Source::Inline("AAAA".to_owned()), Some("application/pdf"), None))),
        words().prop_map(move |name| {
            Part::File(of(Source::Inline("Zm9v".to_owned()), Some("text/plain"), Some(name)))
        }),
    ]
}

fn seal() -> impl Strategy<Value = Reasoning> {
    let of = |is_whole, data| Some(Seal { vendor: Vendor::Anthropic, is_whole, data });
    prop_oneof![
        (words(), words()).prop_map(move |(text, data)| Reasoning { text, seal: of(false, data) }),
        words().prop_map(move |data| Reasoning { text: String::new(), seal: of(true, data) }),
    ]
}

fn call() -> impl Strategy<Value = Part> {
    ("[a-z0-9_-]{1,9}", words(), words()).prop_map(|(id, name, value)| {
        let arguments = json!({ "a": value }).to_string();
        Part::Call(Call { id, name, arguments, seal: None })
    })
}

fn user_turn() -> impl Strategy<Value = Turn> {
    let result = (
        "[a-z0-9_-]{1,9}",
        prop::collection::vec(prop_oneof![text(), media()], 0..3),
        any::<bool>(),
    );
    let result =
        result.prop_map(|(id, parts, is_error)| Part::Returned(Returned { id, parts, is_error }));
    let said = prop::collection::vec(prop_oneof![text(), media()], 1..3);
    (prop::collection::vec(result, 0..3), said).prop_map(|(mut parts, said)| {
        parts.extend(said);
        Turn::new(Speaker::User, parts)
    })
}

fn model_turn() -> impl Strategy<Value = Turn> {
    let thoughts = prop::collection::vec(seal().prop_map(Part::Reasoning), 0..2);
    let said = prop::collection::vec(prop_oneof![text(), call()], 1..3);
    (thoughts, said).prop_map(|(mut parts, said)| {
        parts.extend(said);
        Turn::new(Speaker::Assistant, parts)
    })
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let system = prop::option::of((words(), prop::option::of(Just(CacheTime::Hour))));
    let pairs = prop::collection::vec((user_turn(), model_turn()), 0..3);
    (system, pairs, user_turn()).prop_map(|(system, pairs, last)| {
        let system = system.map(|(text, mark)| {
            let mut parts = vec![Part::Text(text)];
            parts.extend(mark.map(Part::CachePoint));
            Turn::new(Speaker::System, parts)
        });
        let pairs = pairs.into_iter().flat_map(|(user, model)| [user, model]);
        system.into_iter().chain(pairs).chain([last]).collect()
    })
}

fn tool() -> impl Strategy<Value = Tool> {
    let cache = prop::option::of(Just(CacheTime::Usual));
    (words(), prop::option::of(words()), cache).prop_map(|(name, description, cache)| {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        let takes = Takes::Object { schema: Some(schema), strict: None };
        Tool { name, description, takes, cache }
    })
}

fn thinking() -> impl Strategy<Value = Thinking> {
    let efforts =
        vec![None, Some(Effort::None), Some(Effort::Low), Some(Effort::High), Some(Effort::Max)];
    prop::sample::select(efforts).prop_map(|effort| Thinking { effort, budget_tokens: None })
}

fn settings() -> impl Strategy<Value = Conversation> {
    let format = prop_oneof![
        Just(Format::Text),
        Just(Format::Schema {
            name: "answer".to_owned(),
            description: None,
            schema: json!({"type": "object", "additionalProperties": false}),
            strict: Some(true),
        }),
    ];
    let choice = prop::sample::select(vec![None, Some(ToolChoice::Auto), Some(ToolChoice::None)]);
    let tools = prop::collection::vec(tool(), 1..3);
    (format, choice, tools, thinking(), any::<bool>(), prop::option::of(words())).prop_map(
        |(format, tool_choice, tools, thinking, stream, user)| Conversation {
            format,
            tools,
            tool_choice,
            thinking,
            stream,
            sampling: Sampling { stop: vec!["s".to_owned()], ..Sampling::default() },
            others: user.map(|user| ("user".to_owned(), Value::String(user))).into_iter().collect(),
            max_tokens: Some(900),
            ..Conversation::default()
        },
    )
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![text(), call(), seal().prop_map(Part::Reasoning)]
}

/// Texts that follow each other are one text once they have come in pieces.
fn apart(parts: Vec<Part>) -> Vec<Part> {
    let mut apart: Vec<Part> = Vec::new();
    for part in parts {
        let joins = matches!((apart.last(), &part), (Some(Part::Text(_)), Part::Text(_)));
        apart.extend(Some(part).filter(|_| !joins));
    }
    apart
}

fn answer() -> impl Strategy<Value = Answer> {
    (prop::collection::vec(part(), 1..5), 0_u64..99).prop_map(|(parts, tokens)| {
        let parts = apart(parts);
        let calls = parts.iter().any(|part| matches!(part, Part::Call(_)));
        let finish = if calls { Finish::ToolCalls } else { Finish::Stop };
        let usage = Usage {
            prompt_tokens: tokens + 30,
            completion_tokens: tokens,
            cached_tokens: Some(20),
            cache_write_tokens: Some(10),
            reasoning_tokens: Some(1),
        };
        Answer {
            id: Some("msg_1".to_owned()),
            model: Some("m".to_owned()),
            choices: vec![Choice { parts, finish: Some(finish) }],
            usage: Some(usage),
        }
    })
}

proptest! {
    #[test]
    fn conversations_come_back(turns in turns(), settings in settings()) {
        let chat = Conversation { turns, ..settings };
        let manner = Manner::default();
        let to = Recipient { model: "m", manner: &manner, max_output: None, default_max_tokens: None };
        let written = anthropic::write(&chat, &to).expect("something to say");
        prop_assert!(written.losses.is_empty(), "{}", written.losses);
        let body = Value::Object(written.body).to_string();
        let fields = Fields::read(body.as_bytes()).expect("an object");
        let (model, found) = read(&fields, Purpose::Answer).expect("a good body");
        prop_assert_eq!((model.as_str(), found), ("m", chat));
    }

    #[test]
    fn whole_answers_come_back(answer in answer()) {
        let written = message(&answer, "r1", "auto").to_string();
        prop_assert_eq!(anthropic::answer(&written).expect("an answer"), answer);
    }

    #[test]
    fn streamed_answers_come_back(answer in answer()) {
        let (mut emitter, mut out) = (Emitter::new("r1", "auto"), String::new());
        let events: Vec<Event> = answer.clone().into_events();
        events.iter().for_each(|event| emitter.events(std::slice::from_ref(event), &mut out));
        emitter.end(&mut out);
        let (mut reading, mut found) = (anthropic::Reading::default(), Answer::default());
        for frame in out.split_terminator("\n\n") {
            let data = frame.split_once("data: ").expect("data").1.to_owned();
            match reading.read(&Frame { name: None, data }).expect("a good event") {
                Progress::Events(more) => more.into_iter().for_each(|event| found.add(event)),
                Progress::Done => {}
            }
        }
        prop_assert_eq!(found, answer);
    }
}
