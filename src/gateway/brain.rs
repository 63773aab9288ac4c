//! The embedder and a snapshot made with it: what has to be there before the first prompt is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::kept::{self, Key};
use super::{BuildError, open_embedder, read_texts, vectors_folder};
use crate::chat::{Lang, Passage, Prompt, language_of};
use crate::classify::{Classifier, Examples, FIT_VERSION, Fit, Sides, Snapshot};
use crate::config::{Config, Example};
use crate::embed::fetch::FetchEnv;
use crate::embed::{Embedder, Features, Glance, NGRAMS_VERSION, OnProgress, StaticTable};
use crate::index::{Index, IndexError};

/// The first generation of a process.
const FIRST_GENERATION: u64 = 1;

/// Examples that a language needs besides the local model's own, so that they are trusted in it.
const SPOKEN_MIN: usize = 20;

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
    let (table, embedder) = (table()?, open_embedder(&config, env)?);
    let means = Means { table, embedder: embedder.as_deref(), generation: FIRST_GENERATION };
    let snapshot = learn(config, means, env, on_progress)?;
    Ok(Brain { embedder, snapshot: Arc::new(snapshot) })
}

/// What a snapshot is made with, besides a configuration.
pub(super) struct Means<'a> {
    pub(super) table: Arc<StaticTable>,
    pub(super) embedder: Option<&'a dyn Embedder>,
    pub(super) generation: u64,
}

/// Takes what was fitted to these examples before, or else fits it.
pub(super) fn learn(
    config: Arc<Config>,
    Means { table, embedder, generation }: Means<'_>,
    env: &FetchEnv,
    on_progress: OnProgress<'_>,
) -> Result<Snapshot, BuildError> {
    let folder = vectors_folder(&env.cache);
    let lessons = lessons(&config);
    let key = key(&config, &table, embedder, &lessons);
    let path = folder.join("examples.fit");
    let fit = match kept::open(&path, &key) {
        Some(fit) => fit,
        None => {
            let texts: Vec<&str> = lessons.iter().map(|lesson| lesson.text.as_str()).collect();
            let features = match embedder {
                Some(embedder) => read_texts(embedder, &texts, env, on_progress)?,
                None => Vec::new(),
            };
            let stops = embedder.map_or(&[][..], |embedder| embedder.stops());
            let fit = fit(&config, &table, &lessons, &features, stops)?;
            kept::keep(&path, &key, &fit);
            fit
        }
    };
    let parts = Parts { table, fit, generation };
    Ok(snapshot(config, parts, &folder.join("examples.graph"))?)
}

/// The table for glances.
///
/// # Errors
/// Never, in a binary that passed its tests.
pub fn table() -> Result<Arc<StaticTable>, BuildError> {
    Ok(Arc::new(StaticTable::builtin()?))
}

/// Fits what decides to a configuration's examples, given what an embedder with these stops sees in each of their
/// [`example_texts`]. A graph, where one is worth drawing, is kept in the file `graph`.
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
    let fit = fit(&config, &table, &lessons(&config), features, stops)?;
    Ok(snapshot(config, Parts { table, fit, generation: FIRST_GENERATION }, graph)?)
}

/// The texts that a configuration's examples teach by, in the order in which a fit takes them.
#[must_use]
pub fn example_texts(config: &Config) -> Vec<Passage> {
    lessons(config).into_iter().map(|lesson| lesson.text).collect()
}

/// A text to learn from.
struct Lesson {
    text: Passage,
    label: usize,
    /// The example that it stands for, by its place in the configuration.
    example: usize,
}

/// Every example as a prompt is read, and of those with a pasted text the instruction as well: of a prompt with a pasted text
/// the instruction decides, and it has to be known without one.
fn lessons(config: &Config) -> Vec<Lesson> {
    let (mut lessons, mut instructions) = (Vec::new(), Vec::new());
    let labelled = config.examples.iter().zip(labels(config)).enumerate();
    for (example, (text, label)) in labelled.map(|(at, (each, label))| (at, (&each.text, label))) {
        // Every example has something visible in it, or the configuration would have been refused.
        let Some(prompt) = Prompt::new(text) else { continue };
        if prompt.payload.is_some() {
            instructions.push(Lesson { text: prompt.instruction, label, example });
        }
        lessons.push(Lesson { text: prompt.whole, label, example });
    }
    let mut known: BTreeSet<String> =
        lessons.iter().map(|lesson| lesson.text.as_str().to_owned()).collect();
    instructions.retain(|lesson| known.insert(lesson.text.as_str().to_owned()));
    lessons.append(&mut instructions);
    lessons
}

fn fit(
    config: &Config,
    table: &StaticTable,
    lessons: &[Lesson],
    features: &[Features],
    stops: &[usize],
) -> Result<Fit, IndexError> {
    let glances: Vec<Glance> =
        lessons.iter().map(|lesson| table.glance(lesson.text.as_str())).collect();
    let labels: Vec<usize> = lessons.iter().map(|lesson| lesson.label).collect();
    let names: Vec<usize> = lessons.iter().map(|lesson| lesson.example).collect();
    Fit::new(&Examples {
        glances: &glances,
        features: &features.iter().collect::<Vec<&Features>>(),
        stops,
        labels: &labels,
        names: &names,
        sides: &sides(config),
        vote: config.vote,
        may_stop: config.embedder.model.may_stop(),
    })
}

struct Parts {
    table: Arc<StaticTable>,
    fit: Fit,
    generation: u64,
}

fn snapshot(
    config: Arc<Config>,
    Parts { table, fit, generation }: Parts,
    graph: &Path,
) -> Result<Snapshot, IndexError> {
    let index = Index::open(&fit.deepest_places(), config.index, graph)?;
    let (classifier, spoken) = (Classifier::new(fit, index)?, spoken(&config));
    Ok(Snapshot::new(config, table, classifier, spoken, generation))
}

/// The languages in which examples are to be trusted: the local model's own, and those of enough examples. What a server
/// speaks is not known here, so it is trusted with all.
fn spoken(config: &Config) -> Option<BTreeSet<Lang>> {
    let mut counts: BTreeMap<Lang, usize> = BTreeMap::new();
    for example in &config.examples {
        if let Some(language) = language_of(&example.text) {
            *counts.entry(language).or_default() += 1;
        }
    }
    let taught = counts.into_iter().filter(|(_, count)| *count >= SPOKEN_MIN);
    let spoken = taught.map(|(language, _)| language).chain([Lang::English]).collect();
    config.embedder.remote.is_none().then_some(spoken)
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
fn key(
    config: &Config,
    table: &StaticTable,
    embedder: Option<&dyn Embedder>,
    lessons: &[Lesson],
) -> Key {
    let Sides { of_label, strictness } = sides(config);
    let model = embedder.map_or("", |embedder| embedder.fingerprint());
    let (vote, may_stop) = (config.vote, config.embedder.model.may_stop());
    let settings = format!(
        "{FIT_VERSION} {NGRAMS_VERSION} {} {model} {vote:?} {may_stop} {of_label:?} {strictness:?}",
        table.fingerprint()
    );
    let mut hash = Sha256::new();
    hash.update(settings);
    for Lesson { text, label, example } in lessons {
        hash.update(label.to_le_bytes());
        hash.update(example.to_le_bytes());
        hash.update(text.as_str().len().to_le_bytes());
        hash.update(text.as_str());
    }
    Key(hash.finalize().into())
}
