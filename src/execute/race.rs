//! One request's way through its plan. Usually one attempt runs at a time; a second one joins when the first takes much longer than
//! usual, and who begins to answer first wins.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::attempt::{Answer, Call};
use super::{Attempt, Executor, Failure, NoReply, Reply, stopped};
use crate::chat::ChatRequest;
use crate::config::{OnRefusal, Patience, Target};
use crate::health::{Again, Entry, Next, Outcome, Part, Permit, Phase, Sample, Shut, Standing};
use crate::plan::{Place, Plan, Skip, Step};
use crate::provider::Passage;

/// Longest rate limit that a request waits for instead of going on to the next target, and longest wait for what others find out.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Before a target with a brief trouble is tried once more, in milliseconds.
const SOON_MS: std::ops::Range<u64> = 100..300;
/// An attempt is late from so many times its usual p95 on.
const LATE: u32 = 3;
/// The earliest and the latest that a first content is late, and when it is where nobody knows what is usual.
const FIRST_LATE: [Duration; 3] =
    [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(10)];
/// The same for an answer in one piece, which comes at its end.
const WHOLE_LATE: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(60), Duration::from_secs(30)];
/// Whoever may be waited for is waited for so long, however short the deadline.
const LATE_MIN: Duration = Duration::from_millis(500);
/// Nobody waits in vain before so long.
const SILENT_MIN: Duration = Duration::from_millis(300);
/// Kept back of the time for each target that is left.
const RESERVED: Duration = Duration::from_secs(3);
/// Between two looks at whether a late target has been given up by others.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The first of these looks, where nobody knew what is usual.
const LOOK_FIRST: Duration = Duration::from_secs(2);
/// A limit on the first content that knows how slow a target is: so many times its usual p95.
const GIVE_UP: u32 = 10;
/// The longest of these limits.
const GIVE_UP_MAX: Duration = Duration::from_secs(120);

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

/// What follows when an attempt is over.
enum Settled {
    Over(Box<Result<Reply, NoReply>>),
    GoOn,
    /// The same target once more, then.
    Again(Box<Step>, Instant),
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

    /// Nobody is left to ask, but other requests are finding out about some targets, or a rate limit is over soon: then a moment of
    /// patience is better than an error. Nobody is asked twice by it.
    async fn wait_for_others(&mut self) -> bool {
        if self.plan.policy.patience == Patience::None || self.refused.is_some() {
            return false;
        }
        let health = self.executor.health.clone();
        let latest = (Instant::now() + WAIT_MAX).min(self.plan.deadline);
        let end = *self.waits_until.get_or_insert(latest);
        let unasked = self.unasked();
        loop {
            let changed = health.changed();
            let now = Instant::now();
            let mut next = None;
            for step in &unasked {
                let until = match health.standing(&step.target, now) {
                    Standing::Ready | Standing::Warming if self.start(step) => return true,
                    Standing::Probing if self.start(step) => return true,
                    Standing::Ready | Standing::Warming | Standing::Probing => end,
                    Standing::Shut { until, why: Shut::RateLimited } if until <= end => until,
                    Standing::Shut { .. } | Standing::Disabled => continue,
                };
                next = Some(next.map_or(until, |earlier: Instant| earlier.min(until)));
            }
            let Some(next) = next.filter(|_| now < end) else { return false };
            tokio::select! {
                () = changed => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Those of the plan that were not tried because somebody else was trying them, or because of a rate limit.
    fn unasked(&self) -> Vec<Step> {
        let is_asked = |target: &Arc<Target>| {
            self.attempts.iter().any(|attempt| Arc::ptr_eq(&attempt.target, target))
        };
        let limited = self.plan.skipped.iter().filter_map(|skipped| match skipped.why {
            Skip::Shut { why: Shut::RateLimited, .. } => Some(Step {
                target: Arc::clone(&skipped.target),
                place: Place::Probe,
                home: skipped.home,
                usual_p95: None,
            }),
            Skip::Shut { .. } | Skip::NoKey { .. } | Skip::Lacks(_) | Skip::Disabled => None,
        });
        let steps = self.plan.steps.iter().filter(|step| !is_asked(&step.target)).cloned();
        steps.filter(|step| self.may_read_more(step)).chain(limited).collect()
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
            | Place::Warming => Entry::Regular,
        };
        let Some(mut permit) = self.executor.health.admit(&step.target, entry, now) else {
            return false;
        };
        let expected_by = step.usual_p95.map(|usual| now + (usual * LATE).max(SILENT_MIN));
        if let Some(expected_by) = expected_by {
            permit.expect_by(expected_by, now);
        }
        let late = self.late_after(step);
        let left = u32::try_from(plan.steps.len() - self.next.min(plan.steps.len())).unwrap_or(0);
        let fair = (plan.deadline - now) / (left + 1);
        let hedge_after = late.min(fair.max(LATE_MIN));
        let has_begun = Arc::new(AtomicBool::new(false));
        let call = Call {
            chat: Arc::clone(self.chat),
            passage: Passage::Open,
            commit: plan.policy.commit,
            patience: self.patience(step, left, now),
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

    /// After how long an attempt is late. A probe is not trusted with more than its usual time.
    fn late_after(&self, step: &Step) -> Duration {
        let [least, most, unknown] = if self.chat.stream() { FIRST_LATE } else { WHOLE_LATE };
        match (step.usual_p95, step.place) {
            (Some(usual), Place::Probe | Place::Check) => usual.clamp(least / 2, most),
            (Some(usual), _) => (usual * LATE).clamp(least, most),
            (None, _) => unknown,
        }
    }

    /// How long an attempt may take until it begins to answer: what is configured, or more for who is known to take longer; and
    /// never so long that nobody else is left time. That a caller is in a hurry is nobody's fault.
    fn patience(&self, step: &Step, left: u32, now: Instant) -> (Duration, Phase) {
        let timers = &self.executor.timers;
        let (configured, phase) = if self.chat.stream() {
            (timers.first_content, Phase::FirstContent)
        } else {
            (timers.answer, Phase::Answer)
        };
        let known = step.usual_p95.map_or(Duration::ZERO, |usual| usual * GIVE_UP);
        let own = configured.max(known.min(GIVE_UP_MAX));
        let remaining = self.plan.deadline - now;
        let share = remaining.saturating_sub(RESERVED * left).max(remaining / (left + 1));
        if left > 0 && share < own { (share, Phase::Share) } else { (own, phase) }
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
        let part = if self.chat.stream() { Part::First } else { Part::Whole };
        let usual = self.executor.health.usual_p95(&lane.step.target, self.plan.size, part);
        if let Some(usual) = usual {
            let [least, most, _] = if self.chat.stream() { FIRST_LATE } else { WHOLE_LATE };
            let late = lane.started + (usual * LATE).clamp(least, most);
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

    /// What comes of an attempt that is over.
    fn settle(&mut self, lane: usize, result: Result<Answer, Failure>) -> Settled {
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
                    Standing::Shut { until, why: Shut::RateLimited } => until,
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
    fn give_up(&mut self, lane: Lane<'_>, now: Instant) {
        let is_late = now >= lane.late_at && !lane.has_begun.load(Ordering::Relaxed);
        let outcome = if is_late { Outcome::TimedOut(Phase::Usual) } else { Outcome::NotNeeded };
        self.note(&lane, outcome, None, now);
        lane.permit.record(outcome, now);
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
