//! Leave to try a target, which cannot be lost.

use std::sync::Arc;

use tokio::time::Instant;

use super::board::Tickets;
use super::breaker::Event;
use super::limit::{Blame, Slot};
use super::outcome::{Events, Outcome};
use super::pace::{Sample, Size};
use super::table::HealthTable;
use crate::config::Target;

/// Leave to try one target once. Dropped without a word, it goes back without a verdict.
#[derive(Debug)]
pub struct Permit {
    table: HealthTable,
    target: Arc<Target>,
    tickets: Option<Tickets>,
    /// Its place among those that are under way there.
    slot: Option<Slot>,
    /// Names it among those that wait.
    waits: Option<u64>,
}

impl Permit {
    pub(super) fn new(
        table: HealthTable,
        target: Arc<Target>,
        tickets: Tickets,
        slot: Option<Slot>,
    ) -> Self {
        Self { table, target, tickets: Some(tickets), slot, waits: None }
    }

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
        let mut board = self.table.board.lock();
        let (told, _) = board.tell(&self.target, tickets, began, now);
        self.tickets = Some(told);
        let known = board.deployments.get_mut(&self.target.scopes.deployment);
        if let (Some(known), Some(slot)) = (known, &mut self.slot) {
            known.limit.answered(slot);
        }
        drop(board);
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
        let mut board = self.table.board.lock();
        let mut events = outcome.events();
        let known = board.deployments.get_mut(&self.target.scopes.deployment);
        if let (Some(known), Some(slot)) = (known, self.slot.take())
            && known.limit.end(slot, outcome.load(), now) == Blame::Crowd
        {
            // It does answer others; only fewer of them at once.
            events.deployment = Event::Undecided;
        }
        let (_, news) = board.tell(&self.target, tickets, events, now);
        drop(board);
        self.table.changes.notify_waiters();
        news.iter().for_each(|news| news.log(&self.target.id));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.tell(Outcome::ClientGone, Instant::now());
    }
}
