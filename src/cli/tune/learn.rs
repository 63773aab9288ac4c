//! A classifier for labels of any kind, fitted to rows of a file: what `tune eval --train` judges.
//!
//! Everything that `tune eval` knows of the classifier stands here, in `Learner::fit` and `Learned::judge`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use tokio::time::Instant;

use super::super::served::WARM_UP;
use super::super::{fetch_env, progress};
use crate::chat::Prompt;
use crate::classify::{Classifier, Examples, Fit, Sides};
use crate::config::{Config, IndexKind, Vote};
use crate::embed::{Embedder, Features, Glance, StaticTable};
use crate::gateway;
use crate::index::Index;
use crate::tune::{Fold, Opinion, Row, Training};

/// The embedder and what it reads in the rows to learn from; shared by all folds, so that each row is read once.
pub(super) struct Learner<'a> {
    rows: &'a [Row],
    table: Arc<StaticTable>,
    embedder: Option<Box<dyn Embedder>>,
    seen: BTreeMap<usize, Seen>,
    vote: Vote,
    index: IndexKind,
    may_stop: bool,
}

/// What is seen of a row to learn from.
struct Seen {
    glance: Glance,
    /// Nothing when glances decide alone.
    features: Option<Features>,
}

/// A classifier fitted to one fold.
pub(super) struct Learned {
    names: Vec<String>,
    classifier: Classifier,
}

impl<'a> Learner<'a> {
    /// Reads every row that some fold learns from, unless an earlier run has.
    pub(super) fn new(rows: &'a [Row], folds: &[Fold], config: &Config) -> anyhow::Result<Self> {
        let env = fetch_env();
        let (table, embedder) = (gateway::table()?, gateway::open_embedder(config, &env)?);
        let places: BTreeSet<usize> = folds.iter().flat_map(|fold| &fold.train).copied().collect();
        let texts: Vec<&str> =
            places.iter().filter_map(|at| rows.get(*at)).map(|row| row.text.as_str()).collect();
        let mut features = match &embedder {
            Some(embedder) => {
                gateway::read_texts(&**embedder, &texts, &env, &mut progress("reading rows"))?
            }
            None => Vec::new(),
        }
        .into_iter();
        let seen = texts.iter().map(|text| {
            let text = Prompt::new(text).map(|prompt| prompt.as_str().to_owned());
            let glance = table.glance(text.as_deref().unwrap_or_default());
            Seen { glance, features: features.next() }
        });
        let seen = places.into_iter().zip(seen).collect();
        let (vote, index) = (config.vote, config.index);
        let may_stop = config.embedder.model.may_stop();
        Ok(Self { rows, table, embedder, seen, vote, index, may_stop })
    }

    /// How many rows there are to learn from, all folds together.
    pub(super) fn examples(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn fit(&self, training: &Training<'_>) -> anyhow::Result<Learned> {
        let seen: Option<Vec<&Seen>> = training.rows.iter().map(|at| self.seen.get(at)).collect();
        let seen = seen.context("a row to learn from was not read")?;
        let glances: Vec<Glance> = seen.iter().map(|seen| seen.glance.clone()).collect();
        let features: Vec<&Features> =
            seen.iter().filter_map(|seen| seen.features.as_ref()).collect();
        let fit = Fit::new(&Examples {
            glances: &glances,
            features: &features,
            stops: self.embedder.as_ref().map_or(&[][..], |embedder| embedder.stops()),
            labels: &training.labels,
            names: training.rows,
            sides: &Sides::of_labels(training.names.len()),
            vote: self.vote,
            may_stop: self.may_stop,
        })?;
        let index = Index::build(&fit.deepest_places(), self.index)?;
        let learned = Learned {
            names: training.names.iter().map(|name| (*name).to_owned()).collect(),
            classifier: Classifier::new(fit, index)?,
        };
        for row in training.rows.iter().filter_map(|at| self.rows.get(*at)).take(WARM_UP) {
            self.judge(&learned, row)?;
        }
        Ok(learned)
    }

    /// Reads the prompt as in service, never from memory, and judges it.
    pub(super) fn judge(&self, learned: &Learned, row: &Row) -> anyhow::Result<Opinion> {
        let started = Instant::now();
        let prompt = Prompt::new(&row.text).context("a text without a visible character")?;
        let classifier = &learned.classifier;
        let glance = self.table.glance(prompt.as_str());
        let glanced = classifier.glance(&glance);
        let judge = |features: &[f32]| classifier.judge(&glance, glanced.as_ref(), features);
        let at_a_glance = judge(&[]);
        let seen = Instant::now();
        let (judgement, read) = match &self.embedder {
            Some(embedder) if glanced.is_none() || !classifier.is_enough(&at_a_glance) => {
                let enough = &mut |features: &[f32]| {
                    classifier.may_stop() && classifier.is_enough(&judge(features))
                };
                let features = embedder.read(prompt.as_str(), enough)?;
                let read = Instant::now();
                (judge(features.as_slice()), read)
            }
            Some(_) | None => (at_a_glance, seen),
        };
        let sums = classifier.sides().sum(&judgement.shares);
        let winner = classifier.sides().winner(&sums).unwrap_or_default();
        let decided = Instant::now();
        Ok(Opinion {
            predicted: learned.names.get(winner).cloned().unwrap_or_default(),
            confidence: sums.get(winner).copied().unwrap_or_default(),
            outlier: judgement.outlier,
            depth: judgement.depth,
            abstained: false,
            embed: read - started,
            decide: decided - started,
        })
    }
}
