//! What a reload leaves alone: requests under way, the health of targets, and everyone's patience.

#![expect(clippy::expect_used, reason = "helpers of tests may fail like tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::skip::report;
use crate::support::{Act, Answer, DEADLY, Gate, Gateway, Upstream, chat, streamed};

const RELOADS: u64 = 100;
/// Callers who ask one request after the other.
const CALLERS: usize = 8;
/// For a hundred reloads in a debug build on a busy machine.
const RELOADS_MAX: Duration = Duration::from_secs(60);

/// Two sets of rules that have nothing in common: an answer that came by some of each shows it.
fn rules_of(generation: u64, config: &mut Value) {
    let (tier, provider) = if generation % 2 == 1 { ("general", "a") } else { ("other", "b") };
    let target = format!("{provider}/of-{tier}");
    config["tiers"] = json!({tier: {"targets": [target]}});
    config["default_tier"] = json!(tier);
    config["query_types"] = json!({"medical": {"tier": tier}, "poem": {"tier": tier}});
    config["aliases"] = json!({"gpt-4o": format!("tier/{tier}")});
    config["server"] = json!({"body_bytes_max": 100_000 + generation});
}

/// Every part of an answer says the same generation.
#[track_caller]
fn check_consistent(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let generation = answer.header("x-semroute-generation").parse::<u64>().expect("a number");
    let (tier, provider) = if generation % 2 == 1 { ("general", "a") } else { ("other", "b") };
    let target = format!("{provider}/of-{tier}");
    let said = (answer.header("x-semroute-tier"), answer.header("x-semroute-target"));
    assert_eq!(said, (tier, target.as_str()), "generation {generation}");
    assert_eq!(answer.said(), format!("{provider} answers"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_reloads_under_load_lose_nothing_and_mix_nothing() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    let gateway = Arc::new(Gateway::with(&[&a, &b], |config| rules_of(1, config)).await);
    let (done, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers = (0..CALLERS).map(|caller| {
        let (gateway, done) = (Arc::clone(&gateway), Arc::clone(&done));
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let mut asked = 0;
            while !done.load(Ordering::Relaxed) {
                let text = format!("write a poem about {caller} and {asked}");
                let mut body = if asked % 2 == 0 { chat(&text) } else { streamed(&text) };
                body["model"] = json!(if asked % 3 == 0 { "gpt-4o" } else { "auto" });
                check_consistent(&gateway.ask(&body).await);
                asked += 1;
                answers.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    let started = Instant::now();
    let reloads = async {
        for generation in 2..2 + RELOADS {
            gateway.rewrite(|config| rules_of(generation, config));
            assert_eq!(gateway.reload().await, generation);
        }
    };
    timeout(RELOADS_MAX, reloads).await.unwrap();
    let took = started.elapsed();
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        timeout(RELOADS_MAX, caller).await.unwrap().unwrap();
    }
    let answers = answers.load(Ordering::Relaxed);
    report(&format!("{RELOADS} reloads in {} ms, {answers} answers", took.as_millis()));
    assert!(answers > CALLERS, "{answers}");
    assert!(a.call_count() > 0 && b.call_count() > 0, "both sets of rules were served by");
}

#[tokio::test]
async fn f54_a_stream_from_a_target_that_a_reload_removes_is_completed() {
    let (gate, b) = (Gate::new(), Upstream::start("b").await);
    let act = Act::stream().role().says("first ").hold(&gate).says("last").finishes().done().end();
    let a = Upstream::always("a", act).await;
    let gateway = Gateway::over(&[&a, &b]).await;
    let mut response = gateway.open(&streamed("hi")).await;
    assert!(response.chunk().await.unwrap().is_some());

    gateway.rewrite(|config| {
        drop(config["providers"].as_object_mut().unwrap().remove("a"));
        for tier in ["general", "safety"] {
            config["tiers"][tier]["targets"] = json!([b.target()]);
        }
    });
    assert_eq!(gateway.reload().await, 2);
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "b answers");
    let mut gone = chat("hi");
    gone["model"] = json!(a.target());
    assert_eq!(gateway.ask(&gone).await.error()["code"], "model_not_found");

    gate.open();
    let rest = Answer::read(response).await;
    assert!(rest.said().ends_with("last"), "{rest:?}");
    assert!(rest.body.ends_with("data: [DONE]\n\n"), "{rest:?}");
    assert_eq!(rest.header("x-semroute-generation"), "1");
    assert_eq!(a.call_count(), 1);
}

#[tokio::test]
async fn f54_a_model_that_died_is_left_behind_by_a_reload() {
    let a = Upstream::start("a").await;
    let gateway =
        Gateway::with(&[&a], |config| config["embedder"] = json!({"model": "static"})).await;
    let mut body = chat(DEADLY);
    body["model"] = json!("auto");
    let answer = gateway.ask(&body).await;
    assert_eq!((answer.status, answer.header("x-semroute-tier")), (200, "general"));
    // The thread lets go of the caller before it lets go of its queue, by which others see that it has ended.
    let dying =
        async { while gateway.admin("/status").await.json()["embedder"]["alive"] == true {} };
    timeout(Duration::from_secs(5), dying).await.unwrap();
    let health = gateway.admin("/readyz").await;
    assert_eq!(health.status, 200);
    assert!(health.body.starts_with("degraded"), "{health:?}");
    // Few examples, which only a model can compare: the rules get some more.
    let more = (0..20).map(|at| {
        let (text, label) = if at % 2 == 0 { ("poem", "poem") } else { ("medicine", "medical") };
        json!({"text": format!("a {text} about {at} seas"), "label": label}).to_string()
    });
    let more: Vec<String> = more.collect();
    std::fs::write(gateway.file("examples/more.jsonl"), more.join("\n")).unwrap();
    gateway.reload().await;
    assert_eq!(gateway.admin("/readyz").await.body, "ok");
    assert_eq!(gateway.ask(&body).await.status, 200);
}

#[tokio::test]
async fn a_target_that_was_set_aside_stays_aside_over_a_reload() {
    let a = Upstream::always("a", Act::status(500, "")).await;
    let b = Upstream::start("b").await;
    let gateway = Gateway::with(&[&a, &b], |config| config["breaker"]["failures"] = json!(1)).await;
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "b answers");
    assert_eq!(gateway.state(&a).await, "failing");
    gateway.rewrite(|config| config["vote"]["neighbours"] = json!(3));
    gateway.reload().await;
    assert_eq!(gateway.state(&a).await, "failing");
    assert_eq!(gateway.ask(&chat("hi")).await.said(), "b answers");
    assert_eq!(a.call_count(), 1);
}

#[tokio::test]
async fn connections_to_providers_survive_a_reload() {
    let a = Upstream::start("a").await;
    let gateway = Gateway::over(&[&a]).await;
    for _ in 0..5 {
        assert_eq!(gateway.ask(&chat("hi")).await.status, 200);
        gateway.reload().await;
    }
    assert_eq!(a.connections(), 1);
}

#[tokio::test]
async fn reloads_that_come_together_take_turns() {
    let a = Upstream::start("a").await;
    let gateway = Arc::new(Gateway::over(&[&a]).await);
    let asked: Vec<_> = (0..10)
        .map(|_| {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.reload().await })
        })
        .collect();
    let mut generations = Vec::new();
    for reload in asked {
        generations.push(timeout(RELOADS_MAX, reload).await.unwrap().unwrap());
    }
    generations.sort_unstable();
    assert_eq!(generations, (2..12).collect::<Vec<u64>>());
}

#[tokio::test]
async fn answers_that_are_cut_off_at_the_end_say_so() {
    let a = Upstream::always("a", Act::stream().role().says("begun").and_hang()).await;
    let gateway = Gateway::over(&[&a]).await;
    let mut response = gateway.open(&streamed("hi")).await;
    assert!(response.chunk().await.unwrap().is_some());
    a.next([Act::hang()]);
    let whole = chat("hi");
    let mut waiting = Box::pin(gateway.ask(&whole));
    tokio::select! {
        () = a.until_called(2) => {}
        _ = &mut waiting => panic!("nobody answers"),
    }
    gateway.app.drain();
    gateway.app.cut_off();
    let cut = timeout(Duration::from_secs(5), waiting).await.unwrap();
    assert_eq!((cut.status, &cut.error()["code"]), (503, &json!("server_shutdown")));
    assert_eq!(cut.header("connection"), "close");
    let rest = timeout(Duration::from_secs(5), Answer::read(response)).await.unwrap();
    assert!(rest.body.contains("server_shutdown") && !rest.body.contains("[DONE]"), "{rest:?}");
    a.until_abandoned(2).await;
    assert_eq!(gateway.app.in_flight(), 0);
}
