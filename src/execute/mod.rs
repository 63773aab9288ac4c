//! Walks a plan: the only loop over providers.
//!
//! Until the first content of an answer is in hand the walk may move on; after it the answer belongs to one target, and the
//! type changes (`Pending` to [`Committed`]), so that moving on no longer compiles.

mod attempt;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

pub use stream::{Committed, Ending, Piece};

use crate::chat::{ChatRequest, Completion};
use crate::config::{Target, Timers};
use crate::health::{Entry, HealthTable, HealthView, Next, Outcome, OutcomeTable, Shut, Standing};
use crate::plan::{Place, Plan, Skip};
use crate::provider::{Client, ProviderError};

/// Walks plans.
#[derive(Debug, Clone)]
pub struct Executor {
    client: Client,
    health: HealthTable,
    outcomes: Arc<OutcomeTable>,
    timers: Timers,
}

/// One call to one target.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Who was called.
    pub target: Arc<Target>,
    /// What happened.
    pub outcome: Outcome,
    /// Until that was known.
    pub took: Duration,
    /// The status, when a response began.
    pub status: Option<u16>,
}

/// An answer.
#[derive(Debug)]
pub enum Reply {
    /// Complete.
    Whole(Completion),
    /// In pieces, with its first content in hand.
    Stream(Box<Committed>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoReply {
    /// A provider says that the request itself is at fault; no other one was asked.
    #[error("the provider refused the request with status {status}")]
    Refused {
        /// The provider's status.
        status: u16,
        /// In the provider's words.
        error: ProviderError,
    },
    /// No target of the tier can be asked, because no key is set.
    #[error("no provider of this tier has a key; set `{variable}` and restart the gateway")]
    NoKey {
        /// One variable that would help.
        variable: String,
    },
    /// Every target asks to be left alone.
    #[error("every provider of this tier asks to be left alone for a while")]
    RateLimited {
        /// Until the first of them may be asked.
        retry_after: Duration,
    },
    /// Every target is failing, and other requests are finding out whether one is back.
    #[error("every provider of this tier is failing just now")]
    Unavailable,
    /// The deadline passed.
    #[error("no provider answered before the deadline")]
    Deadline,
    /// Every target that was asked failed.
    #[error("every provider of this tier failed; the last one: {}", last.label())]
    AllFailed {
        /// The last failure.
        last: Outcome,
        /// At least one of them may work again without anybody's help.
        heals: bool,
    },
}

/// An attempt that gave nothing.
#[derive(Debug)]
struct Failure {
    outcome: Outcome,
    status: Option<u16>,
    error: Box<ProviderError>,
}

impl Executor {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        client: Client,
        health: HealthTable,
        outcomes: Arc<OutcomeTable>,
        timers: Timers,
    ) -> Self {
        Self { client, health, outcomes, timers }
    }

    /// Tries the plan's targets in order until one answers. Every call is added to `attempts` when its outcome is known, so that
    /// they are not lost with a caller who leaves.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn execute(
        &self,
        plan: &Plan,
        chat: &ChatRequest,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Reply, NoReply> {
        for step in &plan.steps {
            let started = Instant::now();
            if started >= plan.deadline {
                return Err(NoReply::Deadline);
            }
            let entry = match step.place {
                Place::Listed | Place::Probe => Entry::Regular,
                Place::LastResort => Entry::LastResort,
            };
            let Some(permit) = self.health.admit(&step.target.id, entry, started) else { continue };
            let answered = self.attempt(&step.target, chat, plan.deadline).await;
            let now = Instant::now();
            let (outcome, status) = match &answered {
                Ok(_) => (Outcome::Served, Some(200)),
                Err(failure) => (failure.outcome, failure.status),
            };
            let target = Arc::clone(&step.target);
            attempts.push(Attempt { target, outcome, took: now - started, status });
            match answered {
                Ok(attempt::Answer::Whole(completion)) => {
                    permit.record(outcome.event(), now);
                    return Ok(Reply::Whole(completion));
                }
                Ok(attempt::Answer::Stream(pending)) => {
                    return Ok(Reply::Stream(Box::new(pending.commit(permit, plan.deadline))));
                }
                Err(failure) => {
                    permit.record(outcome.event(), now);
                    match outcome.next() {
                        Next::TryNext => {}
                        Next::Stop => return Err(stopped(failure)),
                    }
                }
            }
        }
        let now = Instant::now();
        Err(exhausted(plan, attempts, &self.health.view(now), now))
    }
}

fn stopped(mut failure: Failure) -> NoReply {
    let code = &mut failure.error.code;
    let is_word = code.as_ref().is_some_and(|code| code.parse::<u16>().is_err());
    if failure.outcome == Outcome::ContextTooLong && !is_word {
        // The word that client libraries know; some providers have a number here, or nothing.
        *code = Some("context_length_exceeded".to_owned());
    }
    match failure.outcome {
        Outcome::TimedOut(_) => NoReply::Deadline,
        last @ (Outcome::Served
        | Outcome::Unreachable
        | Outcome::RateLimited { .. }
        | Outcome::QuotaGone
        | Outcome::CredentialRefused
        | Outcome::ModelMissing
        | Outcome::Unsupported
        | Outcome::ServerError
        | Outcome::BadReply
        | Outcome::InBandError
        | Outcome::CutOff
        | Outcome::ClientGone) => NoReply::AllFailed { last, heals: last.heals() },
        Outcome::ContextTooLong | Outcome::CallerFault | Outcome::Policy => {
            let status = failure.status.filter(|status| (400..500).contains(status));
            NoReply::Refused { status: status.unwrap_or(400), error: *failure.error }
        }
    }
}

/// Why a walk that reached the end of its plan has no answer: the failure that helps the caller most.
fn exhausted(plan: &Plan, attempts: &[Attempt], health: &HealthView, now: Instant) -> NoReply {
    let all_limited =
        attempts.iter().all(|attempt| matches!(attempt.outcome, Outcome::RateLimited { .. }));
    // What the breakers will hold to, not what the providers said: hints have limits, and some providers give none.
    let left_out = plan.skipped.iter().map(|skipped| &skipped.target);
    let asked = attempts.iter().map(|attempt| &attempt.target);
    let waits = left_out.chain(asked).filter_map(|target| match health.standing(&target.id) {
        Standing::Shut { until, why: Shut::RateLimited } => Some(until - now),
        Standing::Shut { why: Shut::Failing, .. } | Standing::Ready | Standing::Probing => None,
    });
    let retry_after = waits.min();
    match (attempts.last(), retry_after) {
        (_, Some(retry_after)) if all_limited && attempts.len() == plan.steps.len() => {
            NoReply::RateLimited { retry_after }
        }
        (Some(last), _) => {
            let heals = attempts.iter().any(|attempt| attempt.outcome.heals());
            NoReply::AllFailed { last: last.outcome, heals }
        }
        (None, _) if !plan.steps.is_empty() => NoReply::Unavailable,
        (None, _) => {
            let variable = plan.skipped.iter().find_map(|skipped| match &skipped.why {
                Skip::NoKey { variable } => Some(variable.clone()),
                Skip::RateLimited { .. } => None,
            });
            variable.map_or(NoReply::Unavailable, |variable| NoReply::NoKey { variable })
        }
    }
}
