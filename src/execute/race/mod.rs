//! One request's way through its plan. Usually one attempt runs at a time; a second one joins when the first takes much longer than
//! usual, and who begins to answer first wins. `late` says when that is, `settle` what follows an attempt, `others` what a request
//! does that has nobody left to ask.

mod late;
mod others;
mod settle;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use settle::Settled;
use tokio::time::{Instant, sleep_until};

use super::attempt::{Answer, Call};
use super::{Attempt, Executor, Failure, NoReply, Reply, stopped};
use crate::chat::ChatRequest;
use crate::health::{Entry, Outcome, Permit, Shut, Standing};
use crate::plan::{Place, Plan, Step};
use crate::provider::Passage;

/// Whoever may be waited for is waited for so long, however short the deadline.
const LATE_MIN: Duration = Duration::from_millis(500);
/// Between two looks at whether a late target has been given up by others.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The first of these looks, where nobody knew what was usual.
const LOOK_FIRST: Duration = Duration::from_secs(2);

type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;

/// An attempt that runs.
struct Lane<'a> {
    step: Step,
    permit: Permit,
    started: Instant,
    /// When to look whether another one should be started beside it.
    look_at: Instant,
    /// When one may be, whatever others say of the target.
    hedge_at: Instant,
    /// From when on it is its own fault that it is slow.
    late_at: Instant,
    /// It has begun to answer.
    has_begun: Arc<AtomicBool>,
    attempt: Running<'a>,
}

/// One request's way through its plan.
pub(super) struct Race<'a> {
    executor: &'a Executor,
    plan: &'a Plan,
    chat: &'a Arc<ChatRequest>,
    attempts: &'a mut Vec<Attempt>,
    /// The step that is started next.
    next: usize,
    lanes: Vec<Lane<'a>>,
    has_retried: bool,
    /// Until when it waits for what others find out, since it began to.
    waits_until: Option<Instant>,
    /// A refusal after which others are still asked: the conversation is too long, or the tier goes on after refusals.
    refused: Option<Failure>,
    /// The window of the largest target that could not read the conversation.
    too_small: Option<u64>,
}

impl<'a> Race<'a> {
    pub(super) fn new(
        executor: &'a Executor,
        plan: &'a Plan,
        chat: &'a Arc<ChatRequest>,
        attempts: &'a mut Vec<Attempt>,
    ) -> Self {
        Self {
            executor,
            plan,
            chat,
            attempts,
            next: 0,
            lanes: Vec::new(),
            has_retried: false,
            waits_until: None,
            refused: None,
            too_small: None,
        }
    }

