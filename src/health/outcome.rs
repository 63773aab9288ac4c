//! What happened to an attempt, as data: who is tried next, and what it says about whom.

use std::time::Duration;

use super::breaker::{Event, Shut};
use super::limit::Load;

/// Which wait ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// TCP and TLS.
    Connect,
    /// The response head of an unstreamed answer.
    Answer,
    /// The first content of a streamed answer.
    FirstContent,
    /// Much more than its usual time, so that another target was asked as well, and was faster.
    Usual,
    /// Its share of the time that the caller gave all targets together.
    Share,
    /// Between two pieces of an answer.
    Idle,
    /// Everything together.
    Total,
}

/// What happened to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer.
    Served,
    /// No connection.
    Unreachable,
    /// The connection broke before an answer began.
    Reset,
    /// A wait ran out.
    TimedOut(Phase),
    /// 429, or its code.
    RateLimited {
        /// The provider's hint.
        retry_after: Option<Duration>,
    },
    /// The account has no money or quota left.
    QuotaGone,
    /// The key is not accepted.
    CredentialRefused,
    /// The key may not use this model, or not from here.
    Forbidden,
    /// The provider does not have this model.
    ModelMissing,
    /// This target cannot do what the request asks for, such as tools or images; another one may.
    Unsupported,
    /// 5xx, 408 or a redirect.
    ServerError,
    /// 503, 529 and their codes.
    Overloaded,
    /// 200, but not an answer: HTML, broken JSON, empty.
    BadReply,
    /// An error object inside a stream that began well.
    InBandError,
    /// The answer began and then ended without its end.
    CutOff,
    /// The conversation is longer than the model can read.
    ContextTooLong,
    /// The request itself is at fault.
    CallerFault,
    /// The provider refuses this content.
    Policy,
    /// Another target was faster, and this one was not late.
    NotNeeded,
    /// It began anew after another one broke off, and did not say the same.
    Diverged,
    /// The caller left.
    ClientGone,
}

/// What the executor does after an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another target may do better.
    TryNext,
    /// Only a target that can read more.
    TryLarger,
    /// The provider refuses the content; the tier says whether others are asked.
    Refused,
    /// Nobody would do better, or the answer is there.
    Stop,
}

/// Whether the same target may do better the second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Not soon.
    No,
    /// At once, on a fresh connection.
    AtOnce,
    /// After a moment.
    Soon,
    /// After the time that it named.
    After(Duration),
}

/// What each thing that can fail hears of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// Where it is served.
    pub endpoint: Event,
    /// Who pays there.
    pub credential: Event,
    /// The model there, under that key.
    pub deployment: Event,
}

impl Outcome {
    /// Whether another target may do better.
    #[must_use]
    pub fn next(self) -> Next {
        match self {
            Self::Unreachable
            | Self::Reset
            | Self::TimedOut(
                Phase::Connect
                | Phase::Answer
                | Phase::FirstContent
                | Phase::Usual
                | Phase::Share
                | Phase::Idle,
            )
            | Self::RateLimited { .. }
            | Self::QuotaGone
            | Self::CredentialRefused
            | Self::Forbidden
            | Self::ModelMissing
            | Self::Unsupported
            | Self::ServerError
            | Self::Overloaded
            | Self::BadReply
            | Self::InBandError
            | Self::CutOff
            | Self::NotNeeded
            | Self::Diverged => Next::TryNext,
            Self::ContextTooLong => Next::TryLarger,
            Self::Policy => Next::Refused,
            Self::Served | Self::TimedOut(Phase::Total) | Self::CallerFault | Self::ClientGone => {
                Next::Stop
            }
        }
    }

    /// Whether the same target may do better the second time. What was silent once may be silent twice, and what is overloaded
    /// is not helped by more of the same.
    #[must_use]
    pub fn again(self) -> Again {
        match self {
            Self::Reset => Again::AtOnce,
            Self::ServerError | Self::BadReply => Again::Soon,
            Self::RateLimited { retry_after: Some(wait) } => Again::After(wait),
            Self::Served
            | Self::Unreachable
            | Self::TimedOut(_)
            | Self::RateLimited { retry_after: None }
            | Self::QuotaGone
            | Self::CredentialRefused
            | Self::Forbidden
            | Self::ModelMissing
            | Self::Unsupported
            | Self::Overloaded
            | Self::InBandError
            | Self::CutOff
            | Self::ContextTooLong
            | Self::CallerFault
            | Self::Policy
            | Self::NotNeeded
            | Self::Diverged
            | Self::ClientGone => Again::No,
        }
    }

