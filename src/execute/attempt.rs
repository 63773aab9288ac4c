//! One call to one target: send, read the head, and then either the whole answer or the start of a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::stream::{Idle, Pending, Silence, Source};
use super::{Executor, Failure};
use crate::chat::{ChatRequest, ChunkError, Completion};
use crate::config::{Commit, Target};
use crate::health::{Evidence, Outcome, OutcomeTable, Phase, Verdict};
use crate::provider::{
    ClientError, Passage, Prepared, ProviderError, Reader, Response, Unsayable, prepare,
};

/// What a call that succeeded gives.
pub(super) enum Answer {
    Whole(Box<Completion>),
    Stream(Box<Pending>),
}

/// One call, as it is to be made.
pub(super) struct Call {
    pub(super) chat: Arc<ChatRequest>,
    /// Whether the answer may pass as it is.
    pub(super) passage: Passage,
    /// From when on the answer belongs to the target.
    pub(super) commit: Commit,
    /// Until it begins to answer, and what it means when that is over.
    pub(super) patience: (Duration, Phase),
    pub(super) deadline: Instant,
    /// Is set when it has begun.
    pub(super) has_begun: Arc<AtomicBool>,
}

impl Executor {
    pub(super) async fn attempt(&self, target: &Target, call: Call) -> Result<Answer, Failure> {
        let (started, chat) = (Instant::now(), &call.chat);
        let (wait, phase) = call.patience;
        let limit = Limit::new(started + wait, phase, call.deadline);
        let prepared = prepare(chat, target, call.passage);
        let Prepared { encoded, reader, losses } =
            prepared.map_err(|unsayable| unsaid(chat, unsayable))?;
        let sent = self.client.send(&target.provider, encoded);
        let response = limit.hold(sent).await?.map_err(|error| from_client(&error, None))?;
        let mut response = self.expect_ok(response, limit).await?;
        self.health.rest(target, response.exhausted(self.outcomes.limits()), Instant::now());
        if chat.stream() {
            if !response.is_event_stream() {
                return Err(self.not_a_stream(response, &reader, limit).await);
            }
            let source = Source::new(response, reader, Arc::clone(&self.outcomes));
            let silence = if chat.needs().tools { Silence::Usual } else { Silence::Odd };
            let idle = Idle::new(self.timers.idle, silence);
            let opened = Pending::open((source, losses), (started, limit), idle).await?;
            call.has_begun.store(true, Ordering::Relaxed);
            let pending = opened.fill(call.commit, call.deadline).await?;
            return Ok(Answer::Stream(Box::new(pending)));
        }
        let whole = Limit::new(call.deadline, Phase::Total, call.deadline);
        let body = whole.hold(response.read_answer(self.timers.idle)).await?;
        let body = body.map_err(|error| from_client(&error, Some(response.status())))?;
        let mut completion =
            reader.whole(body).map_err(|error| from_chunk(&error, &response, &self.outcomes))?;
        completion.losses = losses;
        if completion.has_answer {
            Ok(Answer::Whole(Box::new(completion)))
        } else {
            Err(bad_reply())
        }
    }

    async fn expect_ok(&self, mut response: Response, limit: Limit) -> Result<Response, Failure> {
        if response.status() == 200 {
            return Ok(response);
        }
        // The status says enough if the words do not come in time.
        let said = limit.hold(response.read_error(self.timers.idle)).await.unwrap_or_default();
        Err(refused(&said, &response, &self.outcomes))
    }

    /// A provider that answers a streamed request with one body usually reports an error in it.
    async fn not_a_stream(&self, mut response: Response, reader: &Reader, limit: Limit) -> Failure {
        match limit.hold(response.read_answer(self.timers.idle)).await {
            Err(failure) => failure,
            Ok(Err(error)) => from_client(&error, Some(response.status())),
            Ok(Ok(body)) => match reader.whole(body) {
                Err(error) => from_chunk(&error, &response, &self.outcomes),
                Ok(_) => bad_reply(),
            },
        }
    }
}

