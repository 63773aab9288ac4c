//! What follows when an attempt is over: the answer, the next target, or the same one once more.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::late::{RESERVED, WAIT_MAX};
use super::{Lane, Race};
use crate::config::{OnRefusal, Patience};
use crate::execute::attempt::Answer;
use crate::execute::{Failure, NoReply, Reply, stopped};
use crate::health::{Again, Next, Outcome, Phase, Sample, Shut, Standing};
use crate::plan::{Place, Step};

/// Before a target with a brief trouble is tried once more, in milliseconds.
const SOON_MS: std::ops::Range<u64> = 100..300;

/// What follows when an attempt is over.
pub(super) enum Settled {
    Over(Box<Result<Reply, NoReply>>),
    GoOn,
    /// The same target once more, then.
    Again(Box<Step>, Instant),
}

impl Race<'_> {
    /// What comes of an attempt that is over.
    pub(super) fn settle(&mut self, lane: usize, result: Result<Answer, Failure>) -> Settled {
        let now = Instant::now();
        let lane = self.lanes.remove(lane);
        match result {
            Ok(answer) => {
                self.lanes.drain(..).collect::<Vec<Lane<'_>>>().into_iter().for_each(|loser| {
                    self.give_up(loser, now);
                });
                self.note(&lane, Outcome::Served, Some(200), now);
                Settled::Over(Box::new(Ok(self.reply(lane, answer, now))))
            }
            Err(failure) => {
                let outcome = failure.outcome;
                self.note(&lane, outcome, failure.status, now);
                let step = lane.step;
                lane.permit.record(outcome, now);
                match (outcome.next(), self.plan.policy.on_refusal) {
                    (Next::Stop, _) | (Next::Refused, OnRefusal::Stop) => {
                        return Settled::Over(Box::new(Err(stopped(failure))));
                    }
                    (Next::TryNext, _) => {}
                    (Next::TryLarger, _) => {
                        self.too_small = self.too_small.max(step.target.abilities.context);
                        self.refused.get_or_insert(failure);
                    }
                    (Next::Refused, OnRefusal::TryNext) => {
                        self.refused.get_or_insert(failure);
                    }
                }
                match self.again_at(outcome, &step, now) {
                    Some(at) => Settled::Again(Box::new(step), at),
                    None => Settled::GoOn,
                }
            }
        }
    }

    /// Whether and when the same target is tried once more.
    fn again_at(&mut self, outcome: Outcome, step: &Step, now: Instant) -> Option<Instant> {
        let is_trusted = !matches!(step.place, Place::Probe | Place::Check | Place::LastResort);
        let is_patient = self.plan.policy.patience == Patience::Brief;
        if self.has_retried || !is_patient || !is_trusted || !self.lanes.is_empty() {
            return None;
        }
        let at = match outcome.again() {
            Again::No => return None,
            Again::AtOnce => now,
            Again::Soon => now + Duration::from_millis(fastrand::u64(SOON_MS)),
            Again::After(wait) if wait <= WAIT_MAX => {
                // Not before its breaker lets it.
                match self.executor.health.standing(&step.target, now) {
                    Standing::Shut { until, why: Shut::RateLimited | Shut::Exhausted } => until,
                    Standing::Ready
                    | Standing::Warming
                    | Standing::Probing
                    | Standing::Shut { .. }
                    | Standing::Disabled => return None,
                }
            }
            Again::After(_) => return None,
        };
        if at + RESERVED >= self.plan.deadline || !self.executor.budget.retry(now) {
            return None;
        }
        self.has_retried = true;
        Some(at)
    }

    fn reply(&self, lane: Lane<'_>, answer: Answer, now: Instant) -> Reply {
        let (size, mut permit) = (self.plan.size, lane.permit);
        match answer {
            Answer::Whole(completion) => {
                let sample = Sample { whole: Some(now - lane.started), ..Sample::default() };
                permit.timed(size, sample, now);
                permit.record(Outcome::Served, now);
                Reply::Whole(completion)
            }
            Answer::Stream(pending) => {
                permit.began(now);
                let sample = Sample { first: Some(pending.first()), ..Sample::default() };
                permit.timed(size, sample, now);
                let left = self.plan.steps.get(self.next..).unwrap_or_default();
                let rescue = self.executor.rescue(self.plan, left, self.chat);
                Reply::Stream(Box::new(pending.commit(permit, (size, self.plan.deadline), rescue)))
            }
        }
    }

    /// An attempt is not waited for any longer, because another one was faster.
    pub(super) fn give_up(&mut self, lane: Lane<'_>, now: Instant) {
        let is_late = now >= lane.late_at && !lane.has_begun.load(Ordering::Relaxed);
        let outcome = if is_late { Outcome::TimedOut(Phase::Usual) } else { Outcome::NotNeeded };
        self.note(&lane, outcome, None, now);
        lane.permit.record(outcome, now);
    }
}
