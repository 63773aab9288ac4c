//! The embedder and a snapshot made with it: what has to be there before the first prompt is read.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::kept::{self, Key};
use super::{BuildError, open_embedder, read_texts, vectors_folder};
use crate::classify::{Classifier, Examples, FIT_VERSION, Fit, Sides, Snapshot};
use crate::config::{Config, Example};
use crate::embed::fetch::FetchEnv;
use crate::embed::{Embedder, Features, Glance, NGRAMS_VERSION, OnProgress, StaticTable};
use crate::index::{Index, IndexError};

/// The first generation of a process.
const FIRST_GENERATION: u64 = 1;

/// The embedder, loaded, and a snapshot made with it.
pub struct Brain {
    /// The model that reads prompts; nothing when glances decide alone.
    pub embedder: Option<Box<dyn Embedder>>,
    /// Rules, examples and index.
    pub snapshot: Arc<Snapshot>,
}

impl std::fmt::Debug for Brain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let embedder = self.embedder.as_ref().map(|embedder| embedder.fingerprint());
        f.debug_struct("Brain").field("embedder", &embedder).finish_non_exhaustive()
    }
}

/// Fetches and loads the model, reads the examples and fits what decides. Takes seconds the first time, and blocks; what was
/// fitted is kept, so that the next start takes a blink.
///
/// # Errors
/// Says what is missing and how to get it.
pub fn load_brain(
    config: Arc<Config>,
    env: &FetchEnv,
    on_progress: OnProgress<'_>,
) -> Result<Brain, BuildError> {
    let table = table()?;
    let embedder = open_embedder(&config, env)?;
    let folder = vectors_folder(&env.cache);
    let key = key(&config, &table, embedder.as_deref());
    let path = folder.join("examples.fit");
    let fit = match kept::open(&path, &key) {
        Some(fit) => fit,
        None => {
            let texts: Vec<&str> =
                config.examples.iter().map(|example| example.text.as_str()).collect();
            let features = match &embedder {
                Some(embedder) => read_texts(&**embedder, &texts, env, on_progress)?,
                None => Vec::new(),
            };
            let stops = embedder.as_ref().map_or(&[][..], |embedder| embedder.stops());
            let fit = fit(&config, &table, &features, stops)?;
            kept::keep(&path, &key, &fit);
            fit
        }
    };
    let snapshot = snapshot(config, table, fit, &folder.join("examples.graph"))?;
    Ok(Brain { embedder, snapshot: Arc::new(snapshot) })
}

/// The table for glances.
///
/// # Errors
/// Never, in a binary that passed its tests.
pub fn table() -> Result<Arc<StaticTable>, BuildError> {
    Ok(Arc::new(StaticTable::builtin()?))
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
) -> Result<Snapshot, BuildError> {
    let table = table()?;
    let fit = fit(&config, &table, features, stops)?;
    Ok(snapshot(config, table, fit, graph)?)
}

fn fit(
    config: &Config,
    table: &StaticTable,
    features: &[Features],
    stops: &[usize],
) -> Result<Fit, IndexError> {
    let glances: Vec<Glance> =
        config.examples.iter().map(|example| table.glance(&example.text)).collect();
    Fit::new(&Examples {
        glances: &glances,
        features: &features.iter().collect::<Vec<&Features>>(),
        stops,
        labels: &labels(config),
        sides: &sides(config),
        vote: config.vote,
        may_stop: config.embedder.model.may_stop(),
    })
}

fn snapshot(
    config: Arc<Config>,
    table: Arc<StaticTable>,
    fit: Fit,
    graph: &Path,
) -> Result<Snapshot, IndexError> {
    let index = Index::open(&fit.deepest_places(), config.index, graph)?;
    Ok(Snapshot::new(config, table, Classifier::new(fit, index)?, FIRST_GENERATION))
}

/// The place of each example's query type in the configuration.
fn labels(config: &Config) -> Vec<usize> {
    let place = |example: &Example| {
        config.query_types.iter().position(|each| Arc::ptr_eq(each, &example.query_type))
    };
    config.examples.iter().filter_map(place).collect()
}

/// Query types as labels, and tiers as their sides.
fn sides(config: &Config) -> Sides {
    let tier_of = |query_type: &Arc<crate::config::QueryType>| {
        config.tiers.iter().position(|tier| Arc::ptr_eq(tier, &query_type.tier)).unwrap_or(0)
    };
    Sides {
        of_label: config.query_types.iter().map(tier_of).collect(),
        strictness: config.tiers.iter().map(|tier| tier.strictness).collect(),
    }
}

/// Names everything that changes a fit.
fn key(config: &Config, table: &StaticTable, embedder: Option<&dyn Embedder>) -> Key {
    let Sides { of_label, strictness } = sides(config);
    let model = embedder.map_or("", |embedder| embedder.fingerprint());
    let (vote, may_stop) = (config.vote, config.embedder.model.may_stop());
    let settings = format!(
        "{FIT_VERSION} {NGRAMS_VERSION} {} {model} {vote:?} {may_stop} {of_label:?} {strictness:?}",
        table.fingerprint()
    );
    let mut hash = Sha256::new();
    hash.update(settings);
    for (example, label) in config.examples.iter().zip(labels(config)) {
        hash.update(label.to_le_bytes());
        hash.update(example.text.len().to_le_bytes());
        hash.update(&example.text);
    }
    Key(hash.finalize().into())
}
