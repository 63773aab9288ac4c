//! What serves, and how it is replaced: a request pins the generation it began with, and a reload swaps the next one in.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::{ApiKeys, App};
use crate::config::{ConfigError, Problem, Server, Severity};
use crate::pipeline::Pipeline;

/// What a request is served by from its beginning to its end, whatever is loaded meanwhile.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) pipeline: Pipeline,
    pub(super) keys: ApiKeys,
    pub(super) admin_keys: ApiKeys,
}

impl Generation {
    pub(super) fn new(pipeline: Pipeline) -> Self {
        let server = &pipeline.snapshot.config().server;
        let (keys, admin_keys) = (ApiKeys::new(&server.api_keys), ApiKeys::new(&server.admin_keys));
        Self { pipeline, keys, admin_keys }
    }

    pub(super) fn server(&self) -> &Server {
        &self.pipeline.snapshot.config().server
    }

    pub(super) fn number(&self) -> u64 {
        self.pipeline.snapshot.generation()
    }
}

/// Makes the next pipeline from the one that serves. It reads files and computes, so it runs where blocking is allowed.
pub type Successor = Box<dyn Fn(&Pipeline) -> Result<Pipeline, ConfigError> + Send + Sync>;

/// How the last load went, the one at the start included.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Seconds since 1970.
    pub(super) at: u64,
    /// Every problem, when it failed.
    pub(super) error: Option<String>,
}

impl Loaded {
    fn now(error: Option<String>) -> Self {
        Self { at: unix_seconds(), error }
    }
}

/// The way to the next generation.
pub(super) struct Reloads {
    successor: Successor,
    last: ArcSwap<Loaded>,
    /// One reload at a time.
    turn: Arc<Mutex<()>>,
}

impl Reloads {
    pub(super) fn new(successor: Successor) -> Self {
        let last = ArcSwap::from_pointee(Loaded::now(None));
        Self { successor, last, turn: Arc::default() }
    }

    pub(super) fn last(&self) -> Arc<Loaded> {
        self.last.load_full()
    }
}

impl fmt::Debug for Reloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloads").field("last", &self.last()).finish_non_exhaustive()
    }
}

impl App {
    /// Reads the configuration anew and serves by it from the next request on; `by` says who wants it. All or nothing: with a
    /// problem the old generation goes on. Goes through to its end even when nobody waits for it any more.
    ///
    /// # Errors
    /// Every problem, also in the log.
    pub async fn reload(self: &Arc<Self>, by: &'static str) -> Result<u64, ConfigError> {
        let turn = Arc::clone(&self.reloads.turn).lock_owned().await;
        let app = Arc::clone(self);
        let reloading = tokio::task::spawn_blocking(move || app.load_next(by, &turn));
        match reloading.await {
            Ok(reloaded) => reloaded,
            Err(_panicked) => Err(self.keep(by, cannot("the reload itself failed"))),
        }
    }

    fn load_next(&self, by: &str, _turn: &OwnedMutexGuard<()>) -> Result<u64, ConfigError> {
        let began = Instant::now();
        let next = (self.reloads.successor)(&self.current().pipeline);
        let next = Generation::new(next.map_err(|error| self.keep(by, error))?);
        let generation = next.number();
        self.current.store(Arc::new(next));
        self.reloads.last.store(Arc::new(Loaded::now(None)));
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(by, generation, took_ms, "reloaded");
        Ok(generation)
    }

    /// Notes why the old generation goes on.
    fn keep(&self, by: &str, error: ConfigError) -> ConfigError {
        let (problems, generation) = (error.to_string(), self.current().number());
        tracing::error!(by, generation, %problems, "not reloaded; what was loaded before goes on");
        self.reloads.last.store(Arc::new(Loaded::now(Some(problems))));
        error
    }
}

/// For a gateway whose configuration did not come from files.
pub(super) fn no_successor(_serving: &Pipeline) -> Result<Pipeline, ConfigError> {
    Err(cannot("this gateway has no files to read again"))
}

fn cannot(message: &str) -> ConfigError {
    let (severity, file, key) = (Severity::Error, PathBuf::new(), String::new());
    ConfigError {
        problems: vec![Problem { severity, file, line: 0, key, message: message.to_owned() }],
    }
}

#[expect(clippy::disallowed_methods, reason = "operators compare it with the clock on the wall")]
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
