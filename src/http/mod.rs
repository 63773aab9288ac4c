//! The HTTP edge; the only part that names axum.
//!
//! The data listener serves callers, the admin listener serves operators. Whatever axum itself would refuse in plain text is
//! refused here in the callers' own dialect.

mod admin;
mod auth;
mod chat;
mod error;
mod models;
mod sandbox;
mod stream;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use auth::ApiKeys;
pub use sandbox::serve_sandbox;

use crate::pipeline::Pipeline;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    pipeline: Pipeline,
    keys: ApiKeys,
    body_bytes_max: usize,
    in_flight: Arc<Semaphore>,
    in_flight_max: usize,
    draining: AtomicBool,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(pipeline: Pipeline) -> Arc<Self> {
        let server = &pipeline.snapshot.config().server;
        let keys = ApiKeys::new(&server.api_keys);
        let (body_bytes_max, in_flight_max) = (server.body_bytes_max, server.in_flight_max);
        let in_flight = Arc::new(Semaphore::new(in_flight_max));
        let draining = AtomicBool::new(false);
        Arc::new(Self { pipeline, keys, body_bytes_max, in_flight, in_flight_max, draining })
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
    let routes = Router::new()
        .route("/chat/completions", post(chat::completions))
        .route("/route", post(chat::route))
        .route("/models", get(models::list))
        .route("/models/{*id}", get(models::one));
    let router = Router::new()
        .nest("/v1", routes.clone())
        .merge(routes)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), auth::check))
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz_for_callers))
        .fallback(error::unknown_url)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(app);
    serve(listener, router, stop).await
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
    let router = Router::new()
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz))
        .route("/startupz", get(admin::startupz))
        .route("/health", get(admin::readyz))
        .route("/status", get(admin::status))
        .fallback(error::unknown_url)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(startup);
    serve(listener, router, stop).await
}

async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    // Without this the first tokens of a stream wait up to 40 ms for a packet to fill.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot switch Nagle's algorithm off");
        }
    });
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}
