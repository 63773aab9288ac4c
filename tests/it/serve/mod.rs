//! The commands as a newcomer meets them: the real binary, started from the project's folder.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod bench;
mod commands;
#[cfg(unix)]
mod drain;
mod evaluation;
mod refusals;
#[cfg(unix)]
mod reload;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::http::{Answer, chat, get, post, request};
use crate::process::{Ended, Gateway, run, semroute, serve};
use crate::shipped::{self, brain};
use crate::skip::report;

/// From the start of a process that has everything to its first answer. The bar is one second for a release build on a quiet
/// machine; a debug build beside other tests is given more.
const WARM_START_MAX: Duration = Duration::from_secs(10);
/// Serves the network, not only this machine.
const OPEN_TO_STRANGERS: [&str; 5] =
    ["serve", "--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"];
const MEDICAL: &str = "Can I take ibuprofen with my blood thinner?";

#[tokio::test]
async fn without_a_key_the_sandbox_answers_and_says_so() {
    brain();
    let started = Instant::now();
    let gateway = Gateway::start(serve(&[])).await;
    let answer = post(&format!("{}/chat/completions", gateway.url), &chat(MEDICAL)).await;
    let took = started.elapsed();

    assert_eq!(answer.status, 200, "{}", answer.body);
    let said = answer.json()["choices"][0]["message"]["content"].to_string();
    assert!(said.contains("sandbox"), "{said}");
    assert_eq!((answer.header("tier"), answer.header("attempts")), ("safety".into(), "1".into()));
    assert!(gateway.welcome.contains("SANDBOX"), "{}", gateway.welcome);
    assert_eq!(gateway.welcome.matches("curl ").count(), 3, "{}", gateway.welcome);
    for page in ["livez", "readyz", "status"] {
        assert_eq!(get(&format!("{}/{page}", gateway.admin)).await.status, 200, "{page}");
    }
    report(&format!("warm restart to the first answer, this build: {} ms", took.as_millis()));
    assert!(took < WARM_START_MAX, "{took:?}");
}

#[tokio::test]
async fn the_three_lines_to_try_work_as_printed() {
    let gateway = Gateway::start(serve(&[])).await;
    let (_, lines) = gateway.welcome.split_once("Try it:").unwrap();
    let bodies: Vec<&str> =
        lines.split("-d '").skip(1).map(|rest| rest.split('\'').next().unwrap()).collect();
    let urls: Vec<&str> =
        lines.split_whitespace().filter(|word| word.starts_with("http")).collect();
    assert_eq!((urls.len(), bodies.len()), (3, 3), "{lines}");
    for (url, body) in urls.into_iter().zip(bodies) {
        let answer = post(url, &serde_json::from_str(body).unwrap()).await;
        assert_eq!(answer.status, 200, "{url} {body}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_is_walked_around() {
    let gateway = Gateway::start(serve(&["--sandbox-down", "anthropic"])).await;
    let answer = post(&format!("{}/chat/completions", gateway.url), &chat(MEDICAL)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!((answer.header("tier"), answer.header("attempts")), ("safety".into(), "2".into()));
    assert!(answer.header("target").starts_with("openai/"), "{}", answer.header("target"));
}

#[tokio::test]
async fn a_proxy_for_the_network_is_not_asked_for_this_machine() {
    let mut command = serve(&[]);
    command.env("HTTP_PROXY", "http://127.0.0.1:9").env("ALL_PROXY", "http://127.0.0.1:9");
    let gateway = Gateway::start(command).await;
    let answer = post(&format!("{}/chat/completions", gateway.url), &chat(MEDICAL)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[cfg(unix)]
#[tokio::test]
async fn a_stream_in_flight_is_completed_before_the_process_stops() {
    let gateway = Gateway::start(serve(&[])).await;
    let url = format!("{}/chat/completions", gateway.url);
    let mut body = chat("Write a limerick about a lighthouse");
    body["stream"] = true.into();
    let mut response = request(&url, &body).send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"data: "), "{first:?}");

    gateway.terminate().await;
    let rest = Answer::read(response).await;
    assert!(rest.body.ends_with("data: [DONE]\n\n"), "{}", rest.body);
    assert!(rest.body.contains(r#""finish_reason":"stop""#), "{}", rest.body);
    let ended = gateway.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(request(&url, &body).send().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_caller_key_opens_other_addresses_and_is_asked_for() {
    let mut command = semroute(&OPEN_TO_STRANGERS);
    command.env("SEMROUTE_API_KEY", "caller-secret");
    let gateway = Gateway::start(command).await;
    let url = format!("{}/chat/completions", gateway.url.replace("0.0.0.0", "127.0.0.1"));
    assert_eq!(post(&url, &chat("Hi")).await.status, 401);
    let with_key = request(&url, &chat("Hi")).bearer_auth("caller-secret").send().await.unwrap();
    assert_eq!(with_key.status().as_u16(), 200);
}

/// Providers repeat the key that they refuse, and logs at their loudest print what passes through.
#[cfg(unix)]
#[tokio::test]
async fn no_key_of_a_provider_shows_anywhere() {
    const KEY: &str = "sk-canary-8c1f5d";
    let provider = refusing_provider(KEY).await;
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    let changed = shipped::rules().replace("https://api.openai.com", &provider);
    std::fs::write(&rules, changed).unwrap();
    let config = ["--config", rules.to_str().unwrap()];

    let mut command = serve(&config);
    command.env("OPENAI_API_KEY", KEY).env("RUST_LOG", "trace");
    let gateway = Gateway::start(command).await;
    assert!(gateway.welcome.contains("providers: openai"), "{}", gateway.welcome);
    let url = format!("{}/chat/completions", gateway.url);
    let answer = post(&url, &chat("Hi")).await;
    let status = get(&format!("{}/status", gateway.admin)).await;
    gateway.terminate().await;
    let ended = gateway.ended().await;
    assert_eq!(answer.status, 502, "{}", answer.body);
    assert!(ended.stderr.contains("credential_refused"), "the provider was asked and logged");

    let mut said = vec![answer.body, status.body, ended.stdout, ended.stderr];
    for args in [["check", "--json"].as_slice(), &["explain", "--json", "Hi"]] {
        let mut once = semroute(args);
        once.args(config).env("OPENAI_API_KEY", KEY).env("RUST_LOG", "trace");
        let Ended { stdout, stderr, .. } = run(once).await;
        said.extend([stdout, stderr]);
    }
    for text in &said {
        let at = text.find(KEY).map(|at| text.get(at.saturating_sub(200)..at));
        assert_eq!(at, None);
    }
}

/// A provider that answers 401 to everyone, and repeats the key as OpenAI does.
async fn refusing_provider(key: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let body = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {key}","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}}}"#
    );
    let head = format!(
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = [0; 16 * 1024];
            let read = timeout(Duration::from_secs(1), socket.read(&mut asked)).await;
            drop(read);
            drop(socket.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });
    address
}
