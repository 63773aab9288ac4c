//! The health of every target, shared by all requests.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::board::Board;
use super::breaker::{Entry, Standing};
use super::pace::{Figures, Memory, Pace, Part, Size};
use super::permit::Permit;
use super::view::HealthView;
use crate::config::{self, Target};

/// The health of every target, shared by all requests.
#[derive(Debug, Clone)]
pub struct HealthTable {
    pub(super) board: Arc<Mutex<Board>>,
    /// Wakes those who wait for what others find out.
    pub(super) changes: Arc<Notify>,
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
        let (tickets, slot) = self.board.lock().admit(target, entry, now)?;
        let (table, target) = (self.clone(), Arc::clone(target));
        Some(Permit::new(table, target, tickets, slot))
    }

    /// A good answer said that nothing of a limit is left for so long: others are asked first until then.
    pub fn rest(&self, target: &Target, wait: Option<Duration>, now: Instant) {
        let Some(wait) = wait else { return };
        if let Some(known) = self.board.lock().deployments.get_mut(&target.scopes.deployment) {
            known.rest(wait, now);
        }
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

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
