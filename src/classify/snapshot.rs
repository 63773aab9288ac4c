//! Rules, examples and index as one immutable value: what a request decides by, from its first byte to its last.

use std::sync::Arc;

use thiserror::Error;

use super::decision::Neighbour;
use super::space::Space;
use crate::config::{Config, Example, Target, Tier, Vote};
use crate::embed::Features;
use crate::index::Index;

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
    space: Space,
    index: Index,
    generation: u64,
}

impl Snapshot {
    /// Puts together a configuration, the space fitted to its examples and the index over their places in it, row by row.
    #[must_use]
    pub fn new(config: Arc<Config>, space: Space, index: Index, generation: u64) -> Self {
        debug_assert_eq!(config.examples.len(), index.len(), "one place an example");
        Self { config, space, index, generation }
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

    /// How neighbours become a query type.
    #[must_use]
    pub fn vote(&self) -> Vote {
        self.config.vote
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

    /// The index over the examples.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The examples that vote on a prompt, nearest first.
    #[must_use]
    pub fn neighbours(&self, features: &Features) -> Vec<Neighbour> {
        // What the snapshot's own embedder reads always fits; anything else has no neighbours.
        let place = self.space.place(features.as_slice());
        let hits = self.index.nearest(&place, self.config.vote.neighbours);
        let hits = hits.unwrap_or_default();
        let known = hits.into_iter().filter_map(|hit| {
            let query_type = Arc::clone(&self.example(hit.row)?.query_type);
            Some(Neighbour { row: hit.row, query_type, cosine: hit.cosine })
        });
        known.collect()
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
                Ok(Wish::Target(Arc::new(Target::new(Arc::clone(known), rest))))
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
