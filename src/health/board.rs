//! The three things that can fail of every target, and what each of them hears.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::{Breaker, Entry, RATE_LIMIT, Shut, Standing, Ticket};
use super::limit::{Limit, Slot};
use super::news::News;
use super::outcome::{Events, Outcome};
use super::pace::{Pace, Part, Size, Tempo};
use super::silence::Silence;
use super::view::Known;
use crate::config::{self, Target};

/// Most targets that are remembered. Callers can name any model of a provider, so the number must end somewhere; beyond it a
/// target is tried without memory.
const TARGETS_MAX: usize = 4_096;

/// A target is admissible only where all three of its scopes are.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) limits: config::Breaker,
    pub(super) endpoints: HashMap<Arc<str>, Breaker>,
    pub(super) credentials: HashMap<Arc<str>, Breaker>,
    pub(super) deployments: HashMap<Arc<str>, Deployment>,
    /// Those that the configuration names. Only they speak for their endpoint and credential: callers can name any model, and
    /// must not be able to shut those with it.
    pub(super) listed: HashSet<Arc<str>>,
    /// The first of each tier with a dynamic order, as last planned.
    pub(super) leaders: HashMap<String, String>,
    pub(super) seeds: fastrand::Rng,
}

#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) breaker: Breaker,
    pub(super) pace: Pace,
    pub(super) silence: Silence,
    pub(super) limit: Limit,
    /// By its own words nothing is left until then.
    pub(super) rests_until: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tickets {
    pub(super) endpoint: Option<Ticket>,
    pub(super) credential: Option<Ticket>,
    pub(super) deployment: Option<Ticket>,
}

impl Deployment {
    /// Its answer said that nothing is left for so long. That is no failure, and of two such answers the longer time holds.
    pub(super) fn rest(&mut self, wait: Duration, now: Instant) {
        self.rests_until = self.rests_until.max(Some(now + wait.min(*RATE_LIMIT.end())));
    }

    /// How it stands, given how its breaker does.
    fn resting(&self, standing: Standing, now: Instant) -> Standing {
        match (standing, self.rests_until) {
            (Standing::Ready | Standing::Warming, Some(until)) if now < until => {
                Standing::Shut { until, why: Shut::Exhausted }
            }
            (standing, _) => standing,
        }
    }
}

impl Board {
    pub(super) fn ask(
        &mut self,
        target: &Target,
        (size, part): (Size, Part),
        now: Instant,
    ) -> Known {
        let at_large = self.at_large(target, now);
        let Some(known) = self.deployments.get_mut(&target.scopes.deployment) else {
            return Known { standing: at_large, ..Known::default() };
        };
        let own = known.breaker.ask(now);
        Known {
            standing: worse(at_large, known.resting(own, now)),
            tempo: match known.pace.ask(size, now) {
                Tempo::Usual if known.silence.is_suspicious(now) => Tempo::Silent,
                tempo => tempo,
            },
            figures: known.pace.figures(size, now),
            usual_p95: known.pace.usual_p95(size, part),
        }
    }

    pub(super) fn standing(&self, target: &Target, now: Instant) -> Standing {
        let known = self.deployments.get(&target.scopes.deployment);
        let own =
            known.map_or(Standing::Ready, |known| known.resting(known.breaker.standing(now), now));
        worse(self.at_large(target, now), own)
    }

    /// How its endpoint and its credential stand.
    fn at_large(&self, target: &Target, now: Instant) -> Standing {
        let endpoint = self.endpoints.get(&target.scopes.endpoint);
        let credential = self.credentials.get(&target.scopes.credential);
        let standing = |breaker: &Breaker| breaker.standing(now);
        worse(
            endpoint.map_or(Standing::Ready, standing),
            credential.map_or(Standing::Ready, standing),
        )
    }

