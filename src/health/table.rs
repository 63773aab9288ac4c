//! The health of every target, at three scopes, and permits that cannot be lost.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::breaker::{Breaker, Entry, Event, Shut, Standing, Ticket};
use super::outcome::{Events, Outcome};
use super::pace::{Figures, Memory, Pace, Part, Sample, Size, Tempo};
use super::silence::Silence;
use crate::config::{self, Target};

/// Most targets that are remembered. Callers can name any model of a provider, so the number must end somewhere; beyond it a
/// target is tried without memory.
const TARGETS_MAX: usize = 4_096;

/// The health of every target, shared by all requests.
#[derive(Debug, Clone)]
pub struct HealthTable {
    board: Arc<Mutex<Board>>,
    /// Wakes those who wait for what others find out.
    changes: Arc<Notify>,
}

/// A target is admissible only where all three of its scopes are.
#[derive(Debug)]
struct Board {
    limits: config::Breaker,
    endpoints: HashMap<Arc<str>, Breaker>,
    credentials: HashMap<Arc<str>, Breaker>,
    deployments: HashMap<Arc<str>, Deployment>,
    /// Those that the configuration names. Only they speak for their endpoint and credential: callers can name any model, and
    /// must not be able to shut those with it.
    listed: HashSet<Arc<str>>,
    /// The first of each tier with a dynamic order, as last planned.
    leaders: HashMap<String, String>,
    seeds: fastrand::Rng,
}

#[derive(Debug)]
struct Deployment {
    breaker: Breaker,
    pace: Pace,
    silence: Silence,
}

/// What is known of a target at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// Whether it may be tried.
    pub standing: Standing,
    /// Whether it is as fast as it used to be.
    pub tempo: Tempo,
    /// How fast that is.
    pub figures: Figures,
    /// The 95th percentile of its usual time until the first content, or until the whole answer.
    pub usual_p95: Option<Duration>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            standing: Standing::Ready,
            tempo: Tempo::Usual,
            figures: Figures::default(),
            usual_p95: None,
        }
    }
}

/// What is known of some targets at one moment, for planning.
#[derive(Debug, Default)]
pub struct HealthView {
    known: Vec<(String, Known)>,
    leader: Option<String>,
}

impl HealthView {
    /// What is known of a target; one that nobody has tried is ready.
    #[must_use]
    pub fn of(&self, target: &str) -> Known {
        let found = self.known.iter().find(|(id, _)| id == target);
        found.map_or_else(Known::default, |(_, known)| *known)
    }

    /// Who was planned first the last time.
    #[must_use]
    pub fn leader(&self) -> Option<&str> {
        self.leader.as_deref()
    }

    /// A view for tests of planning.
    #[cfg(test)]
    pub(crate) fn with(known: &[(&str, Known)], leader: Option<&str>) -> Self {
        let known = known.iter().map(|(id, known)| ((*id).to_owned(), *known)).collect();
        Self { known, leader: leader.map(str::to_owned) }
    }
}

/// Leave to try one target once. Dropped without a word, it goes back without a verdict.
#[derive(Debug)]
pub struct Permit {
    table: HealthTable,
    target: Arc<Target>,
    tickets: Option<Tickets>,
    /// Names it among those that wait.
    waits: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Tickets {
    endpoint: Option<Ticket>,
    credential: Option<Ticket>,
    deployment: Option<Ticket>,
}

impl HealthTable {
    /// Everything closed.
    #[must_use]
    pub fn new<'a>(
        limits: config::Breaker,
        targets: impl Iterator<Item = &'a Arc<Target>>,
    ) -> Self {
        let board = Board {
            limits,
            endpoints: HashMap::new(),
            credentials: HashMap::new(),
            deployments: HashMap::new(),
            listed: HashSet::new(),
            leaders: HashMap::new(),
            seeds: fastrand::Rng::new(),
        };
        let table = Self { board: Arc::new(Mutex::new(board)), changes: Arc::default() };
        table.list(limits, targets);
        table
    }

