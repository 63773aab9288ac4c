//! How the real binary stops: everybody is answered to the end, and then it does not wait for anybody.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::http::{Answer, client, get, post, request};
use crate::process::{Ended, Gateway, serve};
use crate::skip::report;
use crate::support::{Act, Gate, Upstream, chat, streamed};

const STREAMS: usize = 200;
/// Events of one stream, and the time between two of them.
const EVENTS: usize = 10;
const PACE: Duration = Duration::from_millis(150);
/// From the end of the longest answer to the end of the process.
const EXIT_MAX: Duration = Duration::from_secs(1);
/// For anything that takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// The real binary in front of a scripted provider, with so many milliseconds in which callers are still accepted.
async fn start(upstream: &Upstream, linger_ms: u64) -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let rules = json!({
        "version": 1,
        "server": {"linger_ms": linger_ms},
        "embedder": {"model": "static"},
        "providers": {upstream.name: {"base_url": upstream.base_url()}},
        "tiers": {"general": {"targets": [upstream.target()]}},
        "default_tier": "general",
        "query_types": {"poem": {"tier": "general"}, "bug": {"tier": "general"}},
    });
    let file = folder.path().join("semroute.yaml");
    std::fs::write(&file, rules.to_string()).unwrap();
    std::fs::create_dir(folder.path().join("examples")).unwrap();
    let things = "sea moon rain love war snow dust rose bird time".split(' ');
    let examples: Vec<String> = things
        .flat_map(|thing| {
            [
                json!({"text": format!("write a poem about {thing}"), "label": "poem"}),
                json!({"text": format!("why does my {thing} loop crash"), "label": "bug"}),
            ]
        })
        .map(|example| example.to_string())
        .collect();
    std::fs::write(folder.path().join("examples/all.jsonl"), examples.join("\n")).unwrap();
    let mut command = serve(&["--config", file.to_str().unwrap()]);
    // What is fitted to these examples is not worth keeping where others keep theirs.
    command.env("SEMROUTE_CACHE", folder.path());
    (Gateway::start(command).await, folder)
}

fn address(gateway: &Gateway) -> String {
    gateway.url.replace("http://", "").replace("/v1", "")
}

/// Waits until operators are told that nobody new is welcome.
async fn until_draining(gateway: &Gateway) {
    let draining = async { while get(&format!("{}/readyz", gateway.admin)).await.status == 200 {} };
    timeout(PATIENCE, draining).await.unwrap();
}

async fn ended(gateway: Gateway) -> Ended {
    timeout(PATIENCE, gateway.ended()).await.unwrap()
}

/// A stream of which the first content has come.
async fn begin(url: &str) -> reqwest::Response {
    let mut response = request(url, &streamed("hi")).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert!(response.chunk().await.unwrap().is_some());
    response
}

#[tokio::test(flavor = "multi_thread")]
async fn f51_two_hundred_streams_are_completed_before_the_process_stops() {
    let gate = Gate::new();
    let mut act = Act::stream().role().says("word ").hold(&gate);
    for _ in 1..EVENTS {
        act = act.says("word ").wait(PACE);
    }
    let upstream = Upstream::always("a", act.finishes().done().end()).await;
    let (gateway, _folder) = start(&upstream, 500).await;
    let url = format!("{}/chat/completions", gateway.url);
    let client = client();
    // Connections that were used, or not yet, and are kept open by whoever opened them.
    let mut used = TcpStream::connect(address(&gateway)).await.unwrap();
    used.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(used.read(&mut [0; 1024]).await.unwrap() > 0);
    let unused = TcpStream::connect(address(&gateway)).await.unwrap();

    let streams: Vec<_> = (0..STREAMS)
        .map(|_| {
            let body = streamed("hi").to_string();
            let sent = client.post(&url).header("content-type", "application/json").body(body);
            tokio::spawn(async move {
                let answer = Answer::read(sent.send().await.unwrap()).await;
                (answer, Instant::now())
            })
        })
        .collect();
    upstream.until_called(STREAMS).await;
    let status = get(&format!("{}/status", gateway.admin)).await.json();
    assert_eq!(status["in_flight"], STREAMS);
    gateway.terminate().await;
    until_draining(&gateway).await;
    gate.open();
    let stopping = tokio::spawn(async move { (ended(gateway).await, Instant::now()) });
    let mut longest = Instant::now();
    for stream in streams {
        let (answer, at) = timeout(PATIENCE, stream).await.unwrap().unwrap();
        assert_eq!(answer.body.matches("word ").count(), EVENTS, "{}", answer.body);
        assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
        longest = longest.max(at);
    }
    let (ended, at) = stopping.await.unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let after = at.saturating_duration_since(longest);
    report(&format!("{STREAMS} streams: the process ended {} ms later", after.as_millis()));
    assert!(after <= EXIT_MAX, "{after:?}");
    drop((used, unused));
}

