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
pub struct Priors(Arc<Mutex<HashMap<String, Prior>>>);

impl Priors {
    /// Why a target of this provider should stand behind others, if it should. A provider that nobody watches is not doubted.
    #[must_use]
    pub fn of(&self, provider: &str, traffic: Traffic, now: Instant) -> Option<Doubt> {
        self.0.lock().get(provider)?.standing(traffic, now)
    }

    /// How long the way to a provider took lately, where it is probed.
    #[must_use]
    pub fn latency(&self, provider: &str, now: Instant) -> Option<Duration> {
        self.0.lock().get(provider)?.latency(now)
    }

    /// Takes an observation of a provider that is watched; of another one it is not kept. Says what is doubted before and
    /// after, as if there were no traffic.
    pub fn observe(
        &self,
        provider: &str,
        observation: Observation,
        now: Instant,
    ) -> [Option<Doubt>; 2] {
        let mut priors = self.0.lock();
        let Some(prior) = priors.get_mut(provider) else { return [None; 2] };
        let before = prior.standing(Traffic::default(), now);
        prior.observe(observation, now);
        [before, prior.standing(Traffic::default(), now)]
    }

    /// Keeps what is watched from now on, and forgets everything else.
    pub fn keep(&self, watched: &[Watched]) {
        let mut priors = self.0.lock();
        priors.retain(|name, _| watched.iter().any(|each| each.provider.name == *name));
        for each in watched {
            let prior = priors.entry(each.provider.name.clone()).or_default();
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
