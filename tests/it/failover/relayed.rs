//! What of a good stream reaches the caller, and in which form.

use serde_json::{Value, json};

use crate::support::{Act, Answer, Gateway, Upstream, streamed};

async fn relay(act: Act, body: &Value) -> Answer {
    let a = Upstream::always("a", act).await;
    let gateway = Gateway::with(&[&a], super::impatient).await;
    let answer = gateway.ask(body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.events().last(), Some(&"[DONE]"), "{answer:?}");
    assert_eq!(gateway.state(&a).await, "ready");
    answer
}

async fn check(act: Act, said: &str) -> Answer {
    let answer = relay(act, &streamed("hi")).await;
    assert_eq!(answer.said(), said);
    answer
}

#[tokio::test]
async fn events_are_relayed_as_they_are() {
    let chunk = r#"{"id":"x", "choices":[{"index":0,"delta":{"content":"a"},"logprobs":null}],"x_new":[1.50]}"#;
    let answer = check(Act::stream().event(chunk).finishes().done().end(), "a").await;
    assert_eq!(answer.events()[0], chunk);
    assert_eq!(answer.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn identifiers_names_and_comments_of_a_stream_are_not_relayed() {
    let event = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let dressed =
        format!(": comment\nid: 7\nevent: message\nretry: 1\ndata: {event}\n\n: more\n\n");
    let answer = check(Act::stream().raw(dressed.as_bytes()).finishes().done().end(), "a").await;
    assert!(answer.body.lines().all(|line| line.is_empty() || line.starts_with("data: ")));
}

#[tokio::test]
async fn every_line_end_and_every_split_of_characters_is_read() {
    let text = "é漢🙂";
    let event =
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}");
    for end in ["\n", "\r\n", "\r"] {
        let whole = format!("{event}{end}{end}");
        let pieces = whole.as_bytes().chunks(1);
        let act = pieces.fold(Act::stream(), Act::raw).finishes().done().end();
        check(act, text).await;
    }
}

#[tokio::test]
async fn an_event_over_several_lines_becomes_one_line() {
    let event =
        b"data: {\"choices\":\ndata: [{\"index\":0,\ndata: \"delta\":{\"content\":\"a\"}}]}\n\n";
    check(Act::stream().raw(event).finishes().done().end(), "a").await;
}

#[tokio::test]
async fn one_malformed_event_is_dropped() {
    let act = Act::stream().says("a").event(r#"{"choices":[{"del"#).says("b").finishes();
    let answer = check(act.done().end(), "ab").await;
    assert_eq!(answer.events().len(), 4, "{answer:?}");
}

#[tokio::test]
async fn a_missing_sentinel_is_added() {
    check(Act::stream().says("a").finishes().end(), "a").await;
    check(Act::unframed_stream().says("a").finishes(), "a").await;
    check(Act::stream().says("a").finishes().usage().end(), "a").await;
}

#[tokio::test]
async fn an_answer_that_breaks_after_its_finish_is_whole() {
    check(Act::stream().says("a").finishes(), "a").await;
    check(Act::stream().says("a").finishes().and_reset(), "a").await;
    check(Act::stream().says("a").finishes().and_hang(), "a").await;
}

#[tokio::test]
async fn an_answer_of_no_words_is_an_answer_when_it_says_why_it_ended() {
    check(Act::stream().role().finishes().done().end(), "").await;
}

#[tokio::test]
async fn token_counts_are_asked_of_the_provider_and_given_to_those_who_asked() {
    let act = || Act::stream().says("a").finishes().usage().done().end();
    assert_eq!(relay(act(), &streamed("hi")).await.events().len(), 3);
    for (options, events) in
        [(json!({"include_usage": true}), 4), (json!({"include_usage": false}), 3)]
    {
        let mut body = streamed("hi");
        body["stream_options"] = options;
        assert_eq!(relay(act(), &body).await.events().len(), events);
    }

    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    gateway.ask(&streamed("hi")).await;
    assert_eq!(a.only_call().json()["stream_options"], json!({"include_usage": true}));
}

#[tokio::test]
async fn tool_calls_are_content_and_are_relayed_piece_by_piece() {
    let call = |delta: &str| {
        format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{delta}]}}}}]}}"#)
    };
    let pieces = [
        call(r#"{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}"#),
        call(r#"{"index":0,"function":{"arguments":"{\"a\": "}}"#),
        call(r#"{"index":0,"function":{"arguments":"1}"}}"#),
    ];
    let act = pieces.iter().fold(Act::stream().role(), |act, piece| act.event(piece));
    let answer = check(act.finishes().done().end(), "").await;
    assert_eq!(answer.events()[1..4], pieces);
}

#[tokio::test]
async fn text_that_looks_like_the_end_of_a_stream_stays_text() {
    let text = "\r\n\r\ndata: [DONE]\n\nevent: error\0";
    check(Act::stream().says(text).finishes().done().end(), text).await;
}
