//! How many requests a target is given at once: additive increase, multiplicative decrease (AIMD).
//!
//! Nobody says how many a provider takes, so there is no limit until it shows one. A rate limit without a time while many requests
//! are under way means *too many at once*: nine tenths of them are allowed from then on. A rate limit with a time and an overload
//! mean more than that: half of them. Of one crowd only the first such answer counts. While all slots are taken, every answer lets
//! the limit grow a little, slowly up to where it was found and faster beyond; after five quiet minutes it is forgotten.

use std::time::Duration;

use tokio::time::Instant;

/// Fewer requests than this at once are no crowd, and whatever a target says then has another cause; the limit never falls below it.
const SLOTS_MIN: u32 = 20;
/// What is allowed after one too many, of those that were under way.
const KEPT: f32 = 0.9;
/// The same where the target asks for a rest or says that it is overloaded.
const KEPT_OVERLOADED: f32 = 0.5;
/// Growth by an answer, below the number at which the limit was found: one slot a round, or two in a hundred.
const GROWTH: f32 = 0.02;
/// The same from there on.
const GROWTH_BEYOND: f32 = 0.1;
/// Without a sign for so long, the limit is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(5 * 60);

/// What an attempt says about how many a target takes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// It was answered.
    Answered,
    /// It was one too many, perhaps.
    Refused,
    /// It was too much, or the target asks for a rest.
    Overloaded,
    /// Nothing.
    Unsaid,
}

/// The requests that are under way at one target, and how many may be.
#[derive(Debug)]
pub(super) struct Limit {
    /// Slots of another limit for the same target, from before it was forgotten, are none of this one's.
    id: u64,
    in_flight: u32,
    found: Option<Found>,
    /// How often it was cut.
    cuts: u64,
}

/// A limit that showed.
#[derive(Debug, Clone, Copy)]
struct Found {
    allowed: f32,
    /// So many were under way when it showed.
    at: f32,
    since: Instant,
}

/// One request's place at a target.
#[derive(Debug)]
pub(super) struct Slot {
    limit: u64,
    cuts: u64,
    has_answered: bool,
}

/// What else is to be made of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// It says something about the target's health.
    Target,
    /// It was one too many, and nothing else.
    Crowd,
}

impl Limit {
    pub(super) fn new(id: u64) -> Self {
        Self { id, in_flight: 0, found: None, cuts: 0 }
    }

    /// How many requests are under way.
    #[cfg(test)]
    pub(super) fn in_flight(&self) -> usize {
        usize::try_from(self.in_flight).unwrap_or(usize::MAX)
    }

    /// Whether all slots are taken.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.found(now).is_some_and(|found| self.count() + 1.0 > found.allowed)
    }

    /// A slot, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> Option<Slot> {
        self.found = self.found(now);
        if self.is_full(now) {
            return None;
        }
        self.in_flight += 1;
        Some(Slot { limit: self.id, cuts: self.cuts, has_answered: false })
    }

    /// The target has begun to answer.
    pub(super) fn answered(&mut self, slot: &mut Slot) {
        if slot.limit == self.id && !slot.has_answered {
            slot.has_answered = true;
            self.grow();
        }
    }

    /// Gives a slot back with what came of it.
    pub(super) fn end(&mut self, mut slot: Slot, load: Load, now: Instant) -> Blame {
        if slot.limit != self.id {
            return Blame::Target;
        }
        let is_crowd = self.in_flight > SLOTS_MIN;
        let blame = match load {
            Load::Refused if is_crowd => {
                self.cut(&slot, KEPT, now);
                Blame::Crowd
            }
            Load::Overloaded if is_crowd => {
                self.cut(&slot, KEPT_OVERLOADED, now);
                Blame::Target
            }
            Load::Answered => {
                self.answered(&mut slot);
                Blame::Target
            }
            Load::Refused | Load::Overloaded | Load::Unsaid => Blame::Target,
        };
        self.in_flight = self.in_flight.saturating_sub(1);
        blame
    }

    /// Those that were under way at the last cut say nothing new.
    fn cut(&mut self, slot: &Slot, kept: f32, now: Instant) {
        if slot.cuts != self.cuts {
            return;
        }
        let at = self.count();
        let most = self.found(now).map_or(at, |found| found.allowed.min(at));
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let allowed = (most * kept).max(SLOTS_MIN as f32);
        self.found = Some(Found { allowed, at, since: now });
        self.cuts += 1;
    }

    fn grow(&mut self) {
        let in_flight = self.count();
        if let Some(found) = &mut self.found
            && in_flight + 1.0 > found.allowed
        {
            let slowly = (1.0 / found.allowed).max(GROWTH);
            found.allowed += if found.allowed < found.at { slowly } else { GROWTH_BEYOND };
        }
    }

    fn found(&self, now: Instant) -> Option<Found> {
        self.found.filter(|found| now.saturating_duration_since(found.since) < FORGOTTEN)
    }

    #[expect(clippy::cast_precision_loss, reason = "requests under way")]
    fn count(&self) -> f32 {
        self.in_flight as f32
    }
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