    /// From now on these are the configured targets. What is known of those that were there before is kept.
    pub fn list<'a>(
        &self,
        limits: config::Breaker,
        targets: impl Iterator<Item = &'a Arc<Target>>,
    ) {
        let mut board = self.board.lock();
        let before = std::mem::take(&mut board.listed);
        board.limits = limits;
        let (mut endpoints, mut credentials) = (HashSet::new(), HashSet::new());
        for target in targets {
            let scopes = &target.scopes;
            board.deployment(&scopes.deployment);
            board.listed.insert(Arc::clone(&scopes.deployment));
            endpoints.insert(Arc::clone(&scopes.endpoint));
            credentials.insert(Arc::clone(&scopes.credential));
        }
        let Board { endpoints: known, credentials: paid, deployments, listed, .. } = &mut *board;
        known.retain(|name, _| endpoints.contains(name));
        paid.retain(|name, _| credentials.contains(name));
        deployments.retain(|name, _| listed.contains(name) || !before.contains(name));
        let inner = deployments.values_mut().map(|deployment| &mut deployment.breaker);
        for breaker in known.values_mut().chain(paid.values_mut()).chain(inner) {
            breaker.limit(limits);
        }
    }

    /// What is known of these targets, for a request of this size that waits for that part of an answer.
    #[must_use]
    pub fn view<'a>(
        &self,
        targets: impl Iterator<Item = &'a Arc<Target>>,
        tier: Option<&str>,
        (size, part): (Size, Part),
        now: Instant,
    ) -> HealthView {
        let mut board = self.board.lock();
        let known = targets.map(|target| (target.id.clone(), board.ask(target, (size, part), now)));
        let known = known.collect();
        let leader = tier.and_then(|tier| board.leaders.get(tier).cloned());
        HealthView { known, leader }
    }

    /// How a target stands, for whoever only looks.
    #[must_use]
    pub fn standing(&self, target: &Target, now: Instant) -> Standing {
        self.board.lock().standing(target, now)
    }

    /// The 95th percentile of its usual time, as it is known now.
    #[must_use]
    pub fn usual_p95(&self, target: &Target, size: Size, part: Part) -> Option<Duration> {
        let board = self.board.lock();
        board.deployments.get(&target.scopes.deployment)?.pace.usual_p95(size, part)
    }

    /// Whether several requests wait for it in vain.
    #[must_use]
    pub fn is_silent(&self, target: &Target, now: Instant) -> bool {
        let board = self.board.lock();
        let known = board.deployments.get(&target.scopes.deployment);
        known.is_some_and(|known| known.silence.is_suspicious(now))
    }

    /// How it stands in pace, for whoever only looks.
    #[must_use]
    pub fn is_degraded(&self, target: &Target, size: Size) -> bool {
        let board = self.board.lock();
        let known = board.deployments.get(&target.scopes.deployment);
        known.is_some_and(|known| known.pace.is_degraded(size))
    }

    /// The median of its recent time to the first content, and of its characters a second, by prompts of this size.
    #[must_use]
    pub fn figures(&self, target: &Target, size: Size, now: Instant) -> Figures {
        let mut board = self.board.lock();
        let known = board.deployments.get_mut(&target.scopes.deployment);
        known.map_or_else(Figures::default, |known| known.pace.figures(size, now))
    }

    /// Remembers who was planned first, so that small differences do not change it.
    pub fn lead(&self, tier: &str, target: &str) {
        let mut board = self.board.lock();
        if board.leaders.get(tier).is_none_or(|leader| leader != target) {
            board.leaders.insert(tier.to_owned(), target.to_owned());
        }
    }

    /// Returns after the next change of how any target stands. What changes from the call on counts.
    pub fn changed(&self) -> impl Future<Output = ()> {
        Arc::clone(&self.changes).notified_owned()
    }

    /// Asks to try a target.
    #[must_use]
    pub fn admit(&self, target: &Arc<Target>, entry: Entry, now: Instant) -> Option<Permit> {
        let tickets = self.board.lock().admit(target, entry, now)?;
        let (table, target) = (self.clone(), Arc::clone(target));
        Some(Permit { table, target, tickets: Some(tickets), waits: None })
    }

    /// Takes a target out until it is let in again, or the next restart.
    pub fn disable(&self, target: &Target) {
        if let Some(known) = self.board.lock().deployment(&target.scopes.deployment) {
            known.breaker.disable();
        }
    }

    /// Lets a target in again that was taken out.
    pub fn enable(&self, target: &Target) {
        if let Some(known) = self.board.lock().deployment(&target.scopes.deployment) {
            known.breaker.enable();
        }
    }

    /// What targets are used to, by what they are remembered by, to be kept over a restart.
    #[must_use]
    pub fn memory(&self) -> Vec<(String, Memory)> {
        let board = self.board.lock();
        let listed = board.listed.iter().filter_map(|name| {
            let memory = board.deployments.get(name)?.pace.memory();
            (!memory.is_empty()).then(|| (name.to_string(), memory))
        });
        let mut memory: Vec<(String, Memory)> = listed.collect();
        memory.sort_by(|one, other| one.0.cmp(&other.0));
        memory
    }

    /// Takes up what targets were used to before a restart. It shuts nobody.
    pub fn recall(&self, memory: Vec<(String, Memory)>) {
        let mut board = self.board.lock();
        for (name, usual) in memory {
            if let Some(known) = board.deployments.get_mut(name.as_str()) {
                known.pace = Pace::recall(usual);
            }
        }
    }
}

