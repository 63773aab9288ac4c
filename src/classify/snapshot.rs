//! Rules, examples and index as one immutable value: what a request decides by, from its first byte to its last.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use super::classifier::{Classifier, Judgement};
use super::decision::{Decision, Neighbour, Reason};
use super::fit::Glanced;
use crate::chat::Lang;
use crate::config::{Config, Example, QueryType, Target, Tier};
use crate::embed::{Glance, StaticTable};

/// What the caller wrote as `model`, resolved.
#[derive(Debug)]
pub enum Wish {
    /// The prompt decides.
    Auto,
    /// This tier.
    Tier(Arc<Tier>),
    /// This target and no other.
    Target(Arc<Target>),
}

/// A `model` or tier that names nothing.
#[derive(Debug, Error)]
#[error("`{name}` names no model here; use `auto`, {known}, or <provider>/<model>")]
pub struct UnknownModel {
    /// What the caller wrote.
    pub name: String,
    /// What would have worked.
    pub known: String,
    /// Where it was written.
    pub param: &'static str,
}

/// Everything a decision reads.
#[derive(Debug)]
pub struct Snapshot {
    config: Arc<Config>,
    table: Arc<StaticTable>,
    classifier: Classifier,
    /// Languages in which examples are to be trusted; nothing when the embedder speaks all.
    spoken: Option<BTreeSet<Lang>>,
    generation: u64,
}

/// What is seen of a prompt before any model reads it.
#[derive(Debug)]
pub struct Glimpse {
    glance: Glance,
    glanced: Option<Glanced>,
}

