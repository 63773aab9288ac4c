//! The real gateway on ports of its own, with a model that reads prompts by their words.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use semroute::embed::fetch::FetchEnv;
use semroute::embed::{EmbedError, Embedder, Embedding, Features};
use semroute::http::{App, Startup, Successor, serve_admin, serve_data_within};
use semroute::{config, gateway};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{PATIENCE, Upstream};

const EXAMPLES: &str = r#"{"text": "which dose of aspirin is safe for my heart", "label": "medical"}
{"text": "my chest hurts and which medicine helps", "label": "medical"}
{"text": "write a poem about the sea", "label": "poem"}
{"text": "write a sonnet about love", "label": "poem"}
"#;
/// A prompt that the model does not survive.
pub(crate) const DEADLY: &str = "this text ends the thread of the model";
/// Components of a vector; every word adds to one of them.
const WORDS: usize = 256;
/// Longer than any test.
const STALL_MAX: Duration = Duration::from_secs(60);
/// Between two looks at `/status`.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A gateway and a client to it. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) data: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) app: Arc<App>,
    client: reqwest::Client,
    _stop: DropGuard,
    folder: TempDir,
}

impl Gateway {
    /// With the providers in this order in the tier `general`, and in the opposite order in the tier `safety`.
    pub(crate) async fn over(upstreams: &[&Upstream]) -> Self {
        Self::with(upstreams, |_| {}).await
    }

    /// The same with changes to the configuration.
    pub(crate) async fn with(upstreams: &[&Upstream], change: impl FnOnce(&mut Value)) -> Self {
        Self::with_stall(upstreams, STALL_MAX, change).await
    }

    /// The same for callers who may take nothing for so long.
    pub(crate) async fn with_stall(
        upstreams: &[&Upstream],
        stall_max: Duration,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let mut written = configuration(upstreams);
        change(&mut written);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("semroute.yaml");
        std::fs::write(&file, written.to_string()).unwrap();
        std::fs::create_dir(folder.path().join("examples")).unwrap();
        std::fs::write(folder.path().join("examples/all.jsonl"), EXAMPLES).unwrap();
        let keys: HashMap<String, String> =
            upstreams.iter().map(|upstream| (variable(upstream), upstream.key())).collect();
        let env = |name: &str| keys.get(name).cloned();
        let config = Arc::new(config::load(&file, &env, None).unwrap().config);

        let embedder = Words;
        let texts = gateway::example_texts(&config);
        let features: Vec<Features> =
            texts.iter().map(|text| embedder.read_fully(text.as_str()).unwrap()).collect();
        let graph = folder.path().join("examples.graph");
        let snapshot = gateway::fit_snapshot(config, &features, embedder.stops(), &graph).unwrap();
        let snapshot = Arc::new(snapshot);
        drop(rustls::crypto::ring::default_provider().install_default());
        let pipeline = gateway::start(Some(embedder), snapshot).unwrap();
        let app = App::reloadable(pipeline, successor(folder.path(), keys));
        let stop = CancellationToken::new();
        let data = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = (data.local_addr().unwrap(), admin.local_addr().unwrap());
        tokio::spawn(serve_data_within(data, Arc::clone(&app), stop.clone(), stall_max));
        let startup = Startup::default();
        startup.complete(Arc::clone(&app));
        tokio::spawn(serve_admin(admin, startup, stop.clone()));
        Self {
            data: addresses.0,
            admin: addresses.1,
            app,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _stop: stop.drop_guard(),
            folder,
        }
    }

    /// Asks for a chat completion and reads the whole answer.
    pub(crate) async fn ask(&self, body: &Value) -> Answer {
        self.ask_with(body, &[]).await
    }

    pub(crate) async fn ask_with(&self, body: &Value, headers: &[(&str, &str)]) -> Answer {
        Answer::read(self.open_with(body, headers).await).await
    }

    /// Asks for a chat completion and waits for the head of the response.
    pub(crate) async fn open(&self, body: &Value) -> reqwest::Response {
        self.open_with(body, &[]).await
    }

    async fn open_with(&self, body: &Value, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send("/v1/chat/completions", &all, body.to_string()).await
    }

