//! What follows for one provider from what was seen of it: nothing, or a doubt. Pure.
//!
//! - *Two in a row.* One bad observation is chance; a doubt needs two of one source in a row, and a good one ends it.
//! - *It runs out.* An observation holds for a few intervals of its source. A source that falls silent says nothing.
//! - *Real answers know better.* One that came after the trouble was first seen overrules a small trouble; three in a row
//!   overrule any. They hold for [`FRESH`], so that one that nobody asks any more is doubted again.
//! - *It is capped.* There is no word here that could shut a target.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::feed::Condition;

/// Bad observations in a row from which on a source is believed.
const BELIEVED: u32 = 2;
/// How long an answer speaks for its provider.
const FRESH: Duration = Duration::from_secs(60);
/// Answers in a row that overrule an outage.
const ANSWERS: u32 = 3;
/// Round trips of which the median is taken.
const ROUND_TRIPS_MAX: usize = 8;

/// Where an observation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A page of the provider's that answers well while it is well.
    HealthCheck,
    /// A connection, or a list of models.
    Probe,
    /// The provider's own account.
    Feed,
}

impl Source {
    /// In the order in which doubts are named.
    const ALL: [Self; 3] = [Self::HealthCheck, Self::Probe, Self::Feed];

    /// A stable word for explanations.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::HealthCheck => "health_check",
            Self::Probe => "probe",
            Self::Feed => "feed",
        }
    }
}

/// What a source saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A feed told how the provider is doing.
    Told(Condition),
    /// A check or probe was answered as it should be, after this time.
    Answered(Duration),
    /// A check or probe was not.
    Failed,
}

/// One look at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Who looked.
    pub source: Source,
    /// What it saw.
    pub seen: Seen,
    /// For how long that says something.
    pub holds: Duration,
}

/// What real requests say of a provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// When it last answered well.
    pub last_success: Option<Instant>,
    /// How many answers in a row were well, until now.
    pub in_a_row: u32,
}

/// A reason to put a target behind others, and to do no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Its health check failed.
    HealthCheck,
    /// It could not be reached.
    Probe,
    /// It says itself that it is slow or partly failing.
    FeedMinor,
    /// It says itself that it has an outage.
    FeedMajor,
}

impl Doubt {
    /// A stable word for explanations.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::HealthCheck => "health_check_failed",
            Self::Probe => "probe_failed",
            Self::FeedMinor => "status_minor",
            Self::FeedMajor => "status_major",
        }
    }
}

/// What is known about one provider.
#[derive(Debug, Clone, Default)]
pub struct Prior {
    health_check: Track,
    probe: Track,
    feed: Track,
    /// Of the latest probes that were answered, the newest last.
    round_trips: VecDeque<Duration>,
}

/// What one source said lately.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    latest: Option<Latest>,
    /// Bad observations in a row, and when the first of them was made.
    bad: Option<(u32, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    condition: Condition,
    until: Instant,
}

impl Prior {
    /// Takes an observation.
    pub fn observe(&mut self, observation: Observation, now: Instant) {
        let Observation { source, seen, holds } = observation;
        let condition = match seen {
            Seen::Told(condition) => condition,
            Seen::Answered(_) => Condition::Well,
            Seen::Failed => Condition::Major,
        };
        if let (Source::Probe, Seen::Answered(round_trip)) = (source, seen) {
            self.round_trips.push_back(round_trip);
            if self.round_trips.len() > ROUND_TRIPS_MAX {
                self.round_trips.pop_front();
            }
        }
        self.track_mut(source).observe(condition, now, holds);
    }

    /// Whether a target of this provider should stand behind others; asking changes nothing.
    #[must_use]
    pub fn standing(&self, traffic: Traffic, now: Instant) -> Option<Doubt> {
        Source::ALL.into_iter().find_map(|source| {
            let condition = self.track(source).doubted(traffic, now)?;
            Some(match (source, condition) {
                (Source::HealthCheck, _) => Doubt::HealthCheck,
                (Source::Probe, _) => Doubt::Probe,
                (Source::Feed, Condition::Well | Condition::Minor) => Doubt::FeedMinor,
                (Source::Feed, Condition::Major) => Doubt::FeedMajor,
            })
        })
    }

    /// How long the way to the provider took lately: the median of the last probes, unless the latest is too long ago or
    /// failed.
    #[must_use]
    pub fn latency(&self, now: Instant) -> Option<Duration> {
        let latest = self.probe.latest.filter(|latest| now < latest.until)?;
        let mut sorted: Vec<Duration> = self.round_trips.iter().copied().collect();
        sorted.sort_unstable();
        let middle = sorted.get(sorted.len() / 2).copied();
        middle.filter(|_| latest.condition == Condition::Well)
    }

    /// Forgets a source that is asked no more.
    pub fn forget(&mut self, source: Source) {
        *self.track_mut(source) = Track::default();
        if source == Source::Probe {
            self.round_trips.clear();
        }
    }

    fn track(&self, source: Source) -> &Track {
        match source {
            Source::HealthCheck => &self.health_check,
            Source::Probe => &self.probe,
            Source::Feed => &self.feed,
        }
    }

    fn track_mut(&mut self, source: Source) -> &mut Track {
        match source {
            Source::HealthCheck => &mut self.health_check,
            Source::Probe => &mut self.probe,
            Source::Feed => &mut self.feed,
        }
    }
}

impl Track {
    fn observe(&mut self, condition: Condition, now: Instant, holds: Duration) {
        // After a silence, nothing is in a row with what was before it.
        let is_in_a_row = self.latest.is_some_and(|latest| now < latest.until);
        let before = self.bad.filter(|_| is_in_a_row);
        self.bad = match (condition, before) {
            (Condition::Well, _) => None,
            (Condition::Minor | Condition::Major, None) => Some((1, now)),
            (Condition::Minor | Condition::Major, Some((times, since))) => {
                Some((times.saturating_add(1), since))
            }
        };
        let until = now.checked_add(holds).unwrap_or(now);
        self.latest = Some(Latest { condition, until });
    }

    /// The trouble that counts now, if there is one.
    fn doubted(&self, traffic: Traffic, now: Instant) -> Option<Condition> {
        let latest = self.latest.filter(|latest| now < latest.until)?;
        let (_, since) = self.bad.filter(|(times, _)| *times >= BELIEVED)?;
        let answered = traffic
            .last_success
            .is_some_and(|at| at > since && now.saturating_duration_since(at) < FRESH);
        let needed = match latest.condition {
            Condition::Well => return None,
            Condition::Minor => 1,
            Condition::Major => ANSWERS,
        };
        let is_overruled = answered && traffic.in_a_row >= needed;
        (!is_overruled).then_some(latest.condition)
    }
}

#[cfg(test)]
#[path = "prior_tests.rs"]
mod tests;
