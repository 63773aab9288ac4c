//! The part of the check that knows what targets can do: the catalogue, and above it what the user says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::abilities::RawModel;
use super::check::{Check, step};
use super::problem::did_you_mean;
use super::raw::RawConfig;
use super::{Abilities, Catalog, Date, Target, Tier};

/// What targets of which the user says something can do, by their names.
pub(super) type Models = BTreeMap<String, Arc<Abilities>>;

/// Days before a model may be gone on which somebody should know.
const NOTICE_DAYS: i64 = 30;

/// What the catalogue knows of a target of which the user says nothing.
pub(super) fn of(catalog: &Catalog, provider: &str, model: &str) -> Arc<Abilities> {
    let row = catalog.find(provider, model);
    row.map(|row| Arc::new(row.abilities.clone())).unwrap_or_default()
}

impl Check<'_, '_, '_> {
    /// What the user says of targets, above what the catalogue knows of them.
    pub(super) fn models(&mut self, raw: &RawConfig) -> Models {
        let mut models = Models::new();
        for (id, model) in self.in_file_order("models", &raw.models) {
            let provider = id.split_once('/').map_or(id.as_str(), |(provider, _)| provider);
            if !raw.providers.contains_key(provider) {
                let names: Vec<&str> = raw.providers.keys().map(String::as_str).collect();
                let hint = did_you_mean(provider, &names);
                self.error(&["models", id], format!("`{id}` names no provider; {hint}"));
            }
            let day = model.deprecated.as_deref();
            if let Some(text) = day.filter(|text| Date::parse(text).is_none()) {
                let message = format!("`{text}` is no day; write it as 2026-12-01");
                self.error(&["models", id, "deprecated"], message);
            }
            models.insert(id.clone(), Arc::new(self.overlaid(id, model)));
        }
        for id in self.around.known.prices.keys().filter(|id| !raw.models.contains_key(*id)) {
            models.insert(id.clone(), Arc::new(self.overlaid(id, &RawModel::default())));
        }
        models
    }

    fn overlaid(&self, id: &str, user: &RawModel) -> Abilities {
        let known = self.around.known;
        let (provider, model) = id.split_once('/').unwrap_or((id, ""));
        let mut abilities = of(known.catalog, provider, model).overlaid(user);
        abilities.price = known.prices.get(id).copied().or(abilities.price);
        abilities
    }

    /// What a target of a tier can do.
    pub(super) fn abilities(&self, models: &Models, provider: &str, model: &str) -> Arc<Abilities> {
        let said = models.get(&format!("{provider}/{model}"));
        said.cloned().unwrap_or_else(|| of(self.around.known.catalog, provider, model))
    }

    /// Says which models are gone or soon will be, each once.
    pub(super) fn deprecations(&mut self, tiers: &[Arc<Tier>]) {
        let mut told: Vec<&str> = Vec::new();
        for tier in tiers {
            for (place, target) in tier.targets.iter().enumerate() {
                let message = deprecation(target, self.around.known.today);
                if let Some(message) = message.filter(|_| !told.contains(&target.id.as_str())) {
                    told.push(&target.id);
                    self.warning(&["tiers", &tier.name, "targets", &step(place)], message);
                }
            }
        }
    }
}

fn deprecation(target: &Target, today: Date) -> Option<String> {
    let day = target.abilities.deprecated?;
    let id = &target.id;
    let left = today.days_until(day);
    if left <= 0 {
        Some(format!("`{id}` is deprecated since {day}; name another model"))
    } else if left <= NOTICE_DAYS {
        Some(format!("`{id}` will be deprecated on {day}, in {left} days; name another model"))
    } else {
        None
    }
}
