//! What goes wrong with a connection, and what keeps the first content away.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{asked, by_default};
use crate::support::{Act, Answer, Gateway, Upstream, chat, streamed};

const TICK: Duration = Duration::from_millis(20);

fn answered_by(name: &str, answer: &Answer) {
    let text = format!("{name} answers");
    assert_eq!((answer.status, answer.said()), (200, text), "{answer:?}");
    assert_eq!(answer.header("x-semroute-target"), format!("{name}/model-{name}"));
    assert!(!format!("{answer:?}").contains("key-of-"), "{answer:?}");
}

/// `a` cannot be reached at this address, so `b` answers.
async fn unreachable(base_url: impl Fn(&Upstream) -> String) {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let elsewhere = base_url(&a);
    let change = |config: &mut Value| {
        by_default(config);
        config["providers"]["a"]["base_url"] = json!(elsewhere);
    };
    let gateway = Gateway::with(&[&a, &b], change).await;
    answered_by("b", &gateway.ask(&chat("hi")).await);
    answered_by("b", &gateway.ask(&streamed("hi")).await);
    assert_eq!(asked(&[&a, &b]), [0, 2]);
}

/// `a` says nothing of use, so `b` is asked beside it and wins, and `a` is told to stop.
async fn hedged(act: &Act, body: &Value) {
    let a = Upstream::always("a", act.clone()).await;
    let b = Upstream::start("b").await;
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    let started = Instant::now();
    let answer = gateway.ask_with(body, &[("x-semroute-timeout-ms", "3000")]).await;
    let took = started.elapsed();
    answered_by("b", &answer);
    assert_eq!(answer.header("x-semroute-attempts"), "2");
    assert!((1000..2900).contains(&took.as_millis()), "{took:?}");
    a.until_abandoned(1).await;
    assert_eq!(asked(&[&a, &b]), [1, 1]);
}

/// A page of some proxy is never passed on, whoever answers in the end.
#[tokio::test]
async fn f10_a_page_of_html_is_never_relayed() {
    for status in [520, 522, 529] {
        let page = Act::response(status, &[("content-type", "text/html")], "<html>Oh no</html>");
        let (a, b) = (Upstream::always("a", page.clone()).await, Upstream::start("b").await);
        let gateway = Gateway::with(&[&a, &b], by_default).await;
        answered_by("b", &gateway.ask(&chat("hi")).await);
        let calls = asked(&[&a, &b]);
        assert!((1..=2).contains(&calls[0]) && calls[1] == 1, "{status}: {calls:?}");

        let answer = Gateway::with(&[&a], by_default).await.ask(&chat("hi")).await;
        assert!(answer.status == 502 || answer.status == 503, "{answer:?}");
        assert!(answer.error().is_object() && !answer.body.contains("<html"), "{answer:?}");
    }
}

/// Nobody listens: the next target is asked without waiting for any timer.
#[tokio::test]
async fn f11_a_refused_connection_goes_to_the_next_target_at_once() {
    let (a, b) = (Upstream::refusing("a"), Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    let started = Instant::now();
    answered_by("b", &gateway.ask(&chat("hi")).await);
    let took = started.elapsed();
    assert!(took < Duration::from_millis(250), "{took:?}");
    assert_eq!(asked(&[&a, &b]), [0, 1]);
}

/// Packets vanish: the limit for connections holds, and no other one.
#[tokio::test]
async fn f12_a_machine_that_drops_packets_costs_the_limit_for_connections() {
    let (a, b) = (Upstream::silent("a").await, Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    let started = Instant::now();
    answered_by("b", &gateway.ask(&chat("hi")).await);
    let took = started.elapsed();
    assert!((300..2000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(asked(&[&a, &b]), [0, 1]);
}

/// A name that nobody has.
#[tokio::test]
async fn f13_a_host_without_an_address_goes_to_the_next_target() {
    unreachable(|_| "http://nowhere.invalid/v1".to_owned()).await;
}

/// Its endpoint is set aside and stays so: requests go neither back nor forth, and nobody waits for a name again.
#[tokio::test]
async fn f13_a_host_without_an_address_is_set_aside() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let nowhere = |config: &mut Value| {
        by_default(config);
        config["providers"]["a"]["base_url"] = json!("http://nowhere.invalid/v1");
    };
    let gateway = Gateway::with(&[&a, &b], nowhere).await;
    let mut attempts = Vec::new();
    for _ in 0..12 {
        let answer = gateway.ask(&chat("hi")).await;
        answered_by("b", &answer);
        attempts.push(answer.header("x-semroute-attempts").to_owned());
    }
    assert_eq!(attempts, [vec!["2"; 3], vec!["1"; 9]].concat());
    assert_eq!(
        (gateway.state(&a).await, gateway.state(&b).await),
        ("failing".into(), "ready".into())
    );
    assert_eq!(asked(&[&a, &b]), [0, 12]);
}

/// A provider without TLS at a port for TLS: no request is sent to it in the clear.
#[tokio::test]
async fn f14_a_plain_port_behind_https_is_never_spoken_to_in_the_clear() {
    unreachable(|a| a.base_url().replacen("http://", "https://", 1)).await;
}

/// A reset before the head, on a new connection or a kept one, is tried again on a fresh one.
#[tokio::test]
async fn f15_a_reset_is_tried_again_on_a_fresh_connection() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next([Act::reset(), Act::answer("a answers"), Act::reset()]);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    for connections in [2, 3] {
        let started = Instant::now();
        let answer = gateway.ask(&chat("hi")).await;
        answered_by("a", &answer);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        assert_eq!(a.connections(), connections);
    }
    assert_eq!(asked(&[&a, &b]), [4, 0]);
}

/// A target that never answers is hedged, asked once, and stopped.
#[tokio::test]
async fn f16_a_target_that_never_answers_is_hedged() {
    hedged(&Act::hang(), &chat("hi")).await;
    hedged(&Act::hang(), &streamed("hi")).await;
}

/// A head without content is no answer.
#[tokio::test]
async fn f17_a_head_without_content_is_hedged() {
    hedged(&Act::stream().and_hang(), &chat("hi")).await;
    hedged(&Act::stream().role().and_hang(), &streamed("hi")).await;
}

/// Signs of life are not content.
#[tokio::test]
async fn f18_comments_and_blank_lines_are_hedged() {
    for sign in [": keep-alive\n\n", "\n"] {
        let alive = |act: Act, _| act.raw(sign.as_bytes()).wait(TICK);
        hedged(&(0..300).fold(Act::stream(), alive).and_hang(), &streamed("hi")).await;
    }
}

/// Slow speech is not cut; how it is judged is tested where the pace is kept.
#[tokio::test]
async fn f19_slow_speech_is_not_cut() {
    let slow = |act: Act, _| act.says("word ").wait(TICK * 5);
    let spoken = (0..20).fold(Act::stream().role(), slow).finishes().done().end();
    let (a, b) = (Upstream::always("a", spoken).await, Upstream::start("b").await);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    let answer = gateway.ask(&streamed("hi")).await;
    assert_eq!((answer.status, answer.said()), (200, "word ".repeat(20)), "{answer:?}");
    assert_eq!(answer.events().last(), Some(&"[DONE]"));
    assert_eq!(asked(&[&a, &b]), [1, 0]);
    assert_eq!(gateway.state(&a).await, "ready");
}
