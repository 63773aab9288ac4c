//! The rules that a gateway serves by: read at the start, and again whenever somebody asks for it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::{environment, fetch_env};
use super::ServeArgs;
use crate::config::{
    self, Config, ConfigError, Credential, Loaded, Problem, Server, Severity, Sources,
};
use crate::gateway::{self, BuildError};
use crate::http::{Successor, serve_sandbox};
use crate::pipeline::Pipeline;

/// Who answers. That is settled at the start: keys come from the environment, which does not change.
#[derive(Debug)]
pub(super) enum Providers {
    Real,
    Simulated {
        /// Where they listen.
        address: String,
        /// How to get to the real ones.
        remedy: String,
    },
}

/// Where rules come from, and what the last reading of them has read.
#[derive(Debug)]
pub(super) struct Rules {
    path: PathBuf,
    listen: SocketAddr,
    admin_listen: SocketAddr,
    providers: Providers,
    sources: watch::Sender<Sources>,
    /// Ends the watching of providers.
    watching: Mutex<Option<DropGuard>>,
}

impl Rules {
    /// Reads the rules for the first time. Without the key of any provider a sandbox answers, until `end`.
    pub(super) async fn open(
        args: &ServeArgs,
        end: &CancellationToken,
    ) -> anyhow::Result<(Arc<Self>, Arc<Config>)> {
        let (path, sources) = (args.config.config.clone(), watch::Sender::default());
        let loaded = read(&path, None, &sources)?;
        let has_key = has_provider(&loaded.config);
        let (loaded, providers) = if has_key && !args.sandbox {
            (loaded, Providers::Real)
        } else {
            let remedy = if has_key {
                "start without --sandbox".to_owned()
            } else {
                format!("set one of {}, and restart", unset_keys(&loaded.config).join(", "))
            };
            let address = start_sandbox(args, end).await?;
            let simulated = read(&path, Some(&address), &sources)?;
            // That every provider is simulated is all there is to say.
            let simulated = Loaded { warnings: Vec::new(), ..simulated };
            (simulated, Providers::Simulated { address, remedy })
        };
        warn(&loaded);
        let (listen, admin_listen) = (args.listen, args.admin_listen);
        let watching = Mutex::default();
        let rules = Self { path, listen, admin_listen, providers, sources, watching };
        if let Some(exposure) = rules.exposure(&loaded.config.server) {
            bail!(exposure);
        }
        Ok((Arc::new(rules), Arc::new(loaded.config)))
    }

    pub(super) fn providers(&self) -> &Providers {
        &self.providers
    }

    /// What the last reading has read; tells of every further one.
    pub(super) fn sources(&self) -> watch::Receiver<Sources> {
        self.sources.subscribe()
    }

    /// Reads the rules again, and makes of them what serves next.
    pub(super) fn successor(self: Arc<Self>) -> Successor {
        Box::new(move |serving: &Pipeline| {
            let config = Arc::new(self.read_again()?);
            let next = gateway::succeed(serving, config, &fetch_env())
                .and_then(|next| self.watch(&next).map(|()| next));
            next.map_err(|error| self.refuse(format!("{:#}", anyhow::Error::from(error))))
        })
    }

    /// Looks at providers as the pipeline's configuration says, and no longer as another one said.
    pub(super) fn watch(&self, pipeline: &Pipeline) -> Result<(), BuildError> {
        let cancel = CancellationToken::new();
        gateway::watch(pipeline.snapshot.config(), &pipeline.priors, &cancel)?;
        *self.watching.lock() = Some(cancel.drop_guard());
        Ok(())
    }

    fn read_again(&self) -> Result<Config, ConfigError> {
        let sandbox = match &self.providers {
            Providers::Real => None,
            Providers::Simulated { address, .. } => Some(address.as_str()),
        };
        let loaded = read(&self.path, sandbox, &self.sources)?;
        if !has_provider(&loaded.config) {
            let keys = unset_keys(&loaded.config).join(", ");
            let message = format!("no provider has a key any more; set one of {keys}, and restart");
            return Err(self.refuse(message));
        }
        if let Some(exposure) = self.exposure(&loaded.config.server) {
            return Err(self.refuse(exposure));
        }
        warn(&loaded);
        Ok(loaded.config)
    }

    /// Why these rules may not be served by, when no line of them alone is at fault.
    fn refuse(&self, message: String) -> ConfigError {
        let (severity, file) = (Severity::Error, self.path.clone());
        ConfigError {
            problems: vec![Problem { severity, file, line: 0, key: String::new(), message }],
        }
    }

    /// An open gateway on a network would let strangers spend the operator's money, and an open status page tell them about it.
    fn exposure(&self, server: &Server) -> Option<String> {
        if !self.listen.ip().is_loopback() && server.api_keys.is_empty() && !server.allow_open {
            return Some(format!(
                "{} can be reached from other machines and no caller key is set; \
                 set SEMROUTE_API_KEY (server.api_keys), or server.allow_open: true",
                self.listen
            ));
        }
        let is_hidden = self.admin_listen.ip().is_loopback() || server.allow_open_admin;
        (!is_hidden).then(|| {
            format!(
                "{} can be reached from other machines and the operators' pages ask for no key; \
                 listen on 127.0.0.1, or set server.allow_open_admin: true",
                self.admin_listen
            )
        })
    }
}

fn read(
    path: &std::path::Path,
    sandbox: Option<&str>,
    sources: &watch::Sender<Sources>,
) -> Result<Loaded, ConfigError> {
    let mut noted = Sources::default();
    let loaded = config::load_noting(path, &environment, sandbox, &mut noted);
    sources.send_replace(noted);
    loaded
}

fn warn(loaded: &Loaded) {
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
}

async fn start_sandbox(args: &ServeArgs, end: &CancellationToken) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot start the sandbox")?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve_sandbox(listener, args.sandbox_down.clone(), end.clone()));
    Ok(address)
}

fn has_provider(config: &Config) -> bool {
    config.providers.iter().any(|provider| provider.is_usable())
}

/// The variables that would bring in a provider, in file order.
fn unset_keys(config: &Config) -> Vec<&str> {
    let unset = config.providers.iter().filter_map(|provider| match &provider.credential {
        Credential::Unset { variable } => Some(variable.as_str()),
        Credential::Key(_)
        | Credential::Aws { .. }
        | Credential::Google(_)
        | Credential::NotNeeded => None,
    });
    unset.collect()
}