    pub(super) async fn run(mut self) -> Result<Reply, NoReply> {
        loop {
            if self.lanes.is_empty() && !self.start_next() && !self.wait_for_others().await {
                return Err(self.nobody());
            }
            let wake = self.wake_at();
            tokio::select! {
                biased;
                (lane, result) = first(&mut self.lanes) => match self.settle(lane, result) {
                    Settled::Over(result) => return *result,
                    Settled::GoOn => {}
                    Settled::Again(step, at) => {
                        // A timer of no time at all still takes a millisecond.
                        if at > Instant::now() {
                            sleep_until(at).await;
                        }
                        self.start(&step);
                    }
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.hurry(),
            }
        }
    }

    /// Starts the next target that may be asked. Nothing more is there when it says no.
    fn start_next(&mut self) -> bool {
        let plan = self.plan;
        while let Some(step) = plan.steps.get(self.next) {
            self.next += 1;
            if self.may_read_more(step) && self.start(step) {
                return true;
            }
        }
        false
    }

    /// After a conversation was too long for one target, only larger ones are asked, as far as their sizes are known.
    fn may_read_more(&self, step: &Step) -> bool {
        let window = step.target.abilities.context;
        window.zip(self.too_small).is_none_or(|(window, too_small)| window > too_small)
    }

    fn start(&mut self, step: &Step) -> bool {
        let (now, plan) = (Instant::now(), self.plan);
        if now >= plan.deadline {
            return false;
        }
        let entry = match step.place {
            Place::LastResort => Entry::LastResort,
            _ if plan.steps.len() == 1 => Entry::Alone,
            Place::Listed
            | Place::Fastest { .. }
            | Place::Cheapest { .. }
            | Place::Drawn
            | Place::Explored
            | Place::Probe
            | Place::Check
            | Place::Degraded
            | Place::Silent
            | Place::Doubted { .. }
            | Place::Warming
            | Place::Exhausted => Entry::Regular,
        };
        let Some(mut permit) = self.executor.health.admit(&step.target, entry, now) else {
            return false;
        };
        let expected_by = step.usual_p95.map(|usual| now + late::in_vain_after(usual));
        if let Some(expected_by) = expected_by {
            permit.expect_by(expected_by, now);
        }
        let late = late::late_after(step, plan.part);
        let left = u32::try_from(plan.steps.len() - self.next.min(plan.steps.len())).unwrap_or(0);
        let remaining = plan.deadline - now;
        let fair = remaining / (left + 1);
        let hedge_after = late.min(fair.max(LATE_MIN));
        let has_begun = Arc::new(AtomicBool::new(false));
        let call = Call {
            chat: Arc::clone(self.chat),
            passage: Passage::Open,
            commit: plan.policy.commit,
            patience: late::patience(&self.executor.timers, (step, plan.part), (left, remaining)),
            deadline: plan.deadline,
            has_begun: Arc::clone(&has_begun),
        };
        let executor = self.executor;
        let target = Arc::clone(&step.target);
        let attempt = Box::pin(async move { executor.attempt(&target, call).await });
        let (step, hedge_at, late_at) = (step.clone(), now + hedge_after, now + late);
        let look_at = expected_by.unwrap_or(now + LOOK_FIRST).min(hedge_at);
        self.lanes.push(Lane {
            step,
            permit,
            started: now,
            look_at,
            hedge_at,
            late_at,
            has_begun,
            attempt,
        });
        true
    }

    /// When to look at the attempt that was started last, if it has not begun to answer.
    fn wake_at(&self) -> Option<Instant> {
        let last = self.lanes.last()?;
        let has_next = self.plan.steps.len() > self.next;
        (has_next && !last.has_begun.load(Ordering::Relaxed)).then_some(last.look_at)
    }

    /// The last attempt is late: another target is asked as well, within the budget, or instead of it, if it has been given up by
    /// other requests in the meantime.
    fn hurry(&mut self) {
        let (now, needs) = (Instant::now(), self.chat.needs());
        let Some(lane) = self.lanes.last_mut() else { return };
        let standing = self.executor.health.standing(&lane.step.target, now);
        let is_given_up = matches!(standing, Standing::Shut { why: Shut::Failing, .. });
        if is_given_up {
            if let Some(late) = self.lanes.pop() {
                self.give_up(late, now);
            }
            return;
        }
        // What is usual may be known by now, from those who came later and were faster.
        let part = self.plan.part;
        let usual = self.executor.health.usual_p95(&lane.step.target, self.plan.size, part);
        if let Some(usual) = usual {
            let late = lane.started + late::late_by(usual, part);
            lane.hedge_at = lane.hedge_at.min(late);
            lane.late_at = lane.late_at.min(late);
        }
        let may_hedge = self.plan.policy.hedge && needs.one_text;
        if may_hedge && self.executor.health.is_silent(&lane.step.target, now) {
            // Others wait in vain as well, so this is no luxury but a failover, and nothing of it is chance.
            lane.late_at = now;
            self.start_next();
        } else if may_hedge && now >= lane.hedge_at && self.executor.budget.hedge(now) {
            self.start_next();
        } else {
            let later = now + LOOK_EVERY;
            lane.look_at = if now < lane.hedge_at { later.min(lane.hedge_at) } else { later };
        }
    }

    fn note(&mut self, lane: &Lane<'_>, outcome: Outcome, status: Option<u16>, now: Instant) {
        let (target, took) = (Arc::clone(&lane.step.target), now - lane.started);
        self.attempts.push(Attempt { target, outcome, took, status });
    }

    fn nobody(&mut self) -> NoReply {
        if Instant::now() >= self.plan.deadline {
            return NoReply::Deadline;
        }
        match self.refused.take() {
            Some(failure) => stopped(failure),
            None => self.executor.exhausted(self.plan, self.attempts),
        }
    }
}

impl Drop for Race<'_> {
    /// Whoever still runs is not waited for, because the caller has left.
    fn drop(&mut self) {
        let now = Instant::now();
        for lane in std::mem::take(&mut self.lanes) {
            self.note(&lane, Outcome::ClientGone, None, now);
        }
    }
}

/// Waits for the first of them to be over.
async fn first(lanes: &mut [Lane<'_>]) -> (usize, Result<Answer, Failure>) {
    poll_fn(|context| {
        for (place, lane) in lanes.iter_mut().enumerate() {
            if let Poll::Ready(result) = lane.attempt.as_mut().poll(context) {
                return Poll::Ready((place, result));
            }
        }
        Poll::Pending
    })
    .await
}