impl Snapshot {
    /// Puts together a configuration, the table for glances, what was fitted to the examples, and the languages in which they
    /// are to be trusted; nothing for all.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        table: Arc<StaticTable>,
        classifier: Classifier,
        spoken: Option<BTreeSet<Lang>>,
        generation: u64,
    ) -> Self {
        Self { config, table, classifier, spoken, generation }
    }

    /// Counts the snapshots since the start, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Who answers what matches nothing.
    #[must_use]
    pub fn default_tier(&self) -> &Arc<Tier> {
        &self.config.default_tier
    }

    /// The configuration it was made from.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A labelled prompt by its row.
    #[must_use]
    pub fn example(&self, row: usize) -> Option<&Example> {
        self.config.examples.get(row)
    }

    /// What decides, the configuration aside.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The table for glances.
    #[must_use]
    pub fn table(&self) -> &Arc<StaticTable> {
        &self.table
    }

    /// Glances at a text.
    #[must_use]
    pub fn glimpse(&self, text: &str) -> Glimpse {
        let glance = self.table.glance(text);
        let glanced = self.classifier.glance(&glance);
        Glimpse { glance, glanced }
    }

    /// What a glance alone says; nothing when examples are too few to be told apart by it.
    #[must_use]
    pub fn judge_glimpse(&self, glimpse: &Glimpse) -> Option<Judgement> {
        let is_telling = glimpse.glanced.is_some() || self.classifier.reads_at_a_glance();
        is_telling.then(|| self.judge(glimpse, &[]))
    }

    /// What is said of a prompt after the model read so much of it.
    #[must_use]
    pub fn judge(&self, glimpse: &Glimpse, features: &[f32]) -> Judgement {
        self.classifier.judge(&glimpse.glance, glimpse.glanced.as_ref(), features)
    }

    /// The decision that follows from what is said of a prompt. In a language that is not spoken here only a stricter tier
    /// than the usual one is entered.
    #[must_use]
    pub fn decide(
        &self,
        judgement: Judgement,
        hurried: Option<String>,
        language: Option<Lang>,
    ) -> Decision {
        let Some(elected) = self.elect(&judgement.shares) else {
            return Decision::fallback(self.default_tier(), Reason::NothingToRead);
        };
        let usual = self.config.prompt.other_languages.as_ref();
        let usual = usual.unwrap_or_else(|| self.default_tier());
        let unknown = language.filter(|known| self.is_foreign(*known));
        match unknown.filter(|_| elected.0.tier.strictness <= usual.strictness) {
            Some(foreign) => Decision::foreign(usual, judgement, elected, foreign.code()),
            None => Decision::judged(self.default_tier(), judgement, elected, hurried),
        }
    }

    fn is_foreign(&self, language: Lang) -> bool {
        self.spoken.as_ref().is_some_and(|spoken| !spoken.contains(&language))
    }

    /// The strongest query type of the winning tier, the tier's share, and its lead. The tier is what has to be right, so
    /// it is what its query types gather together.
    fn elect(&self, shares: &[f32]) -> Option<(Arc<QueryType>, f32, f32)> {
        let sides = self.classifier.sides();
        let sums = sides.sum(shares);
        let winner = sides.winner(&sums)?;
        let confidence = sums.get(winner).copied().filter(|share| *share > 0.0)?;
        let others = sums.iter().enumerate().filter(|(side, _)| *side != winner);
        let second = others.map(|(_, share)| *share).fold(0.0, f32::max);
        let inside = self.config.query_types.iter().zip(shares).zip(&sides.of_label);
        let strongest = inside
            .filter(|(_, side)| **side == winner)
            .max_by(|a, b| a.0.1.total_cmp(b.0.1))
            .map(|((query_type, _), _)| query_type)?;
        Some((Arc::clone(strongest), confidence, confidence - second))
    }

    /// The examples near to a prompt, nearest first.
    #[must_use]
    pub fn neighbours(&self, judgement: &Judgement) -> Vec<Neighbour> {
        let mut near: Vec<Neighbour> = Vec::new();
        for hit in self.classifier.neighbours(judgement) {
            let named = self.classifier.name(hit.row);
            let Some((row, example)) = named.and_then(|row| Some((row, self.example(row)?))) else {
                continue;
            };
            // An example and its instruction are two rows of one example.
            if near.iter().all(|known| known.row != row) {
                let query_type = Arc::clone(&example.query_type);
                near.push(Neighbour { row, query_type, cosine: hit.cosine });
            }
        }
        near
    }

    /// Resolves what the caller asked for. A tier named in a header is stronger than the model of the body.
    ///
    /// # Errors
    /// When the name fits nothing.
    pub fn wish(&self, model: &str, tier: Option<&str>) -> Result<Wish, UnknownModel> {
        if let Some(name) = tier {
            let wish = self.tier(name).map(Wish::Tier);
            return wish.map_err(|unknown| UnknownModel { param: "x-semroute-tier", ..unknown });
        }
        let alias = self.config.aliases.iter().find(|(alias, _)| alias == model);
        let model = alias.map_or(model, |(_, meaning)| meaning);
        if model == "auto" {
            return Ok(Wish::Auto);
        }
        match model.split_once('/') {
            Some(("tier", name)) => self.tier(name).map(Wish::Tier),
            Some((provider, rest)) if !rest.is_empty() => {
                let known = self.config.provider(provider).ok_or_else(|| self.unknown(model))?;
                Ok(Wish::Target(Arc::new(self.config.target(known, rest))))
            }
            Some(_) | None => Err(self.unknown(model)),
        }
    }

    fn tier(&self, name: &str) -> Result<Arc<Tier>, UnknownModel> {
        self.config.tier(name).map(Arc::clone).ok_or_else(|| self.unknown(&format!("tier/{name}")))
    }

    fn unknown(&self, name: &str) -> UnknownModel {
        let tiers = self.config.tiers.iter().map(|tier| format!("`tier/{}`", tier.name));
        let aliases = self.config.aliases.iter().map(|(alias, _)| format!("`{alias}`"));
        let known = tiers.chain(aliases).collect::<Vec<String>>().join(", ");
        UnknownModel { name: name.to_owned(), known, param: "model" }
    }
}
