//! Puts the parts together: the only place that knows all of them.

mod brain;
mod kept;
mod memory;
mod succeed;
mod watching;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

pub use brain::{Brain, example_texts, fit_snapshot, load_brain, table};
pub use memory::{keep_pace, recall_pace};
pub use succeed::succeed;
pub use watching::watch;

use crate::classify::Snapshot;
use crate::config::{self, Config, Device, RemoteModel};
use crate::embed::fetch::{self, FetchEnv, FetchError};
use crate::embed::manifest::{Manifest, ManifestError};
use crate::embed::{
    Bert, Chip, EmbedError, Embedder, Features, LoadError, OnDevice, OnProgress, Reader,
    ReaderLimits, Reference, Remote, TableError, read_examples,
};
use crate::execute::Executor;
use crate::health::{HealthTable, OutcomeTable};
use crate::index::IndexError;
use crate::pipeline::Pipeline;
use crate::provider::{Asker, Client, ClientError};
use crate::simd::Simd;
use crate::watch::Priors;

/// Why the parts do not come together.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The list of local models is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The local model cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The local model cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The program was built without that device.
    #[error(
        "this program was built without {0:?}; build it with `--features cuda` or `--features metal`, or write `device: cpu`"
    )]
    NotBuilt(Chip),
    /// The local model cannot read the examples.
    #[error("cannot read the examples")]
    Embed(#[from] EmbedError),
    /// The examples cannot be compared with each other.
    #[error("cannot index the examples")]
    Index(#[from] IndexError),
    /// The table for glances cannot be used.
    #[error("cannot use the table inside this program; build it again")]
    Table(#[from] TableError),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The operating system gave no thread, or no sockets for it.
    #[error("cannot start the embedder's thread")]
    Thread(#[source] std::io::Error),
}

/// The embedder that a configuration asks for; nothing when glances decide alone.
///
/// # Errors
/// Says what is missing and how to get it. A server is not asked yet.
pub fn open_embedder(
    config: &Config,
    env: &FetchEnv,
) -> Result<Option<Box<dyn Embedder>>, BuildError> {
    let settings = &config.embedder;
    match (&settings.remote, settings.model.local()) {
        (Some(remote), _) => {
            Ok(Some(Box::new(reach(remote, settings, Client::new(config.timers.connect)?)?)))
        }
        (None, Some(name)) => match chip(settings.device) {
            None => Ok(Some(Box::new(load_embedder(name, env)?))),
            Some(chip) => Ok(Some(Box::new(load_on(chip, name, env)?))),
        },
        (None, None) => Ok(None),
    }
}

/// The graphics processor that a configuration asks for.
fn chip(device: Device) -> Option<Chip> {
    match device {
        Device::Cpu => None,
        Device::Cuda => Some(Chip::Cuda),
        Device::Metal => Some(Chip::Metal),
    }
}

/// The same as [`load_embedder`], in floats on a device of candle's.
///
/// # Errors
/// Says what is missing and how to get it.
pub fn load_on(chip: Chip, name: &str, env: &FetchEnv) -> Result<OnDevice, BuildError> {
    if !chip.is_built() {
        return Err(BuildError::NotBuilt(chip));
    }
    let manifest = Manifest::builtin()?;
    let model = manifest.find(name)?;
    Ok(OnDevice::load(&fetch::ensure(model, env, &*fetch::on_stderr())?, model, chip)?)
}

fn reach(
    remote: &RemoteModel,
    settings: &config::Embedder,
    client: Client,
) -> Result<Remote, BuildError> {
    let (endpoint, limit) = (Arc::clone(&remote.endpoint), settings.deadline);
    let asker = Asker::start(client, endpoint, "embeddings", limit).map_err(BuildError::Thread)?;
    let ask = Box::new(move |body| asker.ask(body));
    Ok(Remote::new(&remote.endpoint.base_url, &remote.name, remote.dimensions, ask))
}

/// Fetches a local model where needed, and loads it.
///
/// # Errors
/// Says what is missing and how to get it.
pub fn load_embedder(name: &str, env: &FetchEnv) -> Result<Bert, BuildError> {
    let manifest = Manifest::builtin()?;
    let model = manifest.find(name)?;
    let files = fetch::ensure(model, env, &*fetch::on_stderr())?;
    Ok(Bert::load(&files, model, Simd::best())?)
}

/// The same model on candle alone, to compare with.
///
/// # Errors
/// Says what is missing and how to get it.
pub fn load_reference(name: &str, env: &FetchEnv) -> Result<Reference, BuildError> {
    let manifest = Manifest::builtin()?;
    let model = manifest.find(name)?;
    Ok(Reference::load(&fetch::ensure(model, env, &*fetch::on_stderr())?, model)?)
}

/// The features of texts, from the cache where they were read before.
///
/// # Errors
/// When the model fails.
pub fn read_texts(
    embedder: &dyn Embedder,
    texts: &[&str],
    env: &FetchEnv,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Features>, BuildError> {
    Ok(read_examples(embedder, texts, &vectors_folder(&env.cache), on_progress)?)
}

/// Starts what answers requests.
///
/// # Errors
/// When the operating system refuses a thread or certificates.
pub fn start(
    embedder: Option<impl Embedder>,
    snapshot: Arc<Snapshot>,
) -> Result<Pipeline, BuildError> {
    let config = snapshot.config();
    let limits = ReaderLimits { deadline: config.embedder.deadline };
    let reader = embedder.map(|embedder| Reader::start(embedder, limits));
    let reader = reader.transpose().map_err(BuildError::Thread)?;
    let targets = config.tiers.iter().flat_map(|tier| &tier.targets);
    let health = HealthTable::new(config.breaker, targets);
    let client = Client::new(config.timers.connect)?;
    Ok(assemble(snapshot, reader, (health, Priors::default()), client))
}

fn assemble(
    snapshot: Arc<Snapshot>,
    reader: Option<Reader>,
    (health, priors): (HealthTable, Priors),
    client: Client,
) -> Pipeline {
    let config = snapshot.config();
    let outcomes = Arc::new(OutcomeTable::new(config.outcomes.clone()));
    let executor = Executor::new(client.clone(), health.clone(), outcomes, config.timers);
    Pipeline { snapshot, reader, health, client, priors, executor }
}

fn vectors_folder(cache: &Path) -> PathBuf {
    cache.join("vectors")
}