impl Board {
    fn ask(&mut self, target: &Target, (size, part): (Size, Part), now: Instant) -> Known {
        let at_large = self.at_large(target, now);
        let Some(known) = self.deployments.get_mut(&target.scopes.deployment) else {
            return Known { standing: at_large, ..Known::default() };
        };
        Known {
            standing: worse(at_large, known.breaker.ask(now)),
            tempo: match known.pace.ask(size, now) {
                Tempo::Usual if known.silence.is_suspicious(now) => Tempo::Silent,
                tempo => tempo,
            },
            figures: known.pace.figures(size, now),
            usual_p95: known.pace.usual_p95(size, part),
        }
    }

    fn standing(&self, target: &Target, now: Instant) -> Standing {
        let known = self.deployments.get(&target.scopes.deployment);
        let own = known.map_or(Standing::Ready, |known| known.breaker.standing(now));
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

    fn admit(&mut self, target: &Target, entry: Entry, now: Instant) -> Option<Tickets> {
        let scopes = &target.scopes;
        let mut tickets = Tickets { endpoint: None, credential: None, deployment: None };
        if let Some(known) = self.deployment(&scopes.deployment) {
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
        }
        admitted.then_some(tickets)
    }

    fn deployment(&mut self, name: &Arc<str>) -> Option<&mut Deployment> {
        if !self.deployments.contains_key(name) {
            if self.deployments.len() >= TARGETS_MAX {
                return None;
            }
            let breaker = Breaker::new(self.limits, self.seeds.u64(..));
            let new = Deployment { breaker, pace: Pace::default(), silence: Silence::default() };
            self.deployments.insert(Arc::clone(name), new);
        }
        self.deployments.get_mut(name)
    }

    /// Tells every scope its part, and names what was shut by it.
    fn tell(
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

/// Something was shut.
#[derive(Debug)]
struct News {
    scope: &'static str,
    why: Shut,
    lasts: Duration,
    /// Not as a probe that failed once more.
    is_first: bool,
}

impl News {
    /// A key that is refused and an account without money need a person, once.
    fn log(&self, target: &str) {
        let (scope, why) = (self.scope, self.why.label());
        let ms = u64::try_from(self.lasts.as_millis()).unwrap_or(u64::MAX);
        let needs_a_person = match self.why {
            Shut::CredentialRefused | Shut::QuotaGone | Shut::ModelMissing => true,
            Shut::Failing | Shut::RateLimited => false,
        };
        match (self.is_first, needs_a_person) {
            (true, true) => {
                tracing::error!(target, scope, why, ms, "set aside until somebody mends it");
            }
            (true, false) => tracing::warn!(target, scope, why, ms, "set aside"),
            (false, _) => tracing::debug!(target, scope, why, ms, "still set aside"),
        }
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

impl Permit {
    /// An answer is usually there by then.
    pub fn expect_by(&mut self, at: Instant, now: Instant) {
        let mut board = self.table.board.lock();
        let known = board.deployments.get_mut(&self.target.scopes.deployment);
        self.waits = known.map(|known| known.silence.wait(at, now));
    }

    /// The first content is here. What was tried to see whether it works, works.
    pub fn began(&mut self, now: Instant) {
        self.stop_waiting(Some(now));
        let began =
            Events { endpoint: Event::Began, credential: Event::Began, deployment: Event::Began };
        let Some(tickets) = self.tickets else { return };
        let (told, _) = self.table.board.lock().tell(&self.target, tickets, began, now);
        self.tickets = Some(told);
        self.table.changes.notify_waiters();
    }

    /// Says what came of the attempt.
    pub fn record(mut self, outcome: Outcome, now: Instant) {
        self.tell(outcome, now);
    }

    /// Says how fast the answer came.
    pub fn timed(&self, size: Size, sample: Sample, now: Instant) {
        let mut board = self.table.board.lock();
        if let Some(known) = board.deployments.get_mut(&self.target.scopes.deployment) {
            known.pace.hear(size, sample, now);
        }
    }

    fn stop_waiting(&mut self, answered: Option<Instant>) {
        let Some(waits) = self.waits.take() else { return };
        let mut board = self.table.board.lock();
        if let Some(known) = board.deployments.get_mut(&self.target.scopes.deployment) {
            known.silence.end(waits, answered);
        }
    }

    fn tell(&mut self, outcome: Outcome, now: Instant) {
        self.stop_waiting((outcome == Outcome::Served).then_some(now));
        let Some(tickets) = self.tickets.take() else { return };
        let (_, news) = self.table.board.lock().tell(&self.target, tickets, outcome.events(), now);
        self.table.changes.notify_waiters();
        news.iter().for_each(|news| news.log(&self.target.id));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.tell(Outcome::ClientGone, Instant::now());
    }
}