    /// Leave to try it, with one of its slots; nothing where all of them are taken.
    pub(super) fn admit(
        &mut self,
        target: &Target,
        entry: Entry,
        now: Instant,
    ) -> Option<(Tickets, Option<Slot>)> {
        let scopes = &target.scopes;
        let mut tickets = Tickets { endpoint: None, credential: None, deployment: None };
        if let Some(known) = self.deployment(&scopes.deployment) {
            if known.limit.is_full(now) {
                return None;
            }
            tickets.deployment = Some(known.breaker.admit(now, entry)?);
        }
        let speaks = self.listed.contains(&scopes.deployment);
        let admitted = if speaks {
            let (limits, seed) = (self.limits, self.seeds.u64(..));
            let new = || Breaker::new(limits, seed);
            let endpoint = self.endpoints.entry(Arc::clone(&scopes.endpoint)).or_insert_with(new);
            tickets.endpoint = endpoint.admit(now, entry);
            let credential =
                self.credentials.entry(Arc::clone(&scopes.credential)).or_insert_with(new);
            tickets.credential = tickets.endpoint.and_then(|_| credential.admit(now, entry));
            tickets.credential.is_some()
        } else {
            match self.at_large(target, now) {
                Standing::Ready | Standing::Warming | Standing::Probing => true,
                Standing::Shut { .. } => entry == Entry::LastResort,
                Standing::Disabled => false,
            }
        };
        if !admitted {
            let nothing = Outcome::ClientGone.events();
            self.tell(target, tickets, nothing, now);
            return None;
        }
        let known = self.deployments.get_mut(&scopes.deployment);
        Some((tickets, known.and_then(|known| known.limit.take(now))))
    }

    pub(super) fn deployment(&mut self, name: &Arc<str>) -> Option<&mut Deployment> {
        if !self.deployments.contains_key(name) {
            if self.deployments.len() >= TARGETS_MAX {
                return None;
            }
            let new = Deployment {
                breaker: Breaker::new(self.limits, self.seeds.u64(..)),
                pace: Pace::default(),
                silence: Silence::default(),
                limit: Limit::new(self.seeds.u64(..)),
                rests_until: None,
            };
            self.deployments.insert(Arc::clone(name), new);
        }
        self.deployments.get_mut(name)
    }

    /// Tells every scope its part, and names what was shut by it.
    pub(super) fn tell(
        &mut self,
        target: &Target,
        tickets: Tickets,
        events: Events,
        now: Instant,
    ) -> (Tickets, Vec<News>) {
        let scopes = &target.scopes;
        let deployment = self.deployments.get_mut(&scopes.deployment);
        let mut news = Vec::new();
        let mut tell = |scope, breaker: Option<&mut Breaker>, ticket: Option<Ticket>, event| {
            let (breaker, ticket) = (breaker?, ticket?);
            let before = breaker.standing(now);
            let ticket = breaker.on(event, ticket, now);
            let after = breaker.standing(now);
            if let (Standing::Shut { until, why }, true) = (after, before != after) {
                news.push(News { scope, why, lasts: until - now, is_first: breaker.trips() <= 1 });
            }
            Some(ticket)
        };
        let told = Tickets {
            endpoint: tell(
                "endpoint",
                self.endpoints.get_mut(&scopes.endpoint),
                tickets.endpoint,
                events.endpoint,
            ),
            credential: tell(
                "credential",
                self.credentials.get_mut(&scopes.credential),
                tickets.credential,
                events.credential,
            ),
            deployment: tell(
                "deployment",
                deployment.map(|known| &mut known.breaker),
                tickets.deployment,
                events.deployment,
            ),
        };
        (told, news)
    }
}

/// The one that allows less, and of two that allow nothing the one that does so for longer.
fn worse(one: Standing, other: Standing) -> Standing {
    let rank = |standing: Standing| match standing {
        Standing::Ready => (0, None),
        Standing::Warming => (1, None),
        Standing::Probing => (2, None),
        Standing::Shut { until, .. } => (3, Some(until)),
        Standing::Disabled => (4, None),
    };
    if rank(other) > rank(one) { other } else { one }
}
