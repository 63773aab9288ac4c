//! What happened to an attempt, as data: whether the next target is tried, and whether this one is to blame.

use std::time::Duration;

use super::breaker::Event;

/// How long a key without money is left alone.
const QUOTA_REST: Duration = Duration::from_secs(300);

/// Which wait ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// TCP and TLS.
    Connect,
    /// The response head of an unstreamed answer.
    Answer,
    /// The first content of a streamed answer.
    FirstContent,
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
    /// No connection, or it broke before an answer began.
    Unreachable,
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
    /// The provider does not have this model.
    ModelMissing,
    /// This target cannot do what the request asks for, such as tools or images; another one may.
    Unsupported,
    /// 5xx, 408 or a redirect.
    ServerError,
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
    /// The caller left.
    ClientGone,
}

/// What the executor does after an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another target may do better.
    TryNext,
    /// Nobody would do better, or the answer is there.
    Stop,
}

impl Outcome {
    /// Whether another target may do better.
    #[must_use]
    pub fn next(self) -> Next {
        match self {
            Self::Unreachable
            | Self::TimedOut(Phase::Connect | Phase::Answer | Phase::FirstContent | Phase::Idle)
            | Self::RateLimited { .. }
            | Self::QuotaGone
            | Self::CredentialRefused
            | Self::ModelMissing
            | Self::Unsupported
            | Self::ServerError
            | Self::BadReply
            | Self::InBandError
            | Self::CutOff => Next::TryNext,
            // Nobody knows yet whether the next target can read more than this one.
            Self::Served
            | Self::TimedOut(Phase::Total)
            | Self::ContextTooLong
            | Self::CallerFault
            | Self::Policy
            | Self::ClientGone => Next::Stop,
        }
    }

    /// Whether the same request may work here again without anybody's help. A key, a bill or a model's name is for the operator
    /// to mend.
    #[must_use]
    pub fn heals(self) -> bool {
        !matches!(
            self,
            Self::CredentialRefused | Self::QuotaGone | Self::ModelMissing | Self::Unsupported
        )
    }

    /// What the target's breaker hears.
    #[must_use]
    pub fn event(self) -> Event {
        match self {
            Self::Served => Event::Succeeded,
            Self::RateLimited { retry_after } => Event::RateLimited { retry_after },
            Self::QuotaGone => Event::RateLimited { retry_after: Some(QUOTA_REST) },
            Self::Unreachable
            | Self::TimedOut(Phase::Connect | Phase::Answer | Phase::FirstContent | Phase::Idle)
            | Self::CredentialRefused
            | Self::ModelMissing
            | Self::ServerError
            | Self::BadReply
            | Self::InBandError
            | Self::CutOff => Event::Failed,
            // The caller sets the total and writes the request, and must not be able to shut a target with either.
            Self::TimedOut(Phase::Total)
            | Self::Unsupported
            | Self::ContextTooLong
            | Self::CallerFault
            | Self::Policy
            | Self::ClientGone => Event::Undecided,
        }
    }

    /// A stable word for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Unreachable => "unreachable",
            Self::TimedOut(Phase::Connect) => "connect_timeout",
            Self::TimedOut(Phase::Answer) => "answer_timeout",
            Self::TimedOut(Phase::FirstContent) => "first_content_timeout",
            Self::TimedOut(Phase::Idle) => "idle_timeout",
            Self::TimedOut(Phase::Total) => "deadline",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaGone => "quota_gone",
            Self::CredentialRefused => "credential_refused",
            Self::ModelMissing => "model_missing",
            Self::Unsupported => "unsupported",
            Self::ServerError => "server_error",
            Self::BadReply => "bad_reply",
            Self::InBandError => "in_band_error",
            Self::CutOff => "cut_off",
            Self::ContextTooLong => "context_too_long",
            Self::CallerFault => "caller_fault",
            Self::Policy => "policy",
            Self::ClientGone => "client_gone",
        }
    }
}
