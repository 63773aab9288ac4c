//! The part of the check that knows tiers and their targets.

use std::sync::Arc;

use super::check::{Check, step};
use super::known::Models;
use super::policy::policy;
use super::problem::did_you_mean;
use super::raw::{RawConfig, RawOrder, RawTier};
use super::{Provider, Spill, Target, Tier};

impl Check<'_, '_, '_> {
    pub(super) fn tiers(
        &mut self,
        raw: &RawConfig,
        providers: &[Arc<Provider>],
        models: &Models,
    ) -> Vec<Arc<Tier>> {
        // With no key at all the caller starts the sandbox, and a complaint about every tier would be noise.
        let some_usable = providers.iter().any(|provider| provider.is_usable());
        let mut tiers = Vec::new();
        for (name, tier) in self.in_file_order("tiers", &raw.tiers) {
            let targets = self.targets(name, &tier.targets, (providers, models));
            let all_known = targets.len() == tier.targets.len();
            let usable = targets.iter().any(|target| target.provider.is_usable());
            if let Some(first) = targets.first().filter(|_| some_usable && all_known && !usable) {
                let first = &first.provider.name;
                let message = format!(
                    "no target of this tier has its provider's key; set one, such as `{first}`'s"
                );
                self.warning(&["tiers", name, "targets"], message);
            }
            self.weights(name, tier);
            let (strictness, policy) = (tier.strictness, policy(tier, &targets));
            tiers.push(Tier { name: name.clone(), targets, strictness, policy });
        }
        if tiers.is_empty() {
            self.error(&["tiers"], "empty; write at least one tier");
        }
        let spills: Vec<Option<Spill>> =
            tiers.iter().map(|tier| self.spill(tier, raw, &tiers)).collect();
        let spilling = tiers.into_iter().zip(spills);
        spilling
            .map(|(mut tier, spill)| {
                tier.policy.spill = spill;
                Arc::new(tier)
            })
            .collect()
    }

    fn weights(&mut self, name: &str, tier: &RawTier) {
        for (id, weight) in &tier.weights {
            let path = ["tiers", name, "weights", id];
            if !tier.targets.contains(id) {
                let names: Vec<&str> = tier.targets.iter().map(String::as_str).collect();
                let hint = did_you_mean(id, &names);
                self.error(&path, format!("no target of this tier; {hint}"));
            }
            if !weight.is_finite() || *weight < 0.0 {
                self.error(&path, "not a share; write 0 or more");
            }
        }
        if !tier.weights.is_empty() && tier.order != RawOrder::Weighted {
            let message = "unused; write `order: weighted`, or leave this out";
            self.error(&["tiers", name, "weights"], message);
        }
    }

    /// The targets of the tier that a tier spills to, its own aside.
    fn spill(&mut self, tier: &Tier, raw: &RawConfig, tiers: &[Tier]) -> Option<Spill> {
        let wanted = &raw.tiers.get(&tier.name)?.spill_to;
        if wanted == "none" {
            return None;
        }
        let path = ["tiers", &tier.name, "spill_to"];
        let Some(other) = tiers.iter().find(|other| other.name == *wanted) else {
            let names: Vec<&str> = tiers.iter().map(|each| each.name.as_str()).collect();
            let hint = did_you_mean(wanted, &names);
            let shown = self.shown(wanted, &path);
            self.error(&path, format!("unknown tier {shown}; {hint}, or `none`"));
            return None;
        };
        if other.name == tier.name {
            self.error(&path, "a tier cannot spill to itself; write another one, or `none`");
        }
        let is_own = |target: &Arc<Target>| tier.targets.iter().any(|own| own.id == target.id);
        let targets = other.targets.iter().filter(|target| !is_own(target));
        Some(Spill { tier: other.name.clone(), targets: targets.cloned().collect() })
    }

    fn targets(
        &mut self,
        tier: &str,
        ids: &[String],
        known: (&[Arc<Provider>], &Models),
    ) -> Vec<Arc<Target>> {
        let mut targets: Vec<Arc<Target>> = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            let path = ["tiers", tier, "targets", &step(place)];
            let Some(target) = self.target(id, known, &path) else { continue };
            if targets.iter().any(|earlier| earlier.id == target.id) {
                let shown = self.shown(id, &path);
                self.error(&path, format!("target {shown} is listed twice; keep the first"));
                continue;
            }
            targets.push(Arc::new(target));
        }
        if ids.is_empty() {
            let message = "empty; list at least one provider/model";
            self.error(&["tiers", tier, "targets"], message);
        }
        targets
    }

    fn target(
        &mut self,
        id: &str,
        (providers, models): (&[Arc<Provider>], &Models),
        path: &[&str],
    ) -> Option<Target> {
        let shown = self.shown(id, path);
        let Some((provider, model)) = id.split_once('/').filter(|(_, model)| !model.is_empty())
        else {
            self.error(path, format!("target {shown} is not of the form provider/model"));
            return None;
        };
        let known = providers.iter().find(|known| known.name == provider);
        if known.is_none() {
            let names: Vec<&str> = providers.iter().map(|each| each.name.as_str()).collect();
            let hint = did_you_mean(provider, &names);
            self.error(path, format!("target {shown} names no provider; {hint}"));
        }
        let abilities = self.abilities(models, provider, model);
        known.map(|known| Target::new(Arc::clone(known), model, abilities))
    }
}