    /// Whether the same request may work here again without anybody's help. A key, a bill or a model's name is for the operator
    /// to mend.
    #[must_use]
    pub fn heals(self) -> bool {
        !matches!(
            self,
            Self::CredentialRefused
                | Self::Forbidden
                | Self::QuotaGone
                | Self::ModelMissing
                | Self::Unsupported
        )
    }

    /// Whether the provider may charge for an attempt that gave nothing.
    #[must_use]
    pub fn may_be_billed(self) -> bool {
        matches!(
            self,
            Self::TimedOut(
                Phase::Answer
                    | Phase::FirstContent
                    | Phase::Usual
                    | Phase::Share
                    | Phase::Idle
                    | Phase::Total
            ) | Self::BadReply
                | Self::InBandError
                | Self::CutOff
                | Self::NotNeeded
                | Self::Diverged
                | Self::ClientGone
        )
    }

    /// What endpoint, credential and deployment hear. The caller sets the total and writes the request, and must not be able to
    /// shut anything with either.
    #[must_use]
    pub fn events(self) -> Events {
        let nothing = Events {
            endpoint: Event::Undecided,
            credential: Event::Undecided,
            deployment: Event::Undecided,
        };
        // Whoever answers at all can be reached.
        let answered = Events { endpoint: Event::Succeeded, ..nothing };
        match self {
            Self::Served => Events {
                endpoint: Event::Succeeded,
                credential: Event::Succeeded,
                deployment: Event::Succeeded,
            },
            Self::Unreachable | Self::TimedOut(Phase::Connect) => {
                Events { endpoint: Event::Failed, ..nothing }
            }
            Self::Reset
            | Self::TimedOut(Phase::Answer | Phase::FirstContent | Phase::Usual | Phase::Idle) => {
                Events { deployment: Event::Failed, ..nothing }
            }
            Self::RateLimited { retry_after } => {
                Events { deployment: Event::RateLimited { retry_after }, ..answered }
            }
            Self::QuotaGone => Events { credential: Event::Refused(Shut::QuotaGone), ..answered },
            Self::CredentialRefused => {
                Events { credential: Event::Refused(Shut::CredentialRefused), ..answered }
            }
            Self::Forbidden => {
                Events { deployment: Event::Refused(Shut::CredentialRefused), ..answered }
            }
            Self::ModelMissing => {
                Events { deployment: Event::Refused(Shut::ModelMissing), ..answered }
            }
            Self::ServerError
            | Self::Overloaded
            | Self::BadReply
            | Self::InBandError
            | Self::CutOff => Events { deployment: Event::Failed, ..answered },
            Self::Unsupported | Self::ContextTooLong | Self::CallerFault | Self::Policy => answered,
            Self::TimedOut(Phase::Share | Phase::Total)
            | Self::NotNeeded
            | Self::Diverged
            | Self::ClientGone => nothing,
        }
    }

    /// What it says about how many requests the target takes at once.
    #[must_use]
    pub fn load(self) -> Load {
        match self {
            Self::Served => Load::Answered,
            Self::RateLimited { retry_after: None } => Load::Refused,
            Self::RateLimited { retry_after: Some(_) } | Self::Overloaded => Load::Overloaded,
            Self::Unreachable
            | Self::Reset
            | Self::TimedOut(_)
            | Self::QuotaGone
            | Self::CredentialRefused
            | Self::Forbidden
            | Self::ModelMissing
            | Self::Unsupported
            | Self::ServerError
            | Self::BadReply
            | Self::InBandError
            | Self::CutOff
            | Self::ContextTooLong
            | Self::CallerFault
            | Self::Policy
            | Self::NotNeeded
            | Self::Diverged
            | Self::ClientGone => Load::Unsaid,
        }
    }

    /// A stable word for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::TimedOut(Phase::Connect) => "connect_timeout",
            Self::TimedOut(Phase::Answer) => "answer_timeout",
            Self::TimedOut(Phase::FirstContent) => "first_content_timeout",
            Self::TimedOut(Phase::Usual) => "outrun",
            Self::TimedOut(Phase::Share) => "share_timeout",
            Self::TimedOut(Phase::Idle) => "idle_timeout",
            Self::TimedOut(Phase::Total) => "deadline",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaGone => "quota_gone",
            Self::CredentialRefused => "credential_refused",
            Self::Forbidden => "forbidden",
            Self::ModelMissing => "model_missing",
            Self::Unsupported => "unsupported",
            Self::ServerError => "server_error",
            Self::Overloaded => "overloaded",
            Self::BadReply => "bad_reply",
            Self::InBandError => "in_band_error",
            Self::CutOff => "cut_off",
            Self::ContextTooLong => "context_too_long",
            Self::CallerFault => "caller_fault",
            Self::Policy => "policy",
            Self::NotNeeded => "not_needed",
            Self::Diverged => "diverged",
            Self::ClientGone => "client_gone",
        }
    }
}