#[tokio::test]
async fn callers_are_accepted_until_load_balancers_have_noticed() {
    const LINGER_MS: u64 = 4_000;
    let upstream = Upstream::start("a").await;
    let (gateway, _folder) = start(&upstream, LINGER_MS).await;
    let url = format!("{}/chat/completions", gateway.url);
    let ready =
        [format!("{}/readyz", gateway.admin), format!("http://{}/readyz", address(&gateway))];
    for page in &ready {
        assert_eq!(get(page).await.status, 200);
    }
    let told = Instant::now();
    gateway.terminate().await;
    until_draining(&gateway).await;
    assert_eq!(get(&ready[1]).await.status, 503);
    assert_eq!(post(&url, &chat("hi")).await.status, 200);
    assert!(told.elapsed() < Duration::from_millis(LINGER_MS), "too slow to tell");
    let ended = ended(gateway).await;
    let took = told.elapsed();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let wanted = Duration::from_millis(LINGER_MS);
    assert!(took >= wanted && took <= wanted + EXIT_MAX, "{took:?}");
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    for [first, second] in [["-TERM", "-TERM"], ["-INT", "-INT"], ["-TERM", "-INT"]] {
        let hanging = Act::stream().role().says("word").and_hang();
        let upstream = Upstream::always("a", hanging).await;
        // Also while callers are still accepted.
        let linger_ms = if first == second { 0 } else { 600_000 };
        let (gateway, _folder) = start(&upstream, linger_ms).await;
        let url = format!("{}/chat/completions", gateway.url);
        let response = begin(&url).await;
        gateway.signal(first).await;
        until_draining(&gateway).await;
        let told = Instant::now();
        gateway.signal(second).await;
        let ended = ended(gateway).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(told.elapsed() <= EXIT_MAX, "{:?}", told.elapsed());
        drop(response);
    }
}

#[tokio::test]
async fn somebody_at_a_terminal_does_not_wait_for_load_balancers() {
    let upstream = Upstream::start("a").await;
    let (gateway, _folder) = start(&upstream, 600_000).await;
    let told = Instant::now();
    gateway.signal("-INT").await;
    assert_eq!(ended(gateway).await.code, Some(0));
    assert!(told.elapsed() <= EXIT_MAX, "{:?}", told.elapsed());
}

#[tokio::test]
async fn half_a_request_does_not_keep_the_process() {
    let upstream = Upstream::start("a").await;
    let (gateway, _folder) = start(&upstream, 0).await;
    let mut half = TcpStream::connect(address(&gateway)).await.unwrap();
    half.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nHost:").await.unwrap();
    // Known to have been accepted, as a later one was answered.
    assert_eq!(post(&format!("{}/route", gateway.url), &chat("hi")).await.status, 200);
    let told = Instant::now();
    gateway.terminate().await;
    assert_eq!(ended(gateway).await.code, Some(0));
    let took = told.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop(half);
}

#[tokio::test]
async fn answers_while_the_gateway_stops_close_their_connection() {
    let upstream = Upstream::start("a").await;
    let (gateway, _folder) = start(&upstream, 4_000).await;
    gateway.terminate().await;
    until_draining(&gateway).await;
    let body: Value = chat("hi");
    let answer = request(&format!("{}/route", gateway.url), &body).send().await.unwrap();
    assert_eq!(answer.headers().get("connection").unwrap(), "close");
    assert_eq!(ended(gateway).await.code, Some(0));
}
