//! `semroute serve`: the gateway.

mod drain;
mod rules;
mod signals;
mod watch;
mod welcome;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use drain::{Callers, drain};
use rules::Rules;
use signals::{Hangups, Signals, reload_on_hangup};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use watch::reload_on_change;
use welcome::welcome;

use super::{ConfigArgs, Ran, environment, fetch_env, progress};
use crate::gateway;
use crate::health::HealthTable;
use crate::http::{App, Startup, serve_admin, serve_data};

/// How often what targets are used to is kept.
const KEEP_PACE_EVERY: Duration = Duration::from_secs(60);

/// Run the gateway.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where callers connect.
    #[arg(long, default_value = "127.0.0.1:7411", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where operators connect.
    #[arg(long, default_value = "127.0.0.1:7412", value_name = "ADDRESS")]
    admin_listen: SocketAddr,
    /// Answer from built-in simulated providers, although provider keys are set.
    #[arg(long)]
    sandbox: bool,
    /// In the sandbox, a provider that fails every request, to see a failover; may be repeated.
    #[arg(long, value_name = "PROVIDER")]
    sandbox_down: Vec<String>,
}

pub(super) fn run(args: &ServeArgs, out: &mut dyn Write) -> anyhow::Result<Ran> {
    start_logging();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(args, out));
    // Whatever still runs has been given its time.
    runtime.shutdown_background();
    served.map(|()| Ran::Well)
}

/// Log lines go to standard error; `RUST_LOG` filters them and `LOG_FORMAT=json` makes them JSON.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_unset| tracing_subscriber::EnvFilter::new("info,hnsw_rs=warn"));
    let colours = std::io::stderr().is_terminal() && environment("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    let installed = match environment("LOG_FORMAT").as_deref() {
        Some("json") => lines.json().flatten_event(true).try_init(),
        Some(_) | None => lines.try_init(),
    };
    drop(installed);
}

async fn serve(args: &ServeArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    // Listening comes first: a port in use should be known before a model is fetched, and operators may watch the start.
    let listener = listen(args.listen, "--listen").await?;
    let admin_listener = listen(args.admin_listen, "--admin-listen").await?;
    let addresses = (listener.local_addr()?, admin_listener.local_addr()?);
    let (startup, end) = (Startup::default(), CancellationToken::new());
    tokio::spawn(serve_admin(admin_listener, startup.clone(), end.clone()));
    let hangups = Hangups::listen()?;
    let (rules, config) = Rules::open(args, &end).await?;
    let brain = tokio::task::block_in_place(|| {
        gateway::load_brain(Arc::clone(&config), &fetch_env(), &mut progress("reading examples"))
    })?;
    let pipeline = gateway::start(brain.embedder, brain.snapshot)?;
    rules.watch(&pipeline)?;
    let health = pipeline.health.clone();
    gateway::recall_pace(&health, &fetch_env());
    tokio::spawn(keep_pace(health.clone()));
    let app = App::reloadable(pipeline, Arc::clone(&rules).successor());
    let mut signals = Signals::listen()?;
    startup.complete(Arc::clone(&app));
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve_data(listener, Arc::clone(&app), stop.clone()));
    tokio::spawn(reload_on_change(Arc::clone(&app), rules.sources()));
    tokio::spawn(reload_on_hangup(Arc::clone(&app), hangups));
    // Nobody has to read this: a gateway whose standard output is closed goes on serving.
    drop(welcome(out, &config, addresses, rules.providers()));
    drop(config);

    let first = signals.stop().await;
    app.drain();
    let stopping = "stopping when the answers under way are complete; a second signal stops now";
    drop(writeln!(out, "{stopping}"));
    drain(&app, Callers { task, stop }, first, &mut signals).await?;
    // Operators and simulated providers are needed until the last answer is complete.
    end.cancel();
    gateway::keep_pace(&health, &fetch_env());
    Ok(())
}

/// Keeps what targets are used to, now and then, because not every end is announced.
async fn keep_pace(health: HealthTable) {
    loop {
        tokio::time::sleep(KEEP_PACE_EVERY).await;
        let kept = health.clone();
        let written = tokio::task::spawn_blocking(move || gateway::keep_pace(&kept, &fetch_env()));
        drop(written.await);
    }
}

async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen on {address}; choose another address with {flag}"))
}
