//! One breaker a target, and permits that cannot be lost.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::breaker::{Breaker, Entry, Event, Standing, Ticket};
use crate::config;

/// Most targets that are remembered. Callers can name any model of a provider, so the number must end somewhere; beyond it a
/// target is tried without memory.
const TARGETS_MAX: usize = 4_096;

/// The health of every target, shared by all requests.
#[derive(Debug, Clone)]
pub struct HealthTable {
    breakers: Arc<Mutex<HashMap<String, Breaker>>>,
    limits: config::Breaker,
}

/// The standing of some targets at one moment, for planning.
#[derive(Debug, Default)]
pub struct HealthView(HashMap<String, Standing>);

impl HealthView {
    /// The standing of a target; one that nobody has tried is ready.
    #[must_use]
    pub fn standing(&self, target: &str) -> Standing {
        self.0.get(target).copied().unwrap_or(Standing::Ready)
    }

    /// A view for tests of planning.
    #[cfg(test)]
    pub(crate) fn of(standings: &[(&str, Standing)]) -> Self {
        Self(standings.iter().map(|(id, standing)| ((*id).to_owned(), *standing)).collect())
    }
}

/// Leave to try one target once. Dropped without a word, it goes back without a verdict.
#[derive(Debug)]
pub struct Permit {
    table: HealthTable,
    target: String,
    ticket: Option<Ticket>,
}

impl HealthTable {
    /// Everything closed. The configured `targets` have their places from the start, so that callers who name models of their
    /// own cannot take them.
    #[must_use]
    pub fn new<'a>(limits: config::Breaker, targets: impl Iterator<Item = &'a str>) -> Self {
        let breakers = targets.map(|id| (id.to_owned(), Breaker::new(limits))).collect();
        Self { breakers: Arc::new(Mutex::new(breakers)), limits }
    }

    /// The standing of every target that is not simply ready.
    #[must_use]
    pub fn view(&self, now: Instant) -> HealthView {
        let breakers = self.breakers.lock();
        let standings = breakers.iter().map(|(id, breaker)| (id, breaker.standing(now)));
        let unready = standings.filter(|(_, standing)| *standing != Standing::Ready);
        HealthView(unready.map(|(id, standing)| (id.clone(), standing)).collect())
    }

    /// Asks to try a target.
    pub fn admit(&self, target: &str, entry: Entry, now: Instant) -> Option<Permit> {
        let mut breakers = self.breakers.lock();
        if !breakers.contains_key(target) && breakers.len() >= TARGETS_MAX {
            return Some(Permit { table: self.clone(), target: target.to_owned(), ticket: None });
        }
        let new = || Breaker::new(self.limits);
        let breaker = breakers.entry(target.to_owned()).or_insert_with(new);
        let ticket = breaker.admit(now, entry)?;
        Some(Permit { table: self.clone(), target: target.to_owned(), ticket: Some(ticket) })
    }
}

impl Permit {
    /// Says what came of the attempt.
    pub fn record(mut self, event: Event, now: Instant) {
        self.tell(event, now);
    }

    fn tell(&mut self, event: Event, now: Instant) {
        let Some(ticket) = self.ticket.take() else { return };
        if let Some(breaker) = self.table.breakers.lock().get_mut(&self.target) {
            breaker.on(event, ticket, now);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.tell(Event::Undecided, Instant::now());
    }
}
