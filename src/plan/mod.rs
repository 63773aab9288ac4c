//! Who is asked, in which order, and until when: a complete list before the first byte leaves. Pure.

mod fit;
mod order;

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

pub use fit::{Lack, lack};
use order::Candidate;

use crate::chat::Needs;
use crate::classify::Decision;
use crate::config::{Credential, Order, Policy, Target};
use crate::health::{HealthView, Known, Part, Shut, Size, Standing, Tempo};
use crate::watch::Doubt;

/// An ordered list of targets and a deadline.
#[derive(Debug)]
pub struct Plan {
    /// In the order in which they are tried.
    pub steps: Vec<Step>,
    /// Targets of the tier that are not tried, and why.
    pub skipped: Vec<Skipped>,
    /// How they are tried.
    pub policy: Policy,
    /// How long the prompt is.
    pub size: Size,
    /// The part of an answer by which targets are timed.
    pub part: Part,
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
    /// Whose it is.
    pub home: Home,
    /// The 95th percentile of its usual time.
    pub usual_p95: Option<Duration>,
}

/// Whose target it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    /// The tier's own.
    Own,
    /// The tier's that this one spills to.
    Spilled,
}

/// Why a target stands where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// Where the tier lists it.
    Listed,
    /// By the time that it is expected to take.
    Fastest {
        /// Until a usual answer is complete.
        expected: Duration,
    },
    /// By what it is expected to cost.
    Cheapest {
        /// In US dollars.
        usd: f64,
    },
    /// By lot.
    Drawn,
    /// First, so that somebody knows how fast it is.
    Explored,
    /// In its place, but it failed lately and one request may find out.
    Probe,
    /// In its place, but it got slow and one request may find out whether it still is.
    Check,
    /// Behind those that are well: it is slower than it used to be.
    Degraded,
    /// Behind them: several requests wait for it much longer than usual.
    Silent,
    /// Behind them: its provider is in doubt.
    Doubted {
        /// Why.
        doubt: Doubt,
    },
    /// Behind them: it is back, and gets only a share of the requests for a while.
    Warming,
    /// Behind everybody who is well: with its last answer it said that nothing of a limit is left for now.
    Exhausted,
    /// At the end although it is failing: better a small chance than none.
    LastResort,
}

impl Place {
    /// A stable word for explanations.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Fastest { .. } => "fastest",
            Self::Cheapest { .. } => "cheapest",
            Self::Drawn => "drawn",
            Self::Explored => "explored",
            Self::Probe => "probe",
            Self::Check => "check",
            Self::Degraded => "degraded",
            Self::Silent => "silent",
            Self::Doubted { doubt } => doubt.label(),
            Self::Warming => "warming",
            Self::Exhausted => "exhausted",
            Self::LastResort => "last_resort",
        }
    }

    /// The same in words, with its figures.
    #[must_use]
    pub fn because(self) -> String {
        match self {
            Self::Listed => "as the tier lists it".to_owned(),
            Self::Fastest { expected } => {
                format!("expected to take {:.2} s for a usual answer", expected.as_secs_f64())
            }
            Self::Cheapest { usd } => format!("expected to cost {usd:.6} US dollars"),
            Self::Drawn => "drawn by the tier's weights".to_owned(),
            Self::Explored => "tried first now and then, to know how fast it is".to_owned(),
            Self::Probe => "it failed lately; this request finds out".to_owned(),
            Self::Check => "it got slow; this request finds out whether it still is".to_owned(),
            Self::Degraded => "slower than it used to be, so behind the others".to_owned(),
            Self::Silent => "others wait for it in vain, so behind the others".to_owned(),
            Self::Doubted { .. } => "its provider is in doubt, so behind the others".to_owned(),
            Self::Warming => "it is back and warming up, so behind the others".to_owned(),
            Self::Exhausted => {
                "it said that nothing of a limit is left, so behind the others".to_owned()
            }
            Self::LastResort => "it fails, and is tried when all others have failed".to_owned(),
        }
    }

    /// How far behind.
    fn rank(self) -> u8 {
        match self {
            Self::Listed
            | Self::Fastest { .. }
            | Self::Cheapest { .. }
            | Self::Drawn
            | Self::Explored
            | Self::Probe
            | Self::Check => 0,
            Self::Degraded | Self::Silent | Self::Doubted { .. } => 1,
            Self::Warming => 2,
            Self::Exhausted => 3,
            Self::LastResort => 4,
        }
    }
}

/// A target that is not tried.
#[derive(Debug)]
pub struct Skipped {
    /// Who.
    pub target: Arc<Target>,
    /// Whose it is.
    pub home: Home,
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
    /// It asks to be left alone, or its account is empty.
    Shut {
        /// When one request may find out.
        until: Instant,
        /// Why.
        why: Shut,
    },
    /// It cannot do what the request asks for.
    Lacks(Lack),
    /// An operator has taken it out.
    Disabled,
}

impl Skip {
    /// A stable word for explanations.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::NoKey { .. } => "no_key",
            Self::Shut { why, .. } => why.label(),
            Self::Lacks(lack) => lack.label(),
            Self::Disabled => "disabled",
        }
    }
}

