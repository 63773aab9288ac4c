//! A classifier for labels of any kind, fitted to rows of a file: what `tune eval --train` judges.
//!
//! Everything that `tune eval` knows of the classifier stands here, in `Learner::fit` and `Learned::judge`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use tokio::time::Instant;

use super::super::served::WARM_UP;
use super::super::{fetch_env, progress};
use crate::chat::Prompt;
use crate::classify::{Space, outlier};
use crate::config::{Config, IndexKind, Vote};
use crate::embed::{Bert, Embedder, Features};
use crate::gateway;
use crate::index::{Hit, Index};
use crate::tune::{Depth, Fold, Opinion, Row, Training};

/// The embedder and what it reads in the rows to learn from; shared by all folds, so that each row is read once.
pub(super) struct Learner<'a> {
    rows: &'a [Row],
    embedder: Bert,
    features: BTreeMap<usize, Features>,
    vote: Vote,
    index: IndexKind,
}

/// A classifier fitted to one fold.
pub(super) struct Learned {
    names: Vec<String>,
    labels: Vec<usize>,
    space: Space,
    index: Index,
}

impl<'a> Learner<'a> {
    /// Reads every row that some fold learns from, unless an earlier run has.
    pub(super) fn new(rows: &'a [Row], folds: &[Fold], config: &Config) -> anyhow::Result<Self> {
        let env = fetch_env();
        let embedder = gateway::load_embedder(&config.embedder.model, &env)?;
        let places: BTreeSet<usize> = folds.iter().flat_map(|fold| &fold.train).copied().collect();
        let texts: Vec<&str> =
            places.iter().filter_map(|at| rows.get(*at)).map(|row| row.text.as_str()).collect();
        let read = gateway::read_texts(&embedder, &texts, &env, &mut progress("reading rows"))?;
        let features = places.into_iter().zip(read).collect();
        Ok(Self { rows, embedder, features, vote: config.vote, index: config.index })
    }

    /// How many rows there are to learn from, all folds together.
    pub(super) fn examples(&self) -> usize {
        self.features.len()
    }

    pub(super) fn fit(&self, training: &Training<'_>) -> anyhow::Result<Learned> {
        let features: Option<Vec<&Features>> =
            training.rows.iter().map(|at| self.features.get(at)).collect();
        let features = features.context("a row to learn from was not read")?;
        let features: Vec<&[f32]> = features.into_iter().map(Features::as_slice).collect();
        let stops = self.embedder.stops();
        let (space, places) = Space::fit(&features, stops, &training.labels, training.names.len());
        let learned = Learned {
            names: training.names.iter().map(|name| (*name).to_owned()).collect(),
            labels: training.labels.clone(),
            space,
            index: Index::build(&places, self.index)?,
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
        let features = self.embedder.read_fully(prompt.as_str())?;
        let read = Instant::now();
        let place = learned.space.place(features.as_slice());
        let hits = learned.index.nearest(&place, self.vote.neighbours)?;
        let (label, confidence) = learned.elect(&hits, self.vote.sharpness);
        let decided = Instant::now();
        Ok(Opinion {
            predicted: learned.names.get(label).cloned().unwrap_or_default(),
            confidence,
            outlier: outlier(hits.iter().map(|hit| hit.cosine)),
            depth: Depth::Full,
            abstained: false,
            embed: read - started,
            decide: decided - started,
        })
    }
}

impl Learned {
    /// The label with the largest share of the vote, weighed as the snapshot's vote weighs.
    fn elect(&self, hits: &[Hit], sharpness: f32) -> (usize, f32) {
        let mut shares: BTreeMap<usize, f32> = BTreeMap::new();
        for hit in hits {
            let label = self.labels.get(hit.row).copied().unwrap_or_default();
            *shares.entry(label).or_default() += (sharpness * (hit.cosine - 1.0)).exp();
        }
        let total: f32 = shares.values().sum();
        let winner = shares.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        winner.map_or((0, 0.0), |(label, share)| (label, share / total))
    }
}
