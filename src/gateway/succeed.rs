//! The next generation, made from the one that serves: what a change of the configuration does not touch is taken over.

use std::sync::Arc;

use super::brain::{Means, learn};
use super::{BuildError, assemble, open_embedder};
use crate::config::{self, Config, RemoteModel, Secret};
use crate::embed::fetch::FetchEnv;
use crate::embed::{Embedder, Reader, ReaderLimits};
use crate::pipeline::Pipeline;
use crate::provider::Client;

/// Makes the pipeline that a changed configuration asks for. It takes over the health of the targets, the connections, and the
/// model with its memory unless the configuration names another one. Blocks, for as long as a start with the same changes would.
///
/// # Errors
/// Says what is missing. The old pipeline is not touched, whatever happens.
pub fn succeed(
    old: &Pipeline,
    config: Arc<Config>,
    env: &FetchEnv,
) -> Result<Pipeline, BuildError> {
    let before = old.snapshot.config();
    // A model whose thread has ended is loaded again: a reload is the first thing that somebody tries.
    let alive = old.reader.as_ref().filter(|reader| reader.is_alive());
    let kept = alive.filter(|_| is_same(&before.embedder, &config.embedder));
    let opened = match kept {
        Some(_) => None,
        None => open_embedder(&config, env)?,
    };
    let connect = config.timers.connect;
    let limits = ReaderLimits { deadline: config.embedder.deadline };
    let embedder: Option<&dyn Embedder> = kept.map(Reader::embedder).or(opened.as_deref());
    let (table, generation) = (Arc::clone(old.snapshot.table()), old.snapshot.generation() + 1);
    let means = Means { table, embedder, generation };
    let snapshot = Arc::new(learn(config, means, env, &mut |_done, _total| {})?);
    let reader = match (kept, opened) {
        (Some(reader), _) => Some(reader.with_limits(limits)),
        (None, Some(fresh)) => Some(Reader::start(fresh, limits).map_err(BuildError::Thread)?),
        (None, None) => None,
    };
    let client =
        if before.timers.connect == connect { old.client.clone() } else { Client::new(connect)? };
    let targets = snapshot.config().tiers.iter().flat_map(|tier| &tier.targets);
    old.health.list(snapshot.config().breaker, targets);
    let known = (old.health.clone(), old.priors.clone());
    Ok(assemble(snapshot, reader, known, client))
}

/// Whether one embedder can stand for the other.
fn is_same(before: &config::Embedder, after: &config::Embedder) -> bool {
    let same_remote = match (&before.remote, &after.remote) {
        (None, None) => true,
        // A server is asked within the deadline; a local model knows nothing of it.
        (Some(a), Some(b)) => is_same_remote(a, b) && before.deadline == after.deadline,
        (Some(_), None) | (None, Some(_)) => false,
    };
    same_remote && before.model.local() == after.model.local() && before.device == after.device
}

fn is_same_remote(a: &RemoteModel, b: &RemoteModel) -> bool {
    a.name == b.name
        && a.dimensions == b.dimensions
        && a.endpoint.base_url == b.endpoint.base_url
        && key_of(a) == key_of(b)
}

fn key_of(remote: &RemoteModel) -> Option<&str> {
    remote.endpoint.credential.secrets().next().map(Secret::expose)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::{Credential, Device, Dialect, EmbedderModel, Provider};

    fn local(model: EmbedderModel) -> config::Embedder {
        let (device, deadline) = (Device::Cpu, Duration::from_millis(500));
        config::Embedder { model, device, remote: None, deadline }
    }

    fn remote(key: &str, deadline_ms: u64) -> config::Embedder {
        let credential = Credential::Key(Secret::new(key.to_owned()));
        let url = "http://127.0.0.1:1/v1";
        let endpoint = Arc::new(Provider::new("embedder", Dialect::OpenAi, url, credential));
        let remote = RemoteModel { endpoint, name: "m".to_owned(), dimensions: 3 };
        let deadline = Duration::from_millis(deadline_ms);
        config::Embedder { remote: Some(remote), deadline, ..local(EmbedderModel::Remote) }
    }

    #[test]
    fn a_model_is_kept_as_long_as_it_reads_the_same() {
        let longer =
            config::Embedder { deadline: Duration::from_secs(9), ..local(EmbedderModel::Minilm) };
        assert!(is_same(&local(EmbedderModel::Minilm), &longer));
        assert!(is_same(&local(EmbedderModel::Minilm), &local(EmbedderModel::Cascade)));
        assert!(!is_same(&local(EmbedderModel::Minilm), &local(EmbedderModel::BgeSmall)));
        let on_chip = config::Embedder { device: Device::Cuda, ..local(EmbedderModel::Minilm) };
        assert!(!is_same(&local(EmbedderModel::Minilm), &on_chip));
        assert!(is_same(&remote("a", 5), &remote("a", 5)));
        assert!(!is_same(&remote("a", 5), &remote("b", 5)));
        assert!(!is_same(&remote("a", 5), &remote("a", 6)));
        assert!(!is_same(&remote("a", 5), &local(EmbedderModel::Static)));
    }
}
