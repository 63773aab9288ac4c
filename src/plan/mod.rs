//! Who is asked, in which order, and until when: a complete list before the first byte leaves. Pure.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::classify::Decision;
use crate::config::{Credential, Target};
use crate::health::{HealthView, Shut, Standing};

/// An ordered list of targets and a deadline.
#[derive(Debug)]
pub struct Plan {
    /// In the order in which they are tried.
    pub steps: Vec<Step>,
    /// Targets of the tier that are not tried, and why.
    pub skipped: Vec<Skipped>,
    /// The end of everything, all attempts together.
    pub deadline: Instant,
}

/// A target to try.
#[derive(Debug, Clone)]
pub struct Step {
    /// Who.
    pub target: Arc<Target>,
    /// Why at this place.
    pub place: Place,
}

/// Why a target stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where the tier lists it.
    Listed,
    /// Where the tier lists it, but it failed lately and one request may find out.
    Probe,
    /// At the end although it is failing: better a small chance than none.
    LastResort,
}

impl Place {
    /// A stable word for explanations.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Probe => "probe",
            Self::LastResort => "last_resort",
        }
    }
}

/// A target that is not tried.
#[derive(Debug)]
pub struct Skipped {
    /// Who.
    pub target: Arc<Target>,
    /// Why not.
    pub why: Skip,
}

/// Why a target is not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// Its provider's key is not set.
    NoKey {
        /// The variable to set.
        variable: String,
    },
    /// It said so itself, until then.
    RateLimited {
        /// When one request may find out.
        until: Instant,
    },
}

impl Skip {
    /// A stable word for explanations.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::NoKey { .. } => "no_key",
            Self::RateLimited { .. } => "rate_limited",
        }
    }
}

/// Orders the targets of a decision: as the tier lists them, failing ones last, and those that cannot answer left out.
#[must_use]
pub fn plan(decision: &Decision, health: &HealthView, now: Instant, within: Duration) -> Plan {
    let mut plan = Plan { steps: Vec::new(), skipped: Vec::new(), deadline: now + within };
    let mut failing: Vec<(Instant, Step)> = Vec::new();
    for target in decision.goal.targets() {
        let skip = |why| Skipped { target: Arc::clone(target), why };
        let step = |place| Step { target: Arc::clone(target), place };
        if let Credential::Unset { variable } = &target.provider.credential {
            plan.skipped.push(skip(Skip::NoKey { variable: variable.clone() }));
            continue;
        }
        match health.standing(&target.id) {
            Standing::Ready => plan.steps.push(step(Place::Listed)),
            Standing::Probing => plan.steps.push(step(Place::Probe)),
            Standing::Shut { until, why: Shut::RateLimited } => {
                plan.skipped.push(skip(Skip::RateLimited { until }));
            }
            Standing::Shut { until, why: Shut::Failing } => {
                failing.push((until, step(Place::LastResort)));
            }
        }
    }
    // The one whose time is nearest to its end is the likeliest to be back.
    failing.sort_by_key(|(until, _)| *until);
    plan.steps.extend(failing.into_iter().map(|(_, step)| step));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{Goal, Reason};
    use crate::config::{Dialect, Provider, Secret, Tier};

    fn target(id: &str) -> Arc<Target> {
        let (name, model) = id.split_once('/').expect("provider/model");
        let credential = match name {
            "keyless" => Credential::Unset { variable: "KEY".to_owned() },
            _ => Credential::Key(Secret::new("k".to_owned())),
        };
        let base_url = "http://localhost".to_owned();
        let provider =
            Provider { name: name.to_owned(), dialect: Dialect::OpenAi, base_url, credential };
        Arc::new(Target::new(Arc::new(provider), model))
    }

    fn decision(ids: &[&str], pinned: Option<&str>) -> Decision {
        let targets = ids.iter().map(|id| target(id)).collect();
        let tier = Goal::Tier(Arc::new(Tier { name: "t".to_owned(), targets, strictness: 1.0 }));
        Decision {
            goal: pinned.map_or(tier, |id| Goal::Target(target(id))),
            query_type: None,
            confidence: 0.0,
            margin: 0.0,
            reason: Reason::Asked,
            judgement: None,
            remembered: false,
        }
    }

    fn check(ids: &[&str], pinned: Option<&str>, health: &[(&str, Standing)], expected: &str) {
        let now = Instant::now();
        let plan =
            plan(&decision(ids, pinned), &HealthView::of(health), now, Duration::from_secs(9));
        let steps =
            plan.steps.iter().map(|step| format!("{} {}", step.target.id, step.place.label()));
        let skips =
            plan.skipped.iter().map(|skip| format!("-{} {}", skip.target.id, skip.why.label()));
        assert_eq!(steps.chain(skips).collect::<Vec<_>>().join(", "), expected);
        assert_eq!(plan.deadline, now + Duration::from_secs(9));
    }

    #[tokio::test]
    async fn targets_keep_the_tiers_order_and_failing_ones_come_last() {
        let now = Instant::now();
        let shut = |seconds, why| Standing::Shut { until: now + Duration::from_secs(seconds), why };
        check(&["a/1", "b/1"], None, &[], "a/1 listed, b/1 listed");
        check(&["a/1", "b/1"], None, &[("a/1", Standing::Probing)], "a/1 probe, b/1 listed");
        check(
            &["a/1", "b/1", "c/1"],
            None,
            &[("a/1", shut(9, Shut::Failing)), ("b/1", shut(5, Shut::Failing))],
            "c/1 listed, b/1 last_resort, a/1 last_resort",
        );
        check(
            &["a/1", "keyless/1", "b/1"],
            None,
            &[("a/1", shut(9, Shut::RateLimited))],
            "b/1 listed, -a/1 rate_limited, -keyless/1 no_key",
        );
    }

    #[tokio::test]
    async fn a_pinned_target_is_the_only_one() {
        check(&["a/1", "b/1"], Some("c/9"), &[], "c/9 listed");
        check(&["a/1"], Some("keyless/9"), &[], "-keyless/9 no_key");
    }
}