/// The earlier of a phase's own end and the request's deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    end: Instant,
    phase: Phase,
}

impl Limit {
    pub(super) fn new(end: Instant, phase: Phase, deadline: Instant) -> Self {
        if deadline <= end {
            Self { end: deadline, phase: Phase::Total }
        } else {
            Self { end, phase }
        }
    }

    /// Waits for something, but not beyond the end.
    pub(super) async fn hold<T>(self, future: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::time::timeout_at(self.end, future).await.map_err(|_elapsed| self.timed_out())
    }

    fn timed_out(self) -> Failure {
        let outcome = Outcome::TimedOut(self.phase);
        Failure { outcome, status: None, error: Box::default() }
    }
}

/// The request cannot be said to this target: because of what it says, or because of the target's dialect.
fn unsaid(chat: &ChatRequest, Unsayable { param, message }: Unsayable) -> Failure {
    let outcome =
        if chat.conversation().is_err() { Outcome::CallerFault } else { Outcome::Unsupported };
    let code = Some("invalid_value".to_owned());
    let error = ProviderError { message, param: Some(param), code, ..ProviderError::default() };
    Failure { outcome, status: Some(400), error: Box::new(error) }
}

pub(super) fn from_client(error: &ClientError, status: Option<u16>) -> Failure {
    let outcome = match (error, status) {
        (ClientError::ConnectTimeout, _) => Outcome::TimedOut(Phase::Connect),
        (ClientError::Idle, _) => Outcome::TimedOut(Phase::Idle),
        (ClientError::TooLong { .. } | ClientError::NotText, _) => Outcome::BadReply,
        (ClientError::BadKey, _) => Outcome::CredentialRefused,
        (ClientError::BadHeader, _) => Outcome::Unsupported,
        (ClientError::NoToken { .. }, _) => Outcome::ServerError,
        (ClientError::Unreachable(_) | ClientError::Setup(_), _) => Outcome::Unreachable,
        (ClientError::Broken(_), None) => Outcome::Reset,
        (ClientError::Broken(_), Some(_)) => Outcome::CutOff,
    };
    tracing::debug!(?error, outcome = outcome.label(), "no answer");
    Failure { outcome, status, error: Box::default() }
}

/// What the body of a response other than 200 means.
fn refused(said: &str, response: &Response, outcomes: &OutcomeTable) -> Failure {
    let (error, status) = (response.error(said), Some(response.status()));
    let outcome = judge(
        outcomes,
        &Evidence {
            dialect: response.dialect(),
            status,
            error: &error,
            header: &|name| response.header(name),
            retry_after: response.retry_after(outcomes.limits()),
        },
    );
    Failure { outcome, status, error: Box::new(error) }
}

/// What something inside a 200 means that is no part of an answer. An error that names its own status is taken as if the
/// response had it; the response's headers say nothing about it.
pub(super) fn from_chunk(
    found: &ChunkError,
    response: &Response,
    outcomes: &OutcomeTable,
) -> Failure {
    let ChunkError::InBand { json } = found else { return bad_reply() };
    let error = response.error(json);
    let status = error.status;
    let (dialect, header) = (response.dialect(), &|_: &str| None);
    let evidence = Evidence { dialect, status, error: &error, header, retry_after: None };
    Failure { outcome: judge(outcomes, &evidence), status, error: Box::new(error) }
}

/// The log line is without the provider's words, which may repeat a prompt.
fn judge(outcomes: &OutcomeTable, evidence: &Evidence<'_>) -> Outcome {
    let Verdict { outcome, line } = outcomes.classify(evidence);
    tracing::debug!(status = evidence.status, outcome = outcome.label(), line, "an error");
    outcome
}

pub(super) fn bad_reply() -> Failure {
    Failure { outcome: Outcome::BadReply, status: Some(200), error: Box::default() }
}
