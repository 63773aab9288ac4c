//! What a request does that has nobody left to ask: it waits a moment for what other requests find out.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::Race;
use super::late::WAIT_MAX;
use crate::config::{Patience, Target};
use crate::health::{Shut, Standing};
use crate::plan::{Place, Skip, Step};

impl Race<'_> {
    /// Nobody is left to ask, but other requests are finding out about some targets, or a rate limit is over soon: then a moment of
    /// patience is better than an error. Nobody is asked twice by it.
    pub(super) async fn wait_for_others(&mut self) -> bool {
        if self.plan.policy.patience == Patience::None || self.refused.is_some() {
            return false;
        }
        let health = self.executor.health.clone();
        let latest = (Instant::now() + WAIT_MAX).min(self.plan.deadline);
        let end = *self.waits_until.get_or_insert(latest);
        let unasked = self.unasked();
        loop {
            let changed = health.changed();
            let now = Instant::now();
            let mut next = None;
            for step in &unasked {
                let until = match health.standing(&step.target, now) {
                    Standing::Ready | Standing::Warming if self.start(step) => return true,
                    Standing::Probing if self.start(step) => return true,
                    Standing::Ready | Standing::Warming | Standing::Probing => end,
                    Standing::Shut { why: Shut::Exhausted, .. } if self.start(step) => return true,
                    Standing::Shut { why: Shut::Exhausted, .. } => end,
                    Standing::Shut { until, why: Shut::RateLimited } if until <= end => until,
                    Standing::Shut { .. } | Standing::Disabled => continue,
                };
                next = Some(next.map_or(until, |earlier: Instant| earlier.min(until)));
            }
            let Some(next) = next.filter(|_| now < end) else { return false };
            tokio::select! {
                () = changed => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Those of the plan that were not tried because somebody else was trying them, or because of a rate limit.
    fn unasked(&self) -> Vec<Step> {
        let is_asked = |target: &Arc<Target>| {
            self.attempts.iter().any(|attempt| Arc::ptr_eq(&attempt.target, target))
        };
        let limited = self.plan.skipped.iter().filter_map(|skipped| match skipped.why {
            Skip::Shut { why: Shut::RateLimited, .. } => Some(Step {
                target: Arc::clone(&skipped.target),
                place: Place::Probe,
                home: skipped.home,
                usual_p95: None,
            }),
            Skip::Shut { .. } | Skip::NoKey { .. } | Skip::Lacks(_) | Skip::Disabled => None,
        });
        let steps = self.plan.steps.iter().filter(|step| !is_asked(&step.target)).cloned();
        steps.filter(|step| self.may_read_more(step)).chain(limited).collect()
    }
}
