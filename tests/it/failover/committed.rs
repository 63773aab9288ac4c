//! Streams that fail after their first content: the caller is told in the stream, and nobody else is asked.

use serde_json::{Value, json};

use crate::support::{Act, Answer, Gateway, Upstream, streamed};

/// The answer begins with "one two " and then goes wrong.
async fn break_off(name: &str, act: impl FnOnce(Act) -> Act) -> (Answer, Value) {
    println!("{name}");
    let begun = Act::stream().role().says("one ").says("two ");
    let a = Upstream::always("a", act(begun)).await;
    let b = Upstream::start("b").await;
    let gateway = Gateway::with(&[&a, &b], super::impatient).await;
    let answer = gateway.ask(&streamed("hi")).await;
    assert_eq!((answer.status, answer.said().as_str()), (200, "one two "));
    assert_eq!(answer.header("x-semroute-target"), "a/model-a");
    assert_eq!((a.call_count(), b.call_count()), (1, 0));
    assert_ne!(gateway.state(&a).await, "ready");
    let events = answer.events();
    assert!(!events.contains(&"[DONE]"), "{answer:?}");
    let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
    let error = last["error"].clone();
    assert_eq!((&error["type"], &error["param"]), (&json!("upstream_error"), &Value::Null));
    assert_eq!(error["code"], "stream_interrupted");
    (answer, error)
}

#[tokio::test]
async fn a_broken_connection_is_told_in_the_stream() {
    break_off("cut", |act| act).await;
    break_off("reset", Act::and_reset).await;
    break_off("ended well but too early", Act::end).await;
    break_off("cut inside an event", |act| act.raw(b"data: {\"choices\":[{").end()).await;
}

#[tokio::test]
async fn a_connection_that_just_ends_is_told_in_the_stream() {
    let a = Upstream::always("a", Act::unframed_stream().says("one ")).await;
    let gateway = Gateway::with(&[&a], super::impatient).await;
    for _ in 0..3 {
        let answer = gateway.ask(&streamed("hi")).await;
        assert!(!answer.body.contains("[DONE]") && answer.body.contains("stream_interrupted"));
    }
    assert_eq!(gateway.state(&a).await, "failing");
}

#[tokio::test]
async fn a_stalled_stream_is_told_in_the_stream() {
    let (_, error) = break_off("stalled", Act::and_hang).await;
    assert!(error["message"].as_str().unwrap().contains("idle_timeout"), "{error}");
    let tick = std::time::Duration::from_millis(40);
    let comments = |act: Act| (0..50).fold(act, |act, _| act.raw(b": keep-alive\n\n").wait(tick));
    break_off("only comments", |act| comments(act).finishes().done().end()).await;
}

#[tokio::test]
async fn a_sentinel_without_a_finish_reason_is_no_end() {
    break_off("sentinel", |act| act.done().end()).await;
}

#[tokio::test]
async fn a_choice_cut_short_is_no_end_although_another_one_is_complete() {
    let both = br#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{"content":"t"}}]}"#;
    break_off("one of two", |act| act.raw(both).raw(b"\n\n").done().end()).await;
}

#[tokio::test]
async fn an_error_event_is_told_in_the_providers_words() {
    let event = |code: &str| format!(r#"{{"error":{{"message":"GPU on fire","code":{code}}}}}"#);
    for code in ["null", r#""server_error""#, "503"] {
        let (_, error) = break_off("error event", |act| act.event(&event(code)).end()).await;
        assert!(error["message"].as_str().unwrap().contains("GPU on fire"), "{error}");
    }
}

#[tokio::test]
async fn an_error_event_after_the_finish_reason_is_still_an_error() {
    for code in ["null", "503"] {
        let event = format!(r#"{{"error":{{"message":"too late","code":{code}}}}}"#);
        break_off("error event", |act| act.finishes().event(&event).done().end()).await;
    }
}

#[tokio::test]
async fn a_key_in_the_providers_words_is_not_passed_on() {
    for code in ["null", "401", r#""invalid_api_key""#] {
        let event = format!(r#"{{"error":{{"message":"bad key key-of-a!","code":{code}}}}}"#);
        let (answer, _) = break_off("error event", |act| act.event(&event).end()).await;
        assert!(!answer.body.contains("key-of-a"), "{answer:?}");
    }
}

#[tokio::test]
async fn an_event_that_never_ends_is_told_in_the_stream() {
    let megabyte = vec![b'a'; 1024 * 1024];
    break_off("endless", |act| (0..9).fold(act, |act, _| act.raw(&megabyte)).and_hang()).await;
}

#[tokio::test]
async fn a_tool_call_cut_inside_its_arguments_is_never_completed_by_another_target() {
    let call = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{\"a"}}]}}]}"#;
    let (answer, _) = break_off("tool call", |act| act.event(call).end()).await;
    assert_eq!(answer.events()[3], call);
}
