//! An embedder behind a server that answers as OpenAI does, well or badly.

#![expect(clippy::expect_used, reason = "helpers of tests may fail like tests")]

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use semroute::embed::{EmbedError, Embedder, Features};
use semroute::{config, gateway};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::shipped::fetch_env;

/// What a server has been sent, heads and bodies.
type Heard = Arc<Mutex<Vec<String>>>;

/// A server that gives the same answer to everybody; nothing at all when it has none.
fn serve(answer: Option<(u16, String)>) -> (String, Heard) {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    let heard = Heard::default();
    let log = Arc::clone(&heard);
    runtime.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (answer, log) = (answer.clone(), Arc::clone(&log));
            tokio::spawn(async move {
                let asked = request(&mut socket).await;
                log.lock().push(asked);
                let Some((status, body)) = answer else { return std::future::pending().await };
                let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
                let response = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                drop(socket.write_all(response.as_bytes()).await);
            });
        }
    });
    (format!("http://{address}/v1"), heard)
}

/// One request whose body ends with its JSON object.
async fn request(socket: &mut TcpStream) -> String {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    while !read.ends_with(b"}") {
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(length) => read.extend_from_slice(&piece[..length]),
        }
    }
    String::from_utf8(read).expect("text")
}

fn open(base_url: &str, deadline_ms: u64) -> Box<dyn Embedder> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let yaml = format!(
        "{{version: 1, embedder: {{model: remote, deadline_ms: {deadline_ms}, remote: {{base_url: '{base_url}', \
         api_key: '${{KEY}}', name: tiny, dimensions: 2}}}}, providers: {{p: {{base_url: 'http://127.0.0.1:9/v1'}}}}, \
         tiers: {{t: {{targets: [p/m]}}}}, default_tier: t, query_types: {{q: {{tier: t}}}}}}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("semroute.yaml");
    std::fs::write(&file, yaml).expect("written");
    let rows: Vec<String> =
        (0..8).map(|n| format!(r#"{{"text": "example {n}", "label": "q"}}"#)).collect();
    std::fs::create_dir(folder.path().join("examples")).expect("a folder");
    std::fs::write(folder.path().join("examples/q.jsonl"), rows.join("\n")).expect("written");
    let env = |name: &str| (name == "KEY").then(|| "key-of-the-embedder".to_owned());
    let loaded = config::load(Path::new(&file), &env, None).expect("a good configuration");
    let embedder = gateway::open_embedder(&loaded.config, &fetch_env()).expect("an embedder");
    embedder.expect("a remote one")
}

fn read(answer: Option<(u16, &str)>) -> Result<Features, EmbedError> {
    let (base_url, _) = serve(answer.map(|(status, body)| (status, body.to_owned())));
    open(&base_url, 400).read_fully("hello")
}

fn refused(answer: Option<(u16, &str)>, expected: &str) {
    let error = read(answer).expect_err(expected).to_string();
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains("hello") && !error.contains("key-of"), "{error}");
}

#[test]
fn a_server_reads_prompts_for_us() {
    let answer = r#"{"object":"list","data":[{"embedding":[0,-2.5],"index":0}],"model":"tiny"}"#;
    let (base_url, heard) = serve(Some((200, answer.to_owned())));
    let embedder = open(&base_url, 5_000);
    assert_eq!(embedder.stops(), [2]);
    let features = embedder.read_fully("hello").expect("features");
    assert_eq!(features.as_slice(), [0.0, -1.0]);
    let heard = heard.lock().concat();
    assert!(heard.starts_with("POST /v1/embeddings HTTP/1.1"), "{heard}");
    assert!(heard.contains("authorization: Bearer key-of-the-embedder"), "{heard}");
    assert!(heard.contains(r#""input":"hello""#) && heard.contains(r#""model":"tiny""#), "{heard}");
}

#[test]
fn what_a_server_does_wrong_is_said() {
    refused(Some((401, r#"{"error":{"message":"hello key-of-the-embedder"}}"#)), "it answered 401");
    refused(Some((200, "<html>hello</html>")), "no list of vectors");
    refused(Some((200, r#"{"data":[{"embedding":[1,2,3]}]}"#)), "3 dimensions and not 2");
    refused(Some((200, r#"{"data":[{"embedding":[0,0]}]}"#)), "no direction");
    refused(None, "no answer within 400 ms");
    let nobody = open("http://127.0.0.1:9/v1", 400).read_fully("hello").expect_err("nobody");
    assert!(nobody.to_string().contains("no connection"), "{nobody}");
}

#[test]
fn it_may_be_asked_and_dropped_inside_a_runtime() {
    let (base_url, _) = serve(Some((200, r#"{"data":[{"embedding":[3,4]}]}"#.to_owned())));
    let embedder = open(&base_url, 5_000);
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(embedder.read_fully("hello").expect("features").as_slice(), [0.6, 0.8]);
        drop(embedder);
    });
}
