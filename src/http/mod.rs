//! The HTTP edge; the only part that names axum.
//!
//! The data listener serves callers, the admin listener serves operators. Whatever axum itself would refuse in plain text is
//! refused here in the callers' own dialect.

mod admin;
mod auth;
mod chat;
mod drain;
mod error;
mod generation;
mod models;
mod operate;
mod sandbox;
mod stall;
mod stream;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use auth::ApiKeys;
pub use generation::Successor;
pub use sandbox::serve_sandbox;

use crate::pipeline::Pipeline;
use generation::{Generation, Reloads};
use stall::{Impatient, STALL_MAX};

/// Places for requests in flight. How many of them may be taken is the configuration's to say, and it may say another number
/// while requests hold some.
const PLACES: usize = 1_000_000;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    current: ArcSwap<Generation>,
    reloads: Reloads,
    in_flight: Arc<Semaphore>,
    draining: AtomicBool,
    cut: CancellationToken,
}

impl App {
    /// A gateway that stays as it is.
    #[must_use]
    pub fn new(pipeline: Pipeline) -> Arc<Self> {
        Self::reloadable(pipeline, Box::new(generation::no_successor))
    }

    /// A gateway that can be reloaded.
    #[must_use]
    pub fn reloadable(pipeline: Pipeline, successor: Successor) -> Arc<Self> {
        Arc::new(Self {
            current: ArcSwap::from_pointee(Generation::new(pipeline)),
            reloads: Reloads::new(successor),
            in_flight: Arc::new(Semaphore::new(PLACES)),
            draining: AtomicBool::new(false),
            cut: CancellationToken::new(),
        })
    }

    /// What serves requests that begin now.
    fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Requests that are being answered.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        PLACES - self.in_flight.available_permits()
    }

    /// How long callers should still be accepted after a signal to stop.
    #[must_use]
    pub fn linger(&self) -> Duration {
        self.current().server().linger
    }

    /// Ends every answer under way, streams with an event that says so.
    pub fn cut_off(&self) {
        self.cut.cancel();
    }

    /// From now on `/readyz` says no, so that a load balancer sends nobody new.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Serves callers until `stop`, and then until every answer under way is complete.
///
/// # Errors
/// When the listener fails.
pub async fn serve_data(
    listener: TcpListener,
    app: Arc<App>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    serve_data_within(listener, app, stop, STALL_MAX).await
}

/// The same, for callers who may take nothing of their answers for so long.
///
/// # Errors
/// When the listener fails.
pub async fn serve_data_within(
    listener: TcpListener,
    app: Arc<App>,
    stop: CancellationToken,
    stall_max: Duration,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/chat/completions", post(chat::converse))
        .route("/messages", post(chat::converse))
        .route("/messages/count_tokens", post(chat::count_tokens))
        .route("/responses", post(chat::converse))
        .route("/completions", post(chat::converse))
        .route("/route", post(chat::route))
        .route("/models", get(models::list))
        .route("/models/{*id}", get(models::one));
    let router = Router::new()
        .nest("/v1", routes.clone())
        .merge(routes)
        .layer(from_fn_with_state(Arc::clone(&app), auth::check))
        .layer(from_fn_with_state(Arc::clone(&app), drain::until_cut))
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz_for_callers))
        .fallback(error::unknown_url)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn(error::in_the_callers_shape))
        .with_state(app);
    serve(listener, router, stop, stall_max).await
}

/// The gateway as operators see it: not there until its start is complete.
#[derive(Debug, Clone, Default)]
pub struct Startup(Arc<OnceLock<Arc<App>>>);

impl Startup {
    /// From now on the gateway serves.
    pub fn complete(&self, app: Arc<App>) {
        // Set once: a process starts once.
        drop(self.0.set(app));
    }

    fn app(&self) -> Option<&Arc<App>> {
        self.0.get()
    }
}

/// Serves operators until `stop`, from before the gateway itself serves.
///
/// # Errors
/// When the listener fails.
pub async fn serve_admin(
    listener: TcpListener,
    startup: Startup,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let operations = Router::new()
        .route("/admin/reload", post(operate::reload))
        .route("/admin/targets/{*path}", post(operate::target))
        .layer(from_fn_with_state(startup.clone(), operate::guard));
    let router = Router::new()
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz))
        .route("/startupz", get(admin::startupz))
        .route("/health", get(admin::readyz))
        .route("/status", get(admin::status))
        .merge(operations)
        .fallback(error::unknown_url)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(startup);
    serve(listener, router, stop, STALL_MAX).await
}

async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    stall_max: Duration,
) -> std::io::Result<()> {
    // Without this the first tokens of a stream wait up to 40 ms for a packet to fill.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch Nagle's algorithm off");
        }
    });
    let listener = Impatient::new(listener, stall_max);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}
