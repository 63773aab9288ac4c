//! F21 to F38: what providers do to their answers.

use serde_json::{Value, json};

use super::{asked, by_default, with_timers};
use crate::support::{Act, Answer, Gateway, Upstream, chat, streamed};

const HTML: &[(&str, &str)] = &[("content-type", "text/html")];
const MEGABYTE: usize = 1024 * 1024;
/// A whole answer that says "bomb", in gzip.
const BOMB: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x0d\xc8\x31\x0a\x80\x30\x10\x44\xd1\xbb\x4c\x9d\xc2\x3a\x57\x11\x91\x18\x57\x5d\x30\xbb\xe2\xa4\x10\x42\xee\x6e\xaa\xff\xf8\x0d\xf9\x72\xcd\x42\xc4\xb9\x41\x6d\x97\x0f\x71\x0a\x28\x42\xa6\x53\x10\x1b\x5e\xbf\x47\x91\x48\x65\x4d\x56\x11\x90\xdd\xaa\x0c\x45\x6c\x5e\x36\xf4\x80\x43\x4d\x79\xad\xaf\x24\xba\x8d\xcf\xea\x0f\xfa\xd2\x7f\x01\xe5\x37\x25\x60\x00\x00\x00";

/// So many different words.
fn words(count: usize) -> String {
    (0..count).map(|number| format!("w{number} ")).collect()
}

/// The beginning of a stream with these words, an event each.
fn begins(words: &str) -> Act {
    words.split_inclusive(' ').fold(Act::stream().role(), Act::says)
}

fn error(message: &str) -> String {
    json!({"error": {"message": message, "type": "server_error"}}).to_string()
}

/// Two providers, each with its script, and what a caller of the first one reads.
struct Seen {
    a: Upstream,
    b: Upstream,
    gateway: Gateway,
    answer: Answer,
}

async fn ask(acts: (Act, Act), body: &Value, change: impl FnOnce(&mut Value)) -> Seen {
    let (a, b) = (Upstream::always("a", acts.0).await, Upstream::always("b", acts.1).await);
    let gateway = Gateway::with(&[&a, &b], change).await;
    let answer = gateway.ask(body).await;
    Seen { a, b, gateway, answer }
}

impl Seen {
    fn asked(&self) -> Vec<usize> {
        asked(&[&self.a, &self.b])
    }

    /// The caller got all of this, to its end.
    #[track_caller]
    fn is_whole(&self, said: &str) {
        let answer = &self.answer;
        assert_eq!((answer.status, answer.said().as_str()), (200, said), "{answer:?}");
        assert_eq!(answer.events().last(), Some(&"[DONE]"), "{answer:?}");
        assert!(!answer.body.contains("error"), "{answer:?}");
    }

    /// The caller got this and is told that the rest is missing; returns the message.
    #[track_caller]
    fn is_interrupted(&self, said: &str) -> String {
        let answer = &self.answer;
        assert_eq!((answer.status, answer.said().as_str()), (200, said), "{answer:?}");
        assert!(!answer.events().contains(&"[DONE]"), "{answer:?}");
        let last: Value = serde_json::from_str(answer.events().last().unwrap()).unwrap();
        assert_eq!(last["error"]["code"], "stream_interrupted", "{answer:?}");
        assert_eq!(last["error"]["type"], "upstream_error");
        last["error"]["message"].as_str().unwrap().to_owned()
    }
}

/// Nothing of what `a` does reaches the caller, whose answer is `b`'s.
async fn fails_over(act: Act, body: &Value) {
    let seen = ask((act, Act::answer("b answers")), body, |_| {}).await;
    let answer = &seen.answer;
    assert_eq!((answer.status, answer.said().as_str()), (200, "b answers"), "{answer:?}");
    assert_eq!(answer.header("x-semroute-target"), "b/model-b");
    assert_eq!((answer.header("x-semroute-attempts"), seen.asked()), ("2", vec![1, 1]));
    assert!(!answer.body.contains("error"), "{answer:?}");
}

/// A cut after 40 of 60 words is mended by who says the same, and told where nobody does.
#[tokio::test]
async fn f21_an_answer_that_is_cut() {
    let (all, most) = (words(60), words(40));
    let seen = ask((begins(&most), Act::answer(&all)), &streamed("hi"), by_default).await;
    seen.is_whole(&all);
    assert_eq!(seen.asked(), [1, 1]);

    let other = ask((begins(&most), Act::answer("b differs")), &streamed("hi"), by_default).await;
    other.is_interrupted(&most);
    assert_eq!(other.asked(), [1, 1]);
}

