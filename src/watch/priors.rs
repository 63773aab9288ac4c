//! One prior a provider, shared between those who look and those who plan.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::prior::{Doubt, Observation, Prior, Source, Traffic};
use crate::config::Watched;

/// What is known about providers. Clones share it; it outlives a change of configuration.
#[derive(Debug, Clone, Default)]
pub struct Priors(Arc<Mutex<HashMap<String, Known>>>);

/// What is known about one provider.
#[derive(Debug, Default)]
struct Known {
    prior: Prior,
    traffic: Traffic,
}

impl Priors {
    /// Why a target of this provider should stand behind others, if it should. A provider that nobody watches is not doubted.
    #[must_use]
    pub fn of(&self, provider: &str, now: Instant) -> Option<Doubt> {
        let known = self.0.lock();
        let Known { prior, traffic } = known.get(provider)?;
        prior.standing(*traffic, now)
    }

    /// How long the way to the provider took lately, where it is probed.
    #[must_use]
    pub fn latency(&self, provider: &str, now: Instant) -> Option<Duration> {
        self.0.lock().get(provider)?.prior.latency(now)
    }

    /// Takes note of a real request that the provider answered well; enough of them overrule a doubt.
    pub fn succeeded(&self, provider: &str, now: Instant) {
        if let Some(known) = self.0.lock().get_mut(provider) {
            let in_a_row = known.traffic.in_a_row.saturating_add(1);
            known.traffic = Traffic { last_success: Some(now), in_a_row };
        }
    }

    /// Takes note of a real request that failed by the provider's fault.
    pub fn failed(&self, provider: &str) {
        if let Some(known) = self.0.lock().get_mut(provider) {
            known.traffic.in_a_row = 0;
        }
    }

    /// Takes an observation of a provider that is watched; of another one it is not kept. Says what is doubted before and
    /// after, as if there were no traffic.
    pub fn observe(
        &self,
        provider: &str,
        observation: Observation,
        now: Instant,
    ) -> [Option<Doubt>; 2] {
        let mut known = self.0.lock();
        let Some(Known { prior, .. }) = known.get_mut(provider) else { return [None; 2] };
        let before = prior.standing(Traffic::default(), now);
        prior.observe(observation, now);
        [before, prior.standing(Traffic::default(), now)]
    }

    /// Keeps what is watched from now on, and forgets everything else.
    pub fn keep(&self, watched: &[Watched]) {
        let mut known = self.0.lock();
        known.retain(|name, _| watched.iter().any(|each| each.provider.name == *name));
        for each in watched {
            let Known { prior, .. } = known.entry(each.provider.name.clone()).or_default();
            let sources = [
                (Source::HealthCheck, each.health_check.is_some()),
                (Source::Probe, each.probe.is_some()),
                (Source::Feed, each.status_feed.is_some()),
            ];
            for (source, _) in sources.into_iter().filter(|(_, is_asked)| !is_asked) {
                prior.forget(source);
            }
        }
    }
}
