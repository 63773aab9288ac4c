//! The state machine of one thing that can fail: an endpoint, a credential or a deployment.
//!
//! ```text
//!            failures in a row or in a window, a rate limit, a refusal        its time is over
//!   Closed --------------------------------------------------------> Open -------------------> HalfOpen (one request at a time)
//!     ^                                                              ^ ^                          |   |
//!     |                                                              | +----- failed (longer) ----+   |
//!     |  half a minute without a trip                                +------- failures -------+       | answered, or began to
//!     +------------------------------------ Ramp (a growing share of the requests) <----------+-------+
//! ```
//! Needs no task and no timer: it is asked when somebody wants to try, and told what came of it. Every change of state begins
//! a new epoch, and a result from an older epoch changes nothing, so that requests sent before a trip cannot undo it.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use super::window::Window;
use crate::config;

/// A permit that was never answered is free again after this long, whatever became of its holder.
const LEASE: Duration = Duration::from_secs(660);
/// How long the first rate limit without a hint lasts at most; doubles with each that follows.
const UNHINTED: Duration = Duration::from_secs(1);
/// The longest of them.
const UNHINTED_MAX: Duration = Duration::from_secs(60);
/// The shortest and the longest that a provider's hint is followed.
pub(super) const RATE_LIMIT: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(300);
/// Longest time open in the first minutes of an outage, so that a short one is over soon after its end.
const EARLY_OPEN_MAX: Duration = Duration::from_secs(15);
/// These first minutes.
const EARLY: Duration = Duration::from_secs(5 * 60);
/// Without a trip for so long, the next one opens for half as long.
const CLEAN: Duration = Duration::from_secs(60);
/// How long a refused key or an empty account is left alone at first; doubles each time.
const REFUSED: Duration = Duration::from_secs(60);
/// The longest of it.
const REFUSED_MAX: Duration = Duration::from_secs(30 * 60);
/// How long a model that does not exist is left alone.
const MISSING: Duration = Duration::from_secs(10 * 60);
/// How long a target that is back gets only a share of its requests.
const RAMP: Duration = Duration::from_secs(30);
/// The share with which that begins.
const RAMP_SHARE: f32 = 0.1;
/// Requests in a window from which on there is anything to hold back.
const RAMP_REQUESTS_MIN: u32 = 30;
/// Attempts in a window from which on their ratio counts.
const RATIO_ATTEMPTS_MIN: u32 = 10;
/// Failures among them without which it does not: at one error in a hundred, 5 of 10 come together once in 40 million times.
const RATIO_FAILURES_MIN: u32 = 5;
/// Ratio of answers below which it opens.
const RATIO_MIN: f32 = 0.7;
/// Answers in a window beside which one more failure in a row is needed, once for each: where a hundred requests a second fail
/// once in a hundred times by chance, three in a row happen several times a day.
const STEADIER: [u32; 2] = [30, 300];
/// Failures in a row that are asked for besides, where nobody else could answer.
const ALONE_FAILURES: u32 = 2;

/// Whether it may be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As far as known it works.
    Ready,
    /// It is back, and for a while gets only a share of the requests; this one is not in it.
    Warming,
    /// It failed before; one request may find out.
    Probing,
    /// Not before `until`.
    Shut {
        /// When one request may find out.
        until: Instant,
        /// Why.
        why: Shut,
    },
    /// An operator has taken it out.
    Disabled,
}

/// Why it is shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// It failed too often.
    Failing,
    /// It said so itself.
    RateLimited,
    /// With its last answer it said that nothing is left until then.
    Exhausted,
    /// The account has no money or quota left.
    QuotaGone,
    /// The key is not accepted.
    CredentialRefused,
    /// The provider does not have this model.
    ModelMissing,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The first content is here; the end may still fail.
    Began,
    /// Answered.
    Succeeded,
    /// Failed, and not through the caller's fault.
    Failed,
    /// Refused for a while.
    RateLimited {
        /// The provider's hint.
        retry_after: Option<Duration>,
    },
    /// Refused until somebody mends it.
    Refused(Shut),
    /// Ended without a verdict: the caller left, or the caller's request was at fault.
    Undecided,
}

/// How urgent a try is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Others could be tried instead.
    Regular,
    /// Nobody else could answer, as far as known.
    Alone,
    /// With no other target left, a small chance is better than none.
    LastResort,
}

/// Leave to try, to be handed back with the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
    entry: Entry,
}

/// The health of one thing that can fail.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    epoch: u64,
    limits: config::Breaker,
    disabled: bool,
    /// Attempts of the last half minute.
    attempts: Window,
    /// Requests of the last half minute that would have been tried here.
    wanted: Window,
    /// Failures in a row.
    run: u32,
    /// Rate limits in a row that came without a hint.
    unhinted: u32,
    outage: Outage,
    rng: Rng,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { until: Instant, why: Shut },
    HalfOpen { why: Shut, taken: Option<Instant> },
    Ramp { since: Instant },
}

