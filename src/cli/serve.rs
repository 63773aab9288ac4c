//! `semroute serve`: the gateway.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::signal;
use tokio_util::sync::CancellationToken;

use super::{ConfigArgs, Ran, environment, fetch_env, progress};
use crate::config::{self, Config, Credential};
use crate::gateway;
use crate::http::{App, Startup, serve_admin, serve_data, serve_sandbox};

/// Longest time that answers under way may take after the first signal to stop.
const DRAIN_MAX: Duration = Duration::from_secs(600);

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
    let (config, providers) = load(args, &end).await?;
    check_exposure(&config, args)?;
    let brain = tokio::task::block_in_place(|| {
        gateway::load_brain(Arc::clone(&config), &fetch_env(), &mut progress("reading examples"))
    })?;
    let app = App::new(gateway::start(brain.embedder, brain.snapshot)?);
    startup.complete(Arc::clone(&app));
    let drain = CancellationToken::new();
    let data = tokio::spawn(serve_data(listener, Arc::clone(&app), drain.clone()));
    // Nobody has to read this: a gateway whose standard output is closed goes on serving.
    drop(welcome(out, &config, addresses, &providers));

    stop_signal().await?;
    app.drain();
    let stopping = "stopping when the answers under way are complete; a second signal stops now";
    drop(writeln!(out, "{stopping}"));
    drain.cancel();
    tokio::select! {
        done = tokio::time::timeout(DRAIN_MAX, data) => match done {
            Ok(served) => served.context("the listener's task ended")?.context("the listener failed")?,
            Err(_elapsed) => tracing::warn!("answers were still under way when the time was up"),
        },
        second = stop_signal() => second?,
    }
    // Operators and simulated providers are needed until the last answer is complete.
    end.cancel();
    Ok(())
}

async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen on {address}; choose another address with {flag}"))
}

/// Who answers.
#[derive(Debug)]
enum Providers {
    Real,
    Simulated {
        /// How to get to the real ones.
        remedy: String,
    },
}

/// The configuration, and who answers for its providers.
async fn load(
    args: &ServeArgs,
    end: &CancellationToken,
) -> anyhow::Result<(Arc<Config>, Providers)> {
    let path = &args.config.config;
    let loaded = config::load(path, &environment, None)?;
    let has_provider = loaded.config.providers.iter().any(|provider| provider.is_usable());
    if has_provider && !args.sandbox {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        return Ok((Arc::new(loaded.config), Providers::Real));
    }
    let remedy = if has_provider {
        "start without --sandbox".to_owned()
    } else {
        format!("set one of {}, and restart", unset_keys(&loaded.config).join(", "))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot start the sandbox")?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve_sandbox(listener, args.sandbox_down.clone(), end.clone()));
    let simulated = config::load(path, &environment, Some(&address))?;
    Ok((Arc::new(simulated.config), Providers::Simulated { remedy }))
}

/// The variables that would bring in a provider, in file order.
fn unset_keys(config: &Config) -> Vec<&str> {
    let unset = config.providers.iter().filter_map(|provider| match &provider.credential {
        Credential::Unset { variable } => Some(variable.as_str()),
        Credential::Key(_) | Credential::NotNeeded => None,
    });
    unset.collect()
}

/// An open gateway on a network would let strangers spend the operator's money, and an open status page tell them about it.
fn check_exposure(config: &Config, args: &ServeArgs) -> anyhow::Result<()> {
    let server = &config.server;
    if !args.listen.ip().is_loopback() && server.api_keys.is_empty() && !server.allow_open {
        bail!(
            "{} can be reached from other machines and no caller key is set; \
             set SEMROUTE_API_KEY (server.api_keys), or server.allow_open: true",
            args.listen
        );
    }
    if !args.admin_listen.ip().is_loopback() && !server.allow_open_admin {
        bail!(
            "{} can be reached from other machines and the operators' pages ask for no key; \
             listen on 127.0.0.1, or set server.allow_open_admin: true",
            args.admin_listen
        );
    }
    Ok(())
}

fn welcome(
    out: &mut dyn Write,
    config: &Config,
    (data, admin): (SocketAddr, SocketAddr),
    providers: &Providers,
) -> std::io::Result<()> {
    writeln!(out, "semroute {} listens on http://{data}/v1", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "operators: http://{admin}/status")?;
    writeln!(
        out,
        "{} query types, {} examples, {} tiers",
        config.query_types.len(),
        config.examples.len(),
        config.tiers.len()
    )?;
    if let Providers::Simulated { remedy } = providers {
        writeln!(out, "\nSANDBOX: simulated providers answer. For real ones {remedy}.")?;
    } else {
        let usable = config.providers.iter().filter(|provider| provider.is_usable());
        let names: Vec<&str> = usable.map(|provider| provider.name.as_str()).collect();
        writeln!(out, "providers: {}", names.join(", "))?;
        for provider in &config.providers {
            if let Credential::Unset { variable } = &provider.credential {
                tracing::debug!(provider = provider.name, variable, "left out, no key");
            }
        }
    }
    let key = if config.server.api_keys.is_empty() {
        ""
    } else {
        " -H \"Authorization: Bearer $SEMROUTE_API_KEY\""
    };
    writeln!(
        out,
        "
Try it:
  curl -i http://{data}/v1/chat/completions{key} -H 'Content-Type: application/json' \\
    -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"Can I take ibuprofen with my blood thinner?\"}}]}}'
  curl -N http://{data}/v1/chat/completions{key} -H 'Content-Type: application/json' \\
    -d '{{\"model\":\"auto\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Write a limerick about a lighthouse\"}}]}}'
  curl http://{data}/v1/route{key} -H 'Content-Type: application/json' \\
    -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"Why does my loop never end?\"}}]}}'
"
    )?;
    out.flush()
}

/// Waits for Ctrl-C, or for the signal with which a process manager stops a process.
async fn stop_signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            pressed = signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}
