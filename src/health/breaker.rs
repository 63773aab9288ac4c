//! The state machine of one target: closed, open, half-open with a single permit.
//!
//! ```text
//!            failures in a row, or a rate limit               its time is over
//!   Closed ------------------------------------> Open ------------------------> HalfOpen (one request at a time)
//!     ^                                            ^                                 |  |
//!     |                                            +------- failed (twice as long) --+  |
//!     +------------------------------------- succeeded ---------------------------------+
//! ```
//! Needs no task and no timer: it is asked when somebody wants to try, and told what came of it. Every change of state begins
//! a new epoch, and a result from an older epoch changes nothing, so that requests sent before a trip cannot undo it.

use std::time::Duration;

use tokio::time::Instant;

use crate::config;

/// A permit that was never answered is free again after this long, whatever became of its holder.
const LEASE: Duration = Duration::from_secs(660);
/// How long a rate limit without a hint lasts.
const RATE_LIMIT_DEFAULT: Duration = Duration::from_secs(5);
/// The shortest and the longest that a provider's hint is followed.
const RATE_LIMIT: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(300);

/// Whether a target may be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As far as known it works.
    Ready,
    /// It failed before; one request may find out.
    Probing,
    /// Not before `until`.
    Shut {
        /// When one request may find out.
        until: Instant,
        /// Why.
        why: Shut,
    },
}

/// Why a target is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// It failed too often.
    Failing,
    /// It said so itself.
    RateLimited,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Answered.
    Succeeded,
    /// Failed, and not through the caller's fault.
    Failed,
    /// Refused for a while.
    RateLimited {
        /// The provider's hint.
        retry_after: Option<Duration>,
    },
    /// Ended without a verdict: the caller left, or the caller's request was at fault.
    Undecided,
}

/// How urgent a try is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Others could be tried instead.
    Regular,
    /// With no other target left, a small chance is better than none.
    LastResort,
}

/// Leave to try, to be handed back with the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
}

/// The health of one target.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    epoch: u64,
    limits: config::Breaker,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, why: Shut, times: u32 },
    HalfOpen { times: u32, taken: Option<Instant> },
}

impl Breaker {
    /// Starts closed.
    #[must_use]
    pub fn new(limits: config::Breaker) -> Self {
        Self { state: State::Closed { failures: 0 }, epoch: 0, limits }
    }

    /// Whether it may be tried; asking changes nothing.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        match self.state {
            State::Closed { .. } => Standing::Ready,
            State::Open { until, why, .. } if now < until => Standing::Shut { until, why },
            State::Open { .. } | State::HalfOpen { .. } => Standing::Probing,
        }
    }

    /// Leave to try now, or nothing. The last resort also gets the one permit while open after failures.
    pub fn admit(&mut self, now: Instant, entry: Entry) -> Option<Ticket> {
        let times = match self.state {
            State::Closed { .. } => return Some(self.ticket()),
            State::Open { until, why, times } => {
                let early = entry == Entry::LastResort && why == Shut::Failing;
                if now < until && !early {
                    return None;
                }
                self.epoch += 1;
                times
            }
            State::HalfOpen { times, taken: None } => times,
            State::HalfOpen { times, taken: Some(since) } => {
                if now.duration_since(since) < LEASE {
                    return None;
                }
                self.epoch += 1;
                times
            }
        };
        self.state = State::HalfOpen { times, taken: Some(now) };
        Some(self.ticket())
    }

    /// Hears what came of an attempt.
    pub fn on(&mut self, event: Event, ticket: Ticket, now: Instant) {
        if ticket.epoch != self.epoch {
            return;
        }
        match (self.state, event) {
            (_, Event::RateLimited { retry_after }) => {
                let hint = retry_after.unwrap_or(RATE_LIMIT_DEFAULT);
                let wait = hint.clamp(*RATE_LIMIT.start(), *RATE_LIMIT.end());
                self.open(now + wait, Shut::RateLimited, self.times());
            }
            (State::Closed { .. } | State::HalfOpen { .. }, Event::Succeeded) => self.close(),
            (State::Closed { failures }, Event::Failed) => {
                let failures = failures + 1;
                if failures >= self.limits.failures {
                    self.trip(now, 1);
                } else {
                    self.state = State::Closed { failures };
                }
            }
            (State::HalfOpen { times, .. }, Event::Failed) => {
                self.trip(now, times.saturating_add(1));
            }
            (State::HalfOpen { times, .. }, Event::Undecided) => {
                self.state = State::HalfOpen { times, taken: None };
            }
            (State::Closed { .. }, Event::Undecided) => {}
            // No ticket of this epoch was given out while open.
            (State::Open { .. }, Event::Succeeded | Event::Failed | Event::Undecided) => {}
        }
    }

    fn ticket(&self) -> Ticket {
        Ticket { epoch: self.epoch }
    }

    fn times(&self) -> u32 {
        match self.state {
            State::Closed { .. } => 0,
            State::Open { times, .. } | State::HalfOpen { times, .. } => times,
        }
    }

    fn close(&mut self) {
        if matches!(self.state, State::HalfOpen { .. }) {
            self.epoch += 1;
        }
        self.state = State::Closed { failures: 0 };
    }

    /// Opens for the first time, or for twice as long as the last time.
    fn trip(&mut self, now: Instant, times: u32) {
        let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
        let wait = self.limits.open.saturating_mul(factor).min(self.limits.open_max);
        self.open(now + wait, Shut::Failing, times);
    }

    fn open(&mut self, until: Instant, why: Shut, times: u32) {
        // A deadline only moves forward: of two rate limits that arrive together, the longer one holds.
        let until = match self.state {
            State::Open { until: earlier, .. } => until.max(earlier),
            State::Closed { .. } | State::HalfOpen { .. } => until,
        };
        self.epoch += 1;
        self.state = State::Open { until, why, times };
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