/// The trips that belong together.
#[derive(Debug, Clone, Copy, Default)]
struct Outage {
    /// How many there were, less one for each clean minute since.
    trips: u32,
    /// Since the first of them.
    since: Option<Instant>,
    /// Since it last came back.
    clean_since: Option<Instant>,
}

impl Breaker {
    /// Starts closed. The seed decides how times are spread.
    #[must_use]
    pub fn new(limits: config::Breaker, seed: u64) -> Self {
        Self {
            state: State::Closed,
            epoch: 0,
            limits,
            disabled: false,
            attempts: Window::default(),
            wanted: Window::default(),
            run: 0,
            unhinted: 0,
            outage: Outage::default(),
            rng: Rng::with_seed(seed),
        }
    }

    /// Whether it may be tried. Asking changes no state.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        match self.state {
            _ if self.disabled => Standing::Disabled,
            State::Closed | State::Ramp { .. } => Standing::Ready,
            State::Open { until, why } if now < until => Standing::Shut { until, why },
            State::Open { .. } | State::HalfOpen { .. } => Standing::Probing,
        }
    }

    /// The same for a request that would be tried here: counts it, and while warming up draws whether it may.
    pub fn ask(&mut self, now: Instant) -> Standing {
        self.wanted.answered(now);
        if let (State::Ramp { since }, false) = (self.state, self.disabled) {
            let age = now.saturating_duration_since(since).as_secs_f32() / RAMP.as_secs_f32();
            let is_busy = self.wanted.sum(now).ok >= RAMP_REQUESTS_MIN;
            let share = RAMP_SHARE + (1.0 - RAMP_SHARE) * age;
            if is_busy && self.rng.f32() >= share {
                return Standing::Warming;
            }
        }
        self.standing(now)
    }

    /// From now on it opens by these limits.
    pub fn limit(&mut self, limits: config::Breaker) {
        self.limits = limits;
    }

    /// Trips that belong together, so far.
    #[must_use]
    pub fn trips(&self) -> u32 {
        self.outage.trips
    }

    /// Takes it out.
    pub fn disable(&mut self) {
        self.disabled = true;
    }

    /// Lets it in again.
    pub fn enable(&mut self) {
        self.disabled = false;
    }

    /// Leave to try now, or nothing. The last resort also gets the one permit while it is open, unless the provider itself asked
    /// to be left alone.
    pub fn admit(&mut self, now: Instant, entry: Entry) -> Option<Ticket> {
        if self.disabled {
            return None;
        }
        let why = match self.state {
            State::Closed | State::Ramp { .. } => return Some(self.ticket(entry)),
            State::Open { until, why } => {
                let early = entry == Entry::LastResort && why.may_be_tried_early();
                if now < until && !early {
                    return None;
                }
                self.epoch += 1;
                why
            }
            State::HalfOpen { why, taken: None } => why,
            State::HalfOpen { why, taken: Some(since) } => {
                if now.saturating_duration_since(since) < LEASE {
                    return None;
                }
                self.epoch += 1;
                why
            }
        };
        self.state = State::HalfOpen { why, taken: Some(now) };
        Some(self.ticket(entry))
    }

    /// Hears what came of an attempt. An attempt that only began gets its ticket back, to be heard again at its end.
    pub fn on(&mut self, event: Event, ticket: Ticket, now: Instant) -> Ticket {
        if ticket.epoch != self.epoch {
            self.prolong(event, ticket, now);
            return ticket;
        }
        match (self.state, event) {
            (State::Closed | State::Ramp { .. }, Event::Began | Event::Undecided) => {}
            (State::HalfOpen { .. }, Event::Began) => self.recover(now),
            (State::HalfOpen { why, .. }, Event::Undecided) => {
                self.state = State::HalfOpen { why, taken: None };
            }
            (State::HalfOpen { .. }, Event::Succeeded) => {
                self.recover(now);
                self.succeeded(now);
            }
            (State::Closed | State::Ramp { .. }, Event::Succeeded) => self.succeeded(now),
            (State::HalfOpen { .. }, Event::Failed) => self.trip(now),
            (State::Closed | State::Ramp { .. }, Event::Failed) => self.failed(ticket.entry, now),
            (State::Closed | State::Ramp { .. } | State::HalfOpen { .. }, event) => {
                self.refused(event, now);
            }
            // No ticket of this epoch was given out while open.
            (State::Open { .. }, _) => {}
        }
        Ticket { epoch: self.epoch, entry: ticket.entry }
    }

    fn succeeded(&mut self, now: Instant) {
        self.attempts.answered(now);
        (self.run, self.unhinted) = (0, 0);
        if let State::Ramp { since } = self.state
            && now.saturating_duration_since(since) >= RAMP
        {
            self.state = State::Closed;
        }
    }

    fn failed(&mut self, entry: Entry, now: Instant) {
        self.attempts.failed(now);
        self.run = self.run.saturating_add(1);
        let counts = self.attempts.sum(now);
        let steadier = STEADIER.iter().filter(|answers| counts.ok >= **answers).count();
        let alone = if entry == Entry::Alone { ALONE_FAILURES } else { 0 };
        let needed = self.limits.failures + u32::try_from(steadier).unwrap_or(0) + alone;
        let many = counts.all() >= RATIO_ATTEMPTS_MIN && counts.failed >= RATIO_FAILURES_MIN;
        if self.run >= needed || (many && ratio(counts.ok, counts.all()) < RATIO_MIN) {
            self.trip(now);
        }
    }

    /// A rate limit, or a refusal that somebody has to mend. How it fares otherwise is not known by it.
    fn refused(&mut self, event: Event, now: Instant) {
        let (why, wait) = match event {
            Event::RateLimited { retry_after: Some(hint) } => {
                let hint = hint.clamp(*RATE_LIMIT.start(), *RATE_LIMIT.end());
                // A little later than asked, and not everyone together.
                (Shut::RateLimited, hint.mul_f32(1.0 + 0.1 * self.rng.f32()))
            }
            Event::RateLimited { retry_after: None } => {
                let longest = doubled(UNHINTED, self.unhinted).min(UNHINTED_MAX);
                self.unhinted = self.unhinted.saturating_add(1);
                (Shut::RateLimited, longest.mul_f32(0.5 + 0.5 * self.rng.f32()))
            }
            Event::Refused(why @ Shut::ModelMissing) => (why, MISSING),
            Event::Refused(why) => {
                self.count_trip(now);
                (why, doubled(REFUSED, self.outage.trips - 1).min(REFUSED_MAX))
            }
            Event::Began | Event::Succeeded | Event::Failed | Event::Undecided => return,
        };
        self.attempts.failed(now);
        self.open(now + wait, why);
    }

    /// Opens after failures, for longer each time. Spread a little, so that replicas do not probe together.
    fn trip(&mut self, now: Instant) {
        self.count_trip(now);
        let age = self.outage.since.map_or(Duration::ZERO, |since| now - since);
        let most = if age < EARLY {
            EARLY_OPEN_MAX.max(self.limits.open).min(self.limits.open_max)
        } else {
            self.limits.open_max
        };
        let wait = doubled(self.limits.open, self.outage.trips - 1).min(most);
        let spread = 0.75 + 0.25 * self.rng.f32();
        self.open(now + wait.mul_f32(spread), Shut::Failing);
    }

    fn count_trip(&mut self, now: Instant) {
        let clean = self.outage.clean_since.take().map_or(Duration::ZERO, |since| now - since);
        let minutes = u32::try_from(clean.as_secs() / CLEAN.as_secs()).unwrap_or(u32::MAX);
        self.outage.trips = self.outage.trips.saturating_sub(minutes);
        if self.outage.trips == 0 {
            self.outage.since = Some(now);
        }
        self.outage.trips = self.outage.trips.saturating_add(1);
    }

    /// Two requests were told to stay away, and the later answer names the longer time: that is still news.
    fn prolong(&mut self, event: Event, ticket: Ticket, now: Instant) {
        if let (State::Open { until, why: Shut::RateLimited }, true) =
            (self.state, ticket.epoch + 1 == self.epoch)
            && let Event::RateLimited { retry_after: Some(hint) } = event
            && now < until
        {
            let until = until.max(now + hint.min(*RATE_LIMIT.end()));
            self.state = State::Open { until, why: Shut::RateLimited };
        }
    }

    fn open(&mut self, until: Instant, why: Shut) {
        self.epoch += 1;
        self.run = 0;
        self.state = State::Open { until, why };
    }

    /// What was counted before says nothing about what is back now.
    fn recover(&mut self, now: Instant) {
        self.epoch += 1;
        self.run = 0;
        self.attempts.clear();
        self.outage.clean_since = Some(now);
        self.state = State::Ramp { since: now };
    }

    fn ticket(&self, entry: Entry) -> Ticket {
        Ticket { epoch: self.epoch, entry }
    }
}

impl Shut {
    /// Whether a request that nobody else can answer may try it before its time.
    #[must_use]
    pub fn may_be_tried_early(self) -> bool {
        match self {
            Self::Failing | Self::Exhausted | Self::CredentialRefused | Self::ModelMissing => true,
            Self::RateLimited | Self::QuotaGone => false,
        }
    }

    /// A stable word for explanations.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::RateLimited => "rate_limited",
            Self::Exhausted => "exhausted",
            Self::QuotaGone => "quota_gone",
            Self::CredentialRefused => "credential_refused",
            Self::ModelMissing => "model_missing",
        }
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX))
}

fn ratio(part: u32, whole: u32) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "counts of half a minute")]
    let (part, whole) = (part as f32, whole.max(1) as f32);
    part / whole
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
