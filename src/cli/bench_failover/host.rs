//! The gateway of this program, started in this process on a port of its own: its own configuration, pipeline and listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::answer::{name, target};
use super::faults::PROVIDERS;
use crate::config;
use crate::embed::Embedder;
use crate::gateway;
use crate::http::{App, serve_data};

/// The deadline of a request.
const TOTAL: Duration = Duration::from_secs(10);

/// What differs between gateways.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// From sending a request to its first content or, unstreamed, to its head.
    pub(super) first_content: Duration,
    /// Failures in a row after which a target is set aside.
    pub(super) failures: u32,
    /// For how long at first and at most.
    pub(super) open: Duration,
    pub(super) open_max: Duration,
}

/// A tier: its name, and its providers in their order.
pub(super) type Tier = (&'static str, Vec<usize>);

/// A gateway that stops when it is dropped.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) address: SocketAddr,
    _stop: DropGuard,
}

impl Host {
    pub(super) async fn start(
        providers: &[SocketAddr],
        tiers: &[Tier],
        settings: Settings,
    ) -> anyhow::Result<Self> {
        let folder = Folder::new()?;
        let file = folder.0.join("semroute.yaml");
        std::fs::write(&file, configuration(providers, tiers, settings).to_string())?;
        std::fs::create_dir(folder.0.join("examples"))?;
        // Requests name their tier; nothing is compared with these.
        let examples = ["a request", "another question"];
        let examples = examples.map(|text| json!({"text": text, "label": "request"}).to_string());
        std::fs::write(folder.0.join("examples/all.jsonl"), examples.join("\n"))?;
        let config = Arc::new(config::load(&file, &|_| None, None)?.config);

        // Fitted here and not by way of the cache, where it would take the place of what was fitted for `serve`.
        let graph = folder.0.join("examples.graph");
        let snapshot = Arc::new(gateway::fit_snapshot(config, &[], &[], &graph)?);
        let app = App::new(gateway::start(None::<Box<dyn Embedder>>, snapshot)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        tokio::spawn(serve_data(listener, app, stop.clone()));
        Ok(Self { address, _stop: stop.drop_guard() })
    }
}

fn configuration(providers: &[SocketAddr], tiers: &[Tier], settings: Settings) -> Value {
    let providers: Map<String, Value> = (0..PROVIDERS)
        .zip(providers)
        .map(|(who, address)| {
            (name(who).to_owned(), json!({"base_url": format!("http://{address}/v1")}))
        })
        .collect();
    let targets = |order: &[usize]| order.iter().map(|who| target(*who)).collect::<Vec<String>>();
    let listed: Map<String, Value> = tiers
        .iter()
        .map(|(tier, order)| ((*tier).to_owned(), json!({"targets": targets(order)})))
        .collect();
    let Settings { first_content, failures, open, open_max } = settings;
    let [first_content, open, open_max, total] =
        [first_content, open, open_max, TOTAL].map(|time| time.as_millis());
    let default_tier = tiers.first().map_or("", |(tier, _)| tier);
    json!({
        "version": 1,
        "embedder": {"model": "static"},
        "timers": {
            "total_ms": total, "connect_ms": first_content, "first_content_ms": first_content,
            "answer_ms": first_content, "idle_ms": total,
        },
        "breaker": {"failures": failures, "open_ms": open, "open_max_ms": open_max},
        "providers": providers,
        "tiers": listed,
        "default_tier": default_tier,
        "query_types": {"request": {"tier": default_tier}},
    })
}

/// A folder that is gone when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let name = format!("semroute-bench-{}", uuid::Uuid::now_v7().simple());
        let folder = Self(std::env::temp_dir().join(name));
        std::fs::create_dir(&folder.0)?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The system's own cleaning takes what this leaves.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