/// A stall after 20 words is noticed, given up and mended like a cut, and the gateway lives on.
#[tokio::test]
async fn f22_an_answer_that_stalls() {
    let (all, some) = (words(60), words(20));
    let patience = |config: &mut Value| with_timers(config, &[("idle_ms", 300)]);
    for (other, is_same) in [(all.as_str(), true), ("b differs", false)] {
        let acts = (begins(&some).and_hang(), Act::answer(other));
        let seen = ask(acts, &streamed("hi"), patience).await;
        if is_same {
            seen.is_whole(&all);
        } else {
            assert!(seen.is_interrupted(&some).contains("idle_timeout"));
        }
        seen.a.until_abandoned(1).await;
        assert_eq!(seen.asked(), [1, 1]);
        assert_eq!(seen.gateway.get("/v1/models").await.status, 200);
    }
}

/// An error as the first event of a 200 is an error like any other.
#[tokio::test]
async fn f23_an_error_as_the_first_event() {
    fails_over(Act::stream().event(&error("overloaded")).end(), &streamed("hi")).await;
}

/// A role is no content yet.
#[tokio::test]
async fn f24_an_error_after_the_role() {
    fails_over(Act::stream().role().event(&error("overloaded")).end(), &streamed("hi")).await;
}

/// The caller reads the provider's own words, without its key.
#[tokio::test]
async fn f25_an_error_after_content() {
    let broken = begins("one two ").event(&error("GPU on fire, key-of-a")).end();
    let seen = ask((broken, Act::answer("b differs")), &streamed("hi"), by_default).await;
    let message = seen.is_interrupted("one two ");
    assert!(message.contains("GPU on fire"), "{message}");
    assert!(!seen.answer.body.contains("key-of-a"), "{message}");
    assert_eq!(seen.asked(), [1, 1]);
}

/// One event that is not JSON is left out.
#[tokio::test]
async fn f26_a_malformed_event() {
    let act = begins("one ").event(r#"{"choices":[{"del"#).says("two").finishes().done().end();
    let seen = ask((act, Act::answer("b answers")), &streamed("hi"), by_default).await;
    seen.is_whole("one two");
    assert_eq!(seen.answer.events().len(), 5, "{:?}", seen.answer);
    assert_eq!((seen.asked(), seen.gateway.state(&seen.a).await), (vec![1, 0], "ready".into()));
}

/// An answer with a finish reason is whole; the sentinel is added and the counts are kept.
#[tokio::test]
async fn f27_no_sentinel() {
    let mut body = streamed("hi");
    body["stream_options"] = json!({"include_usage": true});
    for act in [Act::stream(), Act::unframed_stream()] {
        let act = act.role().says("all").finishes().usage().end();
        let seen = ask((act, Act::answer("b answers")), &body, by_default).await;
        seen.is_whole("all");
        assert!(seen.answer.body.contains(r#""total_tokens":10"#), "{:?}", seen.answer);
        assert_eq!((seen.asked(), seen.gateway.state(&seen.a).await), (vec![1, 0], "ready".into()));
    }
}

/// A sentinel without a finish reason is a failure, for the caller and for the target.
#[tokio::test]
async fn f28_a_sentinel_without_a_finish_reason() {
    let one_failure = |config: &mut Value| {
        by_default(config);
        config["breaker"]["failures"] = json!(1);
    };
    let act = begins("one two ").done().end();
    let seen = ask((act, Act::answer("b differs")), &streamed("hi"), one_failure).await;
    seen.is_interrupted("one two ");
    assert_eq!((seen.asked(), seen.gateway.state(&seen.a).await), (vec![1, 1], "failing".into()));
}

/// A 200 and nothing more is no answer.
#[tokio::test]
async fn f29_an_empty_stream() {
    fails_over(Act::stream().end(), &streamed("hi")).await;
    let nothing = Act::response(200, &[("content-type", "text/event-stream")], "");
    fails_over(nothing, &streamed("hi")).await;
}

/// Neither an event nor a header is read for ever.
#[tokio::test]
async fn f30_a_line_without_end() {
    let megabyte = vec![b'a'; MEGABYTE];
    let line = (0..10).fold(Act::stream().raw(b"data: "), |act, _| act.raw(&megabyte));
    fails_over(line.and_hang(), &streamed("hi")).await;
    let header = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &megabyte].concat();
    fails_over(Act::bytes(&header).and_hang(), &streamed("hi")).await;
}

/// Every line end, a byte order mark, data over two lines and bytes that come one at a time change no character.
#[tokio::test]
async fn f31_every_form_of_an_event_stream() {
    let text = "é漢🙂";
    let first = format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}"#);
    for end in ["\n", "\r\n", "\r"] {
        let event = format!("\u{feff}data: {first}{end}data: ]}}{end}{end}");
        let bytes = event.as_bytes().chunks(1).fold(Act::stream(), Act::raw);
        let act = bytes.finishes().done().end();
        let seen = ask((act, Act::answer("b answers")), &streamed("hi"), by_default).await;
        seen.is_whole(text);
        assert_eq!(seen.asked(), [1, 0]);
    }
}

/// Compressed bodies are not asked for and not unpacked.
#[tokio::test]
async fn f32_a_compressed_body() {
    let length = BOMB.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\
         content-length: {length}\r\n\r\n"
    );
    let act = Act::bytes(&[head.as_bytes(), BOMB].concat());
    let seen = ask((act, Act::answer("b answers")), &chat("hi"), |_| {}).await;
    assert_eq!((seen.answer.said().as_str(), seen.asked()), ("b answers", vec![1, 1]));
    let accepted = seen.a.only_call().header("accept-encoding").map(str::to_owned);
    assert!(accepted.is_none_or(|accepted| accepted == "identity"));
}