    /// Any POST.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        Answer::read(self.send(path, headers, body).await).await
    }

    async fn send(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Response {
        let mut request = self.client.post(format!("http://{}{path}", self.data)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        tokio::time::timeout(PATIENCE, request.send()).await.unwrap().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.get(format!("http://{}{path}", self.data));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn admin(&self, path: &str) -> Answer {
        let sent = self.client.get(format!("http://{}{path}", self.admin)).send().await;
        Answer::read(sent.unwrap()).await
    }

    /// A file of its rules.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Changes the configuration on disk.
    pub(crate) fn rewrite(&self, change: impl FnOnce(&mut Value)) {
        let file = self.file("semroute.yaml");
        let mut written = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        change(&mut written);
        std::fs::write(&file, written.to_string()).unwrap();
    }

    /// A POST to the listener of operators.
    pub(crate) async fn operate(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.post(format!("http://{}{path}", self.admin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// Reloads, which has to succeed, and returns the number of the new generation.
    pub(crate) async fn reload(&self) -> u64 {
        let answer = self.operate("/admin/reload", &[]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["generation"].as_u64().unwrap()
    }

    /// Sends bytes as they are and reads until the gateway closes the connection.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.data).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut read = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut read)).await.unwrap().unwrap();
        String::from_utf8(read).unwrap()
    }

    /// What `/status` says of a target of the tier `general`.
    pub(crate) async fn state(&self, upstream: &Upstream) -> String {
        let status = self.admin("/status").await.json();
        let tiers = status["tiers"].as_array().unwrap();
        let general = tiers.iter().find(|tier| tier["name"] == "general").unwrap();
        let mut targets = general["targets"].as_array().unwrap().iter();
        let target = targets.find(|target| target["id"] == upstream.target()).unwrap();
        target["state"].as_str().unwrap().to_owned()
    }

    /// Waits until `/status` says so of a target.
    pub(crate) async fn until_state(&self, upstream: &Upstream, wanted: &str) {
        let look = async {
            while self.state(upstream).await != wanted {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let became = tokio::time::timeout(PATIENCE, look).await;
        assert!(became.is_ok(), "{} is not `{wanted}`", upstream.name);
    }
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn read(mut response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(piece) =
            tokio::time::timeout(PATIENCE, response.chunk()).await.unwrap().unwrap()
        {
            body.extend_from_slice(&piece);
        }
        Self { status, headers, body: String::from_utf8(body).unwrap() }
    }

    /// A header's text; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error object, which always has its four keys.
    pub(crate) fn error(&self) -> Value {
        let error = self.json()["error"].clone();
        let keys: Vec<&String> = error.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["code", "message", "param", "type"], "{}", self.body);
        assert_eq!(self.header("content-type"), "application/json");
        error
    }

    /// The data of every event. Nothing else may stand in a stream.
    pub(crate) fn events(&self) -> Vec<&str> {
        let events = self.body.split_terminator("\n\n");
        events.map(|event| event.strip_prefix("data: ").expect("only data")).collect()
    }

    /// The text of the answer, streamed or not.
    pub(crate) fn said(&self) -> String {
        if !self.header("content-type").starts_with("text/event-stream") {
            let said = self.json()["choices"][0]["message"]["content"].clone();
            return said.as_str().unwrap_or_default().to_owned();
        }
        let pieces = self.events().into_iter().filter(|data| *data != "[DONE]").map(|data| {
            let piece: Value = serde_json::from_str(data).unwrap();
            piece["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
        });
        pieces.collect()
    }
}

/// A chat request to the tier `general`, which needs no reading.
pub(crate) fn chat(text: &str) -> Value {
    json!({"model": "tier/general", "messages": [{"role": "user", "content": text}]})
}

/// The same as a stream.
pub(crate) fn streamed(text: &str) -> Value {
    let mut body = chat(text);
    body["stream"] = json!(true);
    body
}

/// Reads the files again, as `semroute serve` does.
fn successor(folder: &Path, keys: HashMap<String, String>) -> Successor {
    let (file, cache) = (folder.join("semroute.yaml"), folder.join("cache"));
    let env = FetchEnv::from_map(&|name| {
        (name == "SEMROUTE_CACHE").then(|| cache.to_str().unwrap().to_owned())
    });
    Box::new(move |serving| {
        let loaded = config::load(&file, &|name| keys.get(name).cloned(), None)?;
        Ok(gateway::succeed(serving, Arc::new(loaded.config), &env).unwrap())
    })
}

fn variable(upstream: &Upstream) -> String {
    format!("KEY_{}", upstream.name)
}

fn configuration(upstreams: &[&Upstream]) -> Value {
    let providers: serde_json::Map<String, Value> = upstreams
        .iter()
        .map(|upstream| {
            let key = format!("${{{}}}", variable(upstream));
            (upstream.name.to_owned(), json!({"base_url": upstream.base_url(), "api_key": key}))
        })
        .collect();
    let targets: Vec<String> = upstreams.iter().map(|upstream| upstream.target()).collect();
    let reversed: Vec<&String> = targets.iter().rev().collect();
    json!({
        "version": 1,
        "server": {},
        "timers": {
            "total_ms": 20_000, "connect_ms": 300, "first_content_ms": 10_000, "idle_ms": 10_000,
            "answer_ms": 10_000,
        },
        "breaker": {"failures": 3, "open_ms": 60000, "open_max_ms": 60000},
        "vote": {"neighbours": 2},
        "providers": providers,
        // What helps beyond the next target is asked for by the tests that test it.
        "tiers": {
            "general": {"targets": targets, "patience": "none", "on_break": "error"},
            "safety": {"targets": reversed, "patience": "none", "on_break": "error"},
        },
        "default_tier": "general",
        "query_types": {
            "medical": {"tier": "safety", "min_confidence": 0.6},
            "poem": {"tier": "general", "min_confidence": 0.6},
        },
        "aliases": {"gpt-4o": "tier/general"},
    })
}

/// Reads a prompt as a bag of words.
struct Words;

impl Embedder for Words {
    fn stops(&self) -> &[usize] {
        &[WORDS]
    }

    fn read(&self, text: &str, _: &mut dyn FnMut(&[f32]) -> bool) -> Result<Features, EmbedError> {
        assert_ne!(text, DEADLY, "asked to die");
        let mut counts = vec![0.0; WORDS];
        for word in text.split_whitespace() {
            let sum = word.bytes().fold(7_usize, |sum, byte| sum * 31 % 65_521 + usize::from(byte));
            counts[sum % WORDS] += 1.0;
        }
        Ok(Embedding::new(counts)?.into())
    }

    fn fingerprint(&self) -> &'static str {
        "words"
    }
}
