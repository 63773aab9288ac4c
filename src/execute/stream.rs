//! A streamed answer: pending until its first content is here, committed from then on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Failure;
use super::attempt::{Limit, bad_reply, from_chunk, from_client};
use crate::chat::{Chunk, ChunkError, Usage};
use crate::health::{Outcome, OutcomeTable, Permit, Phase};
use crate::provider::{EventReader, ProviderError, Response, SseItem};

/// Most events before the first content: roles, filter results, pings.
const STARTUP_EVENTS_MAX: usize = 64;
/// Most bytes of them; they are held in memory until the first content.
const STARTUP_BYTES_MAX: usize = 256 * 1024;
/// Events that are not JSON and are passed over in one answer; more of them are a failure.
const MALFORMED_MAX: u8 = 3;

/// A stream whose head has come, read up to its first content. The walk may still move on.
pub(super) struct Pending {
    source: Source,
    startup: VecDeque<Chunk>,
    idle: Duration,
}

impl Pending {
    /// Reads until the first content, or until the answer ends without any.
    pub(super) async fn open(
        mut source: Source,
        limit: Limit,
        idle: Duration,
    ) -> Result<Self, Failure> {
        let (mut startup, mut held) = (VecDeque::new(), 0);
        while startup.len() < STARTUP_EVENTS_MAX && held < STARTUP_BYTES_MAX {
            let Signal::Chunk(chunk) = limit.hold(source.next()).await?? else {
                return Err(bad_reply());
            };
            let enough = chunk.has_content || chunk.finished != 0;
            held += chunk.json.len();
            startup.push_back(chunk);
            if enough {
                return Ok(Self { source, startup, idle });
            }
        }
        Err(bad_reply())
    }

    /// The point of no return.
    pub(super) fn commit(self, permit: Permit, deadline: Instant) -> Committed {
        let Self { source, startup, idle } = self;
        Committed {
            source,
            startup,
            idle,
            deadline,
            permit: Some(permit),
            usage: None,
            begun: 0,
            finished: 0,
        }
    }
}

/// A stream that belongs to its caller. Dropped before its end, it cancels the provider's work and blames nobody.
#[derive(Debug)]
pub struct Committed {
    source: Source,
    startup: VecDeque<Chunk>,
    idle: Duration,
    deadline: Instant,
    permit: Option<Permit>,
    usage: Option<Usage>,
    /// The choices that have begun, one bit an index.
    begun: u128,
    /// Those of them that have ended with a reason.
    finished: u128,
}

/// What comes next.
#[derive(Debug)]
pub enum Piece {
    /// A part of the answer.
    Chunk(Chunk),
    /// Nothing more will come.
    End(Ending),
}

/// How a stream ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// With a finish reason.
    Whole,
    /// Without one, or with an error.
    Broken {
        /// What happened.
        outcome: Outcome,
        /// In the provider's words, where it said something.
        error: ProviderError,
    },
}

impl Committed {
    /// Waits for the next piece. After an end, only ends follow.
    pub async fn next(&mut self) -> Piece {
        let signal = match self.startup.pop_front() {
            Some(chunk) => Ok(Signal::Chunk(chunk)),
            None if self.permit.is_none() => return Piece::End(Ending::Whole),
            None => {
                // Comments are no progress, so the limit is set once for the next event and not for every read.
                let idle_end = Instant::now() + self.idle;
                let limit = Limit::new(idle_end, Phase::Idle, self.deadline);
                limit.hold(self.source.next()).await.and_then(|signal| signal)
            }
        };
        match signal {
            Ok(Signal::Chunk(chunk)) => {
                self.begun |= chunk.choices;
                self.finished |= chunk.finished;
                self.usage = chunk.usage.or(self.usage);
                Piece::Chunk(chunk)
            }
            Ok(Signal::Done) if self.is_complete() => self.end(Outcome::Served, Ending::Whole),
            // The answer is complete; what broke is only the goodbye.
            Err(Failure {
                outcome: Outcome::CutOff | Outcome::BadReply | Outcome::TimedOut(_),
                ..
            }) if self.is_complete() => self.end(Outcome::Served, Ending::Whole),
            Ok(Signal::Done) => {
                let (outcome, error) = (Outcome::CutOff, ProviderError::default());
                self.end(outcome, Ending::Broken { outcome, error })
            }
            Err(Failure { outcome, error, .. }) => {
                let outcome = if outcome == Outcome::BadReply { Outcome::CutOff } else { outcome };
                self.end(outcome, Ending::Broken { outcome, error: *error })
            }
        }
    }

    /// Token counts, once the provider has reported them.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Every choice that began has ended with a reason.
    fn is_complete(&self) -> bool {
        self.finished != 0 && self.begun == self.finished
    }

    fn end(&mut self, outcome: Outcome, ending: Ending) -> Piece {
        if let Some(permit) = self.permit.take() {
            permit.record(outcome.event(), Instant::now());
        }
        Piece::End(ending)
    }
}

/// Bytes of a response to chunks of an answer.
#[derive(Debug)]
pub(super) struct Source {
    response: Response,
    outcomes: Arc<OutcomeTable>,
    events: EventReader,
    malformed: u8,
    ended: bool,
}

enum Signal {
    Chunk(Chunk),
    /// The sentinel, or the end of the connection.
    Done,
}

impl Source {
    pub(super) fn new(response: Response, outcomes: Arc<OutcomeTable>) -> Self {
        Self { response, outcomes, events: EventReader::default(), malformed: 0, ended: false }
    }

    async fn next(&mut self) -> Result<Signal, Failure> {
        loop {
            while let Some(item) = self.events.pop() {
                let SseItem::Data(data) = item else { continue };
                if data.starts_with("[DONE]") {
                    return Ok(Signal::Done);
                }
                match Chunk::parse(data) {
                    Ok(chunk) => return Ok(Signal::Chunk(chunk)),
                    Err(ChunkError::Malformed(_)) if self.malformed < MALFORMED_MAX => {
                        self.malformed += 1;
                    }
                    Err(error) => return Err(from_chunk(&error, &self.response, &self.outcomes)),
                }
            }
            if self.ended {
                return Ok(Signal::Done);
            }
            match self.response.next().await {
                Ok(Some(bytes)) => self.events.push(&bytes).map_err(|_overflow| bad_reply())?,
                Ok(None) => {
                    self.ended = true;
                    self.events.finish();
                }
                Err(error) => return Err(from_client(&error, Some(200))),
            }
        }
    }
}