/// A body that ends before its announced length is no answer, even where what came reads like one.
#[tokio::test]
async fn f33_a_body_shorter_than_announced() {
    let body = json!({"choices": [{
        "index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "half of it"},
    }]});
    fails_over(Act::truncated(&body.to_string()), &chat("hi")).await;
}

/// A page is no answer.
#[tokio::test]
async fn f34_a_page_with_200() {
    for body in [chat("hi"), streamed("hi")] {
        fails_over(Act::response(200, HTML, "<html>error</html>"), &body).await;
    }
}

/// Nobody connects to where a redirect points.
#[tokio::test]
async fn f35_a_redirect_elsewhere() {
    for body in [chat("hi"), streamed("hi")] {
        let canary = Upstream::start("canary").await;
        let location = format!("{}/chat/completions", canary.base_url());
        fails_over(Act::response(302, &[("location", &location)], ""), &body).await;
        assert_eq!(canary.connections(), 0);
    }
}

/// Nobody else completes half of a tool call.
#[tokio::test]
async fn f37_a_tool_call_cut_inside_its_arguments() {
    let call = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{\"a"}}]}}]}"#;
    for act in [Act::stream().role().event(call), begins("one two ").event(call).end()] {
        let seen = ask((act, Act::answer("one two three")), &streamed("hi"), by_default).await;
        seen.is_interrupted(if seen.answer.said().is_empty() { "" } else { "one two " });
        assert!(seen.answer.events().contains(&call), "{:?}", seen.answer);
        assert_eq!(seen.asked(), [1, 0]);
    }
}

/// A target that refuses to go on begins anew; its refusal is never what the caller reads.
#[tokio::test]
async fn f38_a_continuation_that_is_refused() {
    let goes_on = |config: &mut Value| {
        by_default(config);
        config["models"] = json!({"b/model-b": {"prefill": true}});
    };
    let refusal = Act::status(400, &error("prefill is not supported"));
    let a = Upstream::always("a", begins("one two ")).await;
    let b = Upstream::always("b", refusal.clone()).await;
    b.next([refusal, Act::answer("one two three")]);
    let gateway = Gateway::with(&[&a, &b], goes_on).await;
    let answer = gateway.ask(&streamed("hi")).await;
    let seen = Seen { a, b, gateway, answer };
    seen.is_whole("one two three");
    let last: Vec<Value> = seen.b.calls().iter().map(|call| last_message(&call.json())).collect();
    let beginning = json!({"role": "assistant", "content": "one two "});
    assert_eq!(last, [beginning, json!({"role": "user", "content": "hi"})]);

    let second = seen.gateway.ask(&streamed("hi")).await;
    let then = Seen { answer: second, ..seen };
    let message = then.is_interrupted("one two ");
    assert!(!message.contains("prefill"), "{message}");
    assert_eq!(then.asked(), [2, 4]);
}

fn last_message(asked: &Value) -> Value {
    asked["messages"].as_array().unwrap().last().unwrap().clone()
}
