//! Puts the parts together: the only place that knows all of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::classify::{Snapshot, Space};
use crate::config::{Config, Example};
use crate::embed::fetch::{self, FetchEnv, FetchError};
use crate::embed::manifest::{Manifest, ManifestError};
use crate::embed::{
    Bert, EmbedError, Embedder, Features, LoadError, OnProgress, Reader, ReaderLimits, Reference,
    read_examples,
};
use crate::execute::Executor;
use crate::health::{HealthTable, OutcomeTable};
use crate::index::{Index, IndexError};
use crate::pipeline::Pipeline;
use crate::provider::{Client, ClientError};
use crate::simd::Simd;

/// The first generation of a process.
const FIRST_GENERATION: u64 = 1;

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
    /// The local model cannot read the examples.
    #[error("cannot read the examples")]
    Embed(#[from] EmbedError),
    /// The examples cannot be compared with each other.
    #[error("cannot index the examples")]
    Index(#[from] IndexError),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The operating system gave no thread.
    #[error("cannot start the embedder's thread")]
    Thread(#[source] std::io::Error),
}

/// The embedder, loaded, and a snapshot made with it.
#[derive(Debug)]
pub struct Brain {
    /// The local model.
    pub embedder: Bert,
    /// Rules, examples and index.
    pub snapshot: Arc<Snapshot>,
}

/// Fetches and loads the local model, and reads the examples. Takes seconds the first time, and blocks.
///
/// # Errors
/// Says what is missing and how to get it.
pub fn load_brain(
    config: Arc<Config>,
    env: &FetchEnv,
    on_progress: OnProgress<'_>,
) -> Result<Brain, BuildError> {
    let embedder = load_embedder(&config.embedder.model, env)?;
    let texts: Vec<&str> = config.examples.iter().map(|example| example.text.as_str()).collect();
    let features = read_texts(&embedder, &texts, env, on_progress)?;
    let graph = vectors_folder(&env.cache).join("examples.graph");
    let snapshot = fit_snapshot(config, &features, embedder.stops(), &graph)?;
    Ok(Brain { embedder, snapshot: Arc::new(snapshot) })
}

/// Fits what decides to a configuration's examples, given what an embedder with these stops sees in each of them. A graph,
/// where one is worth drawing, is kept in the file `graph`.
///
/// # Errors
/// When an example cannot be compared with the others.
pub fn fit_snapshot(
    config: Arc<Config>,
    features: &[Features],
    stops: &[usize],
    graph: &Path,
) -> Result<Snapshot, IndexError> {
    let features: Vec<&[f32]> = features.iter().map(Features::as_slice).collect();
    let labels = labels(&config);
    let (space, places) = Space::fit(&features, stops, &labels, config.query_types.len());
    let index = Index::open(&places, config.index, graph)?;
    Ok(Snapshot::new(config, space, index, FIRST_GENERATION))
}

/// The place of each example's query type in the configuration.
fn labels(config: &Config) -> Vec<usize> {
    let place = |example: &Example| {
        config.query_types.iter().position(|each| Arc::ptr_eq(each, &example.query_type))
    };
    config.examples.iter().filter_map(place).collect()
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
pub fn start(embedder: impl Embedder, snapshot: Arc<Snapshot>) -> Result<Pipeline, BuildError> {
    let config = snapshot.config();
    let limits = ReaderLimits { deadline: config.embedder.deadline };
    let reader = Reader::start(embedder, limits).map_err(BuildError::Thread)?;
    let targets = config.tiers.iter().flat_map(|tier| &tier.targets);
    let health = HealthTable::new(config.breaker, targets.map(|target| target.id.as_str()));
    let client = Client::new(config.timers.connect)?;
    let outcomes = Arc::new(OutcomeTable::new(config.outcomes.clone()));
    let executor = Executor::new(client, health.clone(), outcomes, config.timers);
    Ok(Pipeline { snapshot, reader, health, executor })
}

fn vectors_folder(cache: &Path) -> PathBuf {
    cache.join("vectors")
}