/// What a plan is made of, beside the decision.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// What the conversation needs.
    pub needs: Needs,
    /// The part of an answer by which targets are timed.
    pub part: Part,
    /// How the targets are.
    pub health: &'a HealthView,
    /// Targets whose provider is in doubt.
    pub doubts: &'a [(String, Doubt)],
    /// How long the way to a target's provider takes, where that is measured; counts only where no answer has told more.
    pub ways: &'a [(String, Duration)],
    /// Now.
    pub now: Instant,
    /// Until the deadline.
    pub within: Duration,
}

/// Everyone who may answer: the targets of the decision, and those of the tier that it spills to.
pub fn candidates(decision: &Decision) -> impl Iterator<Item = &Arc<Target>> {
    decision.goal.targets().iter().chain(spilled(decision))
}

fn spilled(decision: &Decision) -> &[Arc<Target>] {
    let spill = decision.goal.policy().and_then(|policy| policy.spill.as_ref());
    spill.map_or(&[], |spill| &spill.targets)
}

/// Orders the targets of a decision: those that are well as the tier's order says, then those that are not so well, then the same of
/// the tier that it spills to, then those that are failing; and leaves out those that cannot answer.
#[must_use]
pub fn plan(decision: &Decision, around: &Circumstances<'_>, dice: &mut Rng) -> Plan {
    let policy = decision.goal.policy().cloned().unwrap_or_default();
    let deadline = around.now + around.within;
    let size = Size::of(around.needs.tokens);
    let part = around.part;
    let mut plan = Plan { steps: Vec::new(), skipped: Vec::new(), policy, size, part, deadline };
    let mut behind: Vec<(Instant, Step)> = Vec::new();
    let own = decision.goal.targets();
    for (targets, home) in [(own, Home::Own), (spilled(decision), Home::Spilled)] {
        let order = match home {
            Home::Own => plan.policy.order.clone(),
            Home::Spilled => Order::Fixed,
        };
        let mut well = Vec::new();
        for (listed, target) in targets.iter().enumerate() {
            let known = around.health.of(&target.id);
            let measured = around.ways.iter().find(|(id, _)| *id == target.id);
            let way = measured.map(|(_, way)| *way);
            let candidate = Candidate { target, known, way, listed };
            match admissible(target, &known, &around.needs) {
                Ok(None) => well.push(candidate),
                Ok(Some((until, place))) => behind.push((until, step(&candidate, place, home))),
                Err(why) => plan.skipped.push(Skipped { target: Arc::clone(target), home, why }),
            }
        }
        let leader = around.health.leader();
        let sorted = order::sort(&order, well, &around.needs, leader, dice);
        let mut steps: Vec<Step> = sorted
            .into_iter()
            .map(|(candidate, place)| {
                let doubted = || doubted(around, candidate.target);
                let place = demoted(&candidate.known).or_else(doubted).unwrap_or(place);
                step(&candidate, place, home)
            })
            .collect();
        steps.sort_by_key(|step| step.place.rank());
        plan.steps.append(&mut steps);
    }
    // The one whose time is nearest to its end is the likeliest to be back.
    behind.sort_by_key(|(until, step)| (step.place.rank(), step.home, *until));
    plan.steps.extend(behind.into_iter().map(|(_, step)| step));
    plan
}

fn step(candidate: &Candidate<'_>, place: Place, home: Home) -> Step {
    let usual_p95 = candidate.known.usual_p95;
    Step { target: Arc::clone(candidate.target), place, home, usual_p95 }
}

/// Why it stands at another place than its order says.
fn demoted(known: &Known) -> Option<Place> {
    match (known.standing, known.tempo) {
        (Standing::Probing, _) => Some(Place::Probe),
        (Standing::Warming, _) => Some(Place::Warming),
        (_, Tempo::DueForCheck) => Some(Place::Check),
        (_, Tempo::Degraded) => Some(Place::Degraded),
        (_, Tempo::Silent) => Some(Place::Silent),
        (Standing::Ready | Standing::Shut { .. } | Standing::Disabled, Tempo::Usual) => None,
    }
}

fn doubted(around: &Circumstances<'_>, target: &Target) -> Option<Place> {
    let found = around.doubts.iter().find(|(id, _)| *id == target.id);
    found.map(|(_, doubt)| Place::Doubted { doubt: *doubt })
}

/// Whether it may be tried: in its place, or behind everybody before that time, or not at all.
fn admissible(
    target: &Target,
    known: &Known,
    needs: &Needs,
) -> Result<Option<(Instant, Place)>, Skip> {
    if let Credential::Unset { variable } = &target.provider.credential {
        return Err(Skip::NoKey { variable: variable.clone() });
    }
    if let Some(lack) = lack(&target.abilities, needs) {
        return Err(Skip::Lacks(lack));
    }
    match known.standing {
        Standing::Ready | Standing::Warming | Standing::Probing => Ok(None),
        Standing::Shut { until, why: Shut::Exhausted } => Ok(Some((until, Place::Exhausted))),
        Standing::Shut { until, why } if why.may_be_tried_early() => {
            Ok(Some((until, Place::LastResort)))
        }
        Standing::Shut { until, why } => Err(Skip::Shut { until, why }),
        Standing::Disabled => Err(Skip::Disabled),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
