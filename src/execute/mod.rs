//! The walk over a plan: the only loop over providers. `race` starts attempts and settles them, `attempt` is one call, `stream` is an
//! answer in pieces with its commit point, `rescue` is what follows when one breaks off behind it.

mod attempt;
mod budget;
mod race;
mod rescue;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use budget::Budget;
use race::Race;
pub use stream::{Committed, Ending, Piece};

use crate::chat::{ChatRequest, Completion};
use crate::config::{Target, Timers};
use crate::health::{HealthTable, Outcome, OutcomeTable, Shut, Standing};
use crate::plan::{Lack, Plan, Skip};
use crate::provider::{Client, ProviderError};

/// When somebody may come again whom every target had no place for.
const PLACE_AGAIN: Duration = Duration::from_secs(1);

/// Walks plans.
#[derive(Debug, Clone)]
pub struct Executor {
    client: Client,
    health: HealthTable,
    outcomes: Arc<OutcomeTable>,
    timers: Timers,
    budget: Budget,
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
    Whole(Box<Completion>),
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
    /// No target of the tier can do what the request asks for.
    #[error("no target of this tier can answer this request ({})", lack.label())]
    NobodyFits {
        /// What one of them lacks.
        lack: Lack,
    },
    /// Every target asks to be left alone.
    #[error("every provider of this tier asks to be left alone for a while")]
    RateLimited {
        /// Until the first of them may be asked.
        retry_after: Duration,
    },
    /// Every target is failing, and other requests are finding out whether one is back.
    #[error("every provider of this tier is failing just now")]
    Unavailable {
        /// Until the first of them may be asked.
        retry_after: Option<Duration>,
    },
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
        /// Until the first of them may be asked.
        retry_after: Option<Duration>,
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
        Self { client, health, outcomes, timers, budget: Budget::default() }
    }

    /// Tries the plan's targets in order until one answers. Every call is added to `attempts` when its outcome is known, also when
    /// the caller leaves.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn execute(
        &self,
        plan: &Plan,
        chat: &Arc<ChatRequest>,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Reply, NoReply> {
        self.budget.request(Instant::now());
        Race::new(self, plan, chat, attempts).run().await
    }

    /// Why a walk that reached the end of its plan has no answer: the failure that helps the caller most.
    fn exhausted(&self, plan: &Plan, attempts: &[Attempt]) -> NoReply {
        let now = Instant::now();
        let lacks = plan.skipped.iter().find_map(|skipped| match skipped.why {
            Skip::Lacks(lack) => Some(lack),
            Skip::NoKey { .. } | Skip::Shut { .. } | Skip::Disabled => None,
        });
        // What the breakers will hold to, not what the providers said: hints have limits, and some providers give none.
        let left_out = plan.skipped.iter().map(|skipped| &skipped.target);
        let known = plan.steps.iter().map(|step| &step.target).chain(left_out);
        let shut = known.filter_map(|target| match self.health.standing(target, now) {
            Standing::Shut { until, why } => Some((why, until - now)),
            Standing::Ready | Standing::Warming | Standing::Probing | Standing::Disabled => None,
        });
        let shut: Vec<(Shut, Duration)> = shut.collect();
        let limited = shut.iter().filter(|(why, _)| *why == Shut::RateLimited);
        let limit = limited.map(|(_, wait)| *wait).min();
        let is_limit = |attempt: &Attempt| matches!(attempt.outcome, Outcome::RateLimited { .. });
        let may_heal = shut
            .iter()
            .filter(|(why, _)| matches!(why, Shut::Failing | Shut::RateLimited | Shut::Exhausted));
        // Who is well and was not asked had no place, and who said that there are too many is not shut by it.
        let mut unasked = plan.steps.iter().filter(|step| !is_asked(attempts, &step.target));
        let had_no_place = unasked.any(|step| {
            matches!(self.health.standing(&step.target, now), Standing::Ready | Standing::Warming)
        });
        let is_crowd = limit.is_none() && attempts.iter().any(is_limit);
        let place = (had_no_place || is_crowd).then_some(PLACE_AGAIN);
        let retry_after = may_heal.map(|(_, wait)| *wait).chain(place).min();
        let keyless = plan.skipped.iter().find_map(|skipped| match &skipped.why {
            Skip::NoKey { variable } => Some(variable.clone()),
            Skip::Shut { .. } | Skip::Lacks(_) | Skip::Disabled => None,
        });
        match (attempts.last(), limit) {
            (_, Some(wait)) if attempts.iter().all(is_limit) && !is_unasked(plan, attempts) => {
                NoReply::RateLimited { retry_after: wait }
            }
            (Some(_), None) if attempts.iter().all(is_limit) => {
                NoReply::RateLimited { retry_after: PLACE_AGAIN }
            }
            (Some(last), _) => {
                let heals = attempts.iter().any(|attempt| attempt.outcome.heals());
                NoReply::AllFailed { last: last.outcome, heals, retry_after }
            }
            (None, _) if !plan.steps.is_empty() => NoReply::Unavailable { retry_after },
            (None, _) => match (lacks, keyless) {
                (Some(lack), _) => NoReply::NobodyFits { lack },
                (None, Some(variable)) if shut.is_empty() => NoReply::NoKey { variable },
                (None, _) => NoReply::Unavailable { retry_after },
            },
        }
    }
}

/// Whether a step of the plan was not tried, because others were finding out about it.
fn is_unasked(plan: &Plan, attempts: &[Attempt]) -> bool {
    !plan.steps.iter().all(|step| is_asked(attempts, &step.target))
}

fn is_asked(attempts: &[Attempt], target: &Arc<Target>) -> bool {
    attempts.iter().any(|attempt| Arc::ptr_eq(&attempt.target, target))
}

/// Why nobody else is asked after a failure.
fn stopped(mut failure: Failure) -> NoReply {
    let code = &mut failure.error.code;
    let is_word = code.as_ref().is_some_and(|code| code.parse::<u16>().is_err());
    if failure.outcome == Outcome::ContextTooLong && !is_word {
        // The word that client libraries know; some providers have a number here, or nothing.
        *code = Some("context_length_exceeded".to_owned());
    }
    match failure.outcome {
        Outcome::TimedOut(_) => NoReply::Deadline,
        Outcome::ContextTooLong | Outcome::CallerFault | Outcome::Policy => {
            let status = failure.status.filter(|status| (400..500).contains(status));
            NoReply::Refused { status: status.unwrap_or(400), error: *failure.error }
        }
        last @ (Outcome::Served
        | Outcome::Unreachable
        | Outcome::Reset
        | Outcome::RateLimited { .. }
        | Outcome::QuotaGone
        | Outcome::CredentialRefused
        | Outcome::Forbidden
        | Outcome::ModelMissing
        | Outcome::Unsupported
        | Outcome::ServerError
        | Outcome::Overloaded
        | Outcome::BadReply
        | Outcome::InBandError
        | Outcome::CutOff
        | Outcome::NotNeeded
        | Outcome::Diverged
        | Outcome::ClientGone) => {
            NoReply::AllFailed { last, heals: last.heals(), retry_after: None }
        }
    }
}
