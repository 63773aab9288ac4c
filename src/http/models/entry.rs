//! What can be asked for, and by whom it would be answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Abilities, Config, Target, Tier};

/// Who answers for `auto`, tiers and aliases.
const OURS: &str = "semroute";

/// A name that a caller may write as `model`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) owner: String,
    /// What an alias stands for.
    pub(super) alias_of: Option<String>,
    pub(super) answers: Answers,
}

/// Who would answer.
#[derive(Debug, Clone)]
pub(super) enum Answers {
    /// One target, always the same.
    Target(Arc<Target>),
    /// One of several, as their tier says.
    OneOf(Vec<Arc<Target>>),
}

impl Answers {
    /// What is known of the only target.
    pub(super) fn abilities(&self) -> Option<&Abilities> {
        match self {
            Self::Target(target) => Some(&target.abilities),
            Self::OneOf(_) => None,
        }
    }

    /// The least of a number of tokens among those of whom it is known; who asks for no more is answered by anybody.
    pub(super) fn least(&self, tokens: impl Fn(&Abilities) -> Option<u64>) -> Option<u64> {
        match self {
            Self::Target(target) => tokens(&target.abilities),
            Self::OneOf(targets) => {
                targets.iter().filter_map(|target| tokens(&target.abilities)).min()
            }
        }
    }
}

/// Everything that can be asked for.
pub(super) fn entries(config: &Config) -> Vec<Entry> {
    let ours = |id: String, alias_of, answers| {
        let owner = OURS.to_owned();
        Entry { id, owner, alias_of, answers }
    };
    // A map, because a target may serve several tiers.
    let usable: BTreeMap<&str, Arc<Target>> = config
        .tiers
        .iter()
        .flat_map(usable_of)
        .map(|target| (target.id.as_str(), Arc::clone(target)))
        .collect();
    let anybody = Answers::OneOf(usable.values().cloned().collect());
    let mut entries = vec![ours("auto".to_owned(), None, anybody.clone())];
    let of_tier = |tier: &Arc<Tier>| Answers::OneOf(usable_of(tier).cloned().collect());
    let tiers = config.tiers.iter();
    entries.extend(tiers.map(|tier| ours(format!("tier/{}", tier.name), None, of_tier(tier))));
    for (alias, meaning) in &config.aliases {
        let answers = match meaning.split_once('/') {
            None => anybody.clone(),
            Some(("tier", name)) => config.tier(name).map_or_else(|| anybody.clone(), of_tier),
            Some((provider, model)) => match config.provider(provider) {
                Some(provider) => Answers::Target(Arc::new(config.target(provider, model))),
                None => continue,
            },
        };
        entries.push(ours(alias.clone(), Some(meaning.clone()), answers));
    }
    entries.extend(usable.into_values().map(|target| {
        let (id, owner) = (target.id.clone(), target.provider.name.clone());
        Entry { id, owner, alias_of: None, answers: Answers::Target(target) }
    }));
    entries
}

fn usable_of(tier: &Arc<Tier>) -> impl Iterator<Item = &Arc<Target>> {
    tier.targets.iter().filter(|target| target.provider.is_usable())
}
