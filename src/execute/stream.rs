//! A streamed answer: pending until enough of it is here, committed from then on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Limit, bad_reply, from_chunk, from_client};
use super::rescue::{Rescue, Verdict};
use super::{Attempt, Failure};
use crate::chat::{Chunk, ChunkError, Losses, Usage};
use crate::config::Commit;
use crate::health::{Outcome, OutcomeTable, Permit, Phase, Sample, Size};
use crate::provider::{Events, Heard, ProviderError, Reader, Response};

/// Most events before the first content: roles, filter results, pings.
const STARTUP_EVENTS_MAX: usize = 64;
/// Most bytes of them; they are held in memory until the first content.
const STARTUP_BYTES_MAX: usize = 256 * 1024;
/// Most bytes of an answer that a tier holds back.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Events that are not JSON and are passed over in one answer; more of them are a failure.
const MALFORMED_MAX: u8 = 3;
/// Events of content from which on a stream's own pace says how long it may be silent.
const PACED_EVENTS: u32 = 16;
/// It may be silent for so many times the usual time between two events,
const SILENCE: u32 = 20;
/// and at least for so long.
const SILENCE_MIN: Duration = Duration::from_secs(10);

/// A stream whose head has come, read up to its first content, or further. The walk may still move on.
pub(super) struct Pending {
    source: Source,
    losses: Losses,
    startup: VecDeque<Chunk>,
    idle: Idle,
    choices: Choices,
    first: Duration,
    /// It has ended, and well.
    is_whole: bool,
}

impl Pending {
    /// Reads until the first content, or until the answer ends without any.
    pub(super) async fn open(
        (mut source, losses): (Source, Losses),
        (started, limit): (Instant, Limit),
        mut idle: Idle,
    ) -> Result<Self, Failure> {
        let (mut startup, mut held, mut choices) = (VecDeque::new(), 0, Choices::default());
        while startup.len() < STARTUP_EVENTS_MAX && held < STARTUP_BYTES_MAX {
            let Signal::Chunk(chunk) = limit.hold(source.next()).await?? else {
                return Err(bad_reply());
            };
            let enough = chunk.has_content || chunk.finished != 0;
            held += chunk.bytes();
            choices.hear(&chunk);
            idle.hear(&chunk, Instant::now());
            startup.push_back(chunk);
            if enough {
                let first = started.elapsed();
                return Ok(Self { source, losses, startup, idle, choices, first, is_whole: false });
            }
        }
        Err(bad_reply())
    }

    /// Reads on until the tier lets the answer begin.
    pub(super) async fn fill(mut self, commit: Commit, deadline: Instant) -> Result<Self, Failure> {
        let (events, until) = match commit {
            Commit::FirstContent => return Ok(self),
            Commit::Hold { events, time } => (events, Instant::now() + time),
            Commit::Full => (usize::MAX, deadline),
        };
        let content =
            |startup: &VecDeque<Chunk>| startup.iter().filter(|chunk| chunk.has_content).count();
        let mut held: usize = self.startup.iter().map(|chunk| chunk.bytes()).sum();
        let mut begun = content(&self.startup);
        while begun < events && !self.is_whole && held < HELD_BYTES_MAX {
            let limit = self.idle.limit(deadline);
            let next = limit.hold(self.source.next());
            let Ok(signal) = tokio::time::timeout_at(until, next).await else { break };
            match signal.and_then(|signal| signal) {
                Ok(Signal::Chunk(chunk)) => {
                    held += chunk.bytes();
                    begun += usize::from(chunk.has_content);
                    self.choices.hear(&chunk);
                    self.idle.hear(&chunk, Instant::now());
                    self.startup.push_back(chunk);
                }
                Ok(Signal::Done) if self.choices.are_complete() => self.is_whole = true,
                Ok(Signal::Done) => return Err(cut_off()),
                Err(failure) if self.choices.forgive(&failure) => self.is_whole = true,
                Err(failure) => return Err(failure),
            }
        }
        let is_short = commit == Commit::Full && !self.is_whole;
        if is_short { Err(bad_reply()) } else { Ok(self) }
    }

    /// From sending the request to the first content.
    pub(super) fn first(&self) -> Duration {
        self.first
    }

    /// The point of no return.
    pub(super) fn commit(
        self,
        permit: Permit,
        (size, deadline): (Size, Instant),
        rescue: Option<Rescue>,
    ) -> Committed {
        let Self { source, losses, startup, idle, is_whole, .. } = self;
        Committed {
            losses,
            now: Now { source, startup, idle, is_whole, permit: Some(permit) },
            size,
            deadline,
            usage: None,
            choices: Choices::default(),
            rescue,
        }
    }

    /// The same for an answer that goes on with another one.
    pub(super) fn follow(self, permit: Permit) -> Now {
        let Self { source, startup, idle, is_whole, .. } = self;
        Now { source, startup, idle, is_whole, permit: Some(permit) }
    }
}

fn cut_off() -> Failure {
    Failure { outcome: Outcome::CutOff, status: Some(200), error: Box::default() }
}

/// A stream that belongs to its caller. Dropped before its end, it cancels the provider's work and blames nobody.
#[derive(Debug)]
pub struct Committed {
    now: Now,
    losses: Losses,
    size: Size,
    deadline: Instant,
    usage: Option<Usage>,
    choices: Choices,
    /// What to do when it breaks off; nothing where the tier wants nothing done.
    rescue: Option<Rescue>,
}

/// Who speaks now.
#[derive(Debug)]
pub(super) struct Now {
    source: Source,
    startup: VecDeque<Chunk>,
    idle: Idle,
    is_whole: bool,
    permit: Option<Permit>,
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
        loop {
            let (outcome, error) = match self.read().await {
                None => return Piece::End(Ending::Whole),
                Some(Ok(chunk)) => {
                    let heard = match &mut self.rescue {
                        Some(rescue) => rescue.hear(chunk),
                        None => Verdict::Pass(chunk),
                    };
                    match heard {
                        Verdict::Pass(passed) => {
                            self.choices.hear(&passed);
                            self.usage = passed.usage.or(self.usage);
                            return Piece::Chunk(passed);
                        }
                        Verdict::Hidden => continue,
                        Verdict::Diverged(outcome, error) => {
                            self.record(Outcome::Diverged);
                            return Piece::End(Ending::Broken { outcome, error });
                        }
                    }
                }
                Some(Err(failure)) => (failure.outcome, *failure.error),
            };
            self.record(outcome);
            let rescued = match &mut self.rescue {
                Some(rescue) => rescue.next_voice(outcome, &error).await,
                None => None,
            };
            match rescued {
                Some(voice) => self.now = voice,
                None => {
                    let first = self.rescue.as_mut().and_then(Rescue::first_trouble);
                    let (outcome, error) = first.unwrap_or((outcome, error));
                    return Piece::End(Ending::Broken { outcome, error });
                }
            }
        }
    }

    /// What the provider was not told of the request.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Token counts, once the provider has reported them.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Who was asked after the answer broke off.
    pub fn take_attempts(&mut self) -> Vec<Attempt> {
        self.rescue.as_mut().map(Rescue::take_attempts).unwrap_or_default()
    }

    /// The next chunk of who speaks now, or how that failed; nothing when it has ended well.
    async fn read(&mut self) -> Option<Result<Chunk, Failure>> {
        if let Some(chunk) = self.now.startup.pop_front() {
            return Some(Ok(chunk));
        }
        self.now.permit.as_ref()?;
        let is_silenced = self.rescue.as_ref().is_some_and(Rescue::is_hiding);
        let is_complete = self.choices.are_complete() && !is_silenced;
        if self.now.is_whole && is_complete {
            return self.end();
        }
        // Comments are no progress, so the limit is set once for the next event and not for every read.
        let limit = self.now.idle.limit(self.deadline);
        match limit.hold(self.now.source.next()).await.and_then(|signal| signal) {
            Ok(Signal::Chunk(chunk)) => {
                self.now.idle.hear(&chunk, Instant::now());
                Some(Ok(chunk))
            }
            Ok(Signal::Done) if is_complete => self.end(),
            // The answer is complete; what broke is only the goodbye.
            Err(failure) if is_complete && self.choices.forgive(&failure) => self.end(),
            Ok(Signal::Done) => Some(Err(cut_off())),
            Err(mut failure) => {
                if failure.outcome == Outcome::BadReply {
                    failure.outcome = Outcome::CutOff;
                }
                Some(Err(failure))
            }
        }
    }

    fn end(&mut self) -> Option<Result<Chunk, Failure>> {
        self.record(Outcome::Served);
        None
    }

    fn record(&mut self, outcome: Outcome) {
        let now = Instant::now();
        if let Some(permit) = self.now.permit.take() {
            if outcome == Outcome::Served {
                let sample = Sample { speed: self.now.idle.speed(), ..Sample::default() };
                permit.timed(self.size, sample, now);
            }
            permit.record(outcome, now);
        }
        if let Some(rescue) = &mut self.rescue {
            rescue.heard_of(outcome);
        }
    }
}

/// Which choices have begun and ended, one bit an index.
#[derive(Debug, Clone, Copy, Default)]
struct Choices {
    begun: u128,
    finished: u128,
}

impl Choices {
    fn hear(&mut self, chunk: &Chunk) {
        self.begun |= chunk.choices;
        self.finished |= chunk.finished;
    }

    /// Every choice that began has ended with a reason.
    fn are_complete(self) -> bool {
        self.finished != 0 && self.begun == self.finished
    }

    /// Whether what failed was only the goodbye of a complete answer.
    fn forgive(self, failure: &Failure) -> bool {
        let is_goodbye =
            matches!(failure.outcome, Outcome::CutOff | Outcome::BadReply | Outcome::TimedOut(_));
        is_goodbye && self.are_complete()
    }
}

/// What silence in the middle of a stream means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Something is wrong.
    Odd,
    /// Tool calls may be put together in silence, however fast the words before came.
    Usual,
}

/// How long a stream may be silent, and how fast it speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    most: Duration,
    silence: Silence,
    events: u32,
    said: usize,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Idle {
    pub(super) fn new(most: Duration, silence: Silence) -> Self {
        Self { most, silence, events: 0, said: 0, first: None, last: None }
    }

    fn hear(&mut self, chunk: &Chunk, now: Instant) {
        if chunk.has_content {
            // What came with the first event took its time before that.
            self.said += if self.first.is_none() { 0 } else { chunk.said };
            self.events += 1;
            self.first.get_or_insert(now);
            self.last = Some(now);
        }
    }

    fn limit(&self, deadline: Instant) -> Limit {
        let paced = self.first.zip(self.last).filter(|_| self.events >= PACED_EVENTS);
        let wait =
            paced.filter(|_| self.silence == Silence::Odd).map_or(self.most, |(first, last)| {
                let usual = (last - first) / self.events;
                (usual * SILENCE).max(SILENCE_MIN).min(self.most)
            });
        Limit::new(Instant::now() + wait, Phase::Idle, deadline)
    }

    /// Characters a second, of streams that are long enough to tell.
    fn speed(&self) -> Option<f32> {
        let spoke = self.last? - self.first?;
        let is_telling = spoke >= Duration::from_secs(1) || self.events >= PACED_EVENTS;
        #[expect(clippy::cast_precision_loss, reason = "bytes of one answer")]
        let said = self.said as f32;
        is_telling.then(|| said / spoke.as_secs_f32().max(1e-3))
    }
}

/// Bytes of a response to chunks of an answer.
#[derive(Debug)]
pub(super) struct Source {
    response: Response,
    reader: Reader,
    outcomes: Arc<OutcomeTable>,
    events: Events,
    malformed: u8,
    ended: bool,
}

enum Signal {
    Chunk(Chunk),
    /// The sentinel, or the end of the connection.
    Done,
}

impl Source {
    pub(super) fn new(response: Response, reader: Reader, outcomes: Arc<OutcomeTable>) -> Self {
        let events = Events::of(&response);
        Self { response, reader, outcomes, events, malformed: 0, ended: false }
    }

    async fn next(&mut self) -> Result<Signal, Failure> {
        loop {
            while let Some(frame) = self.events.pop().map_err(|_broken| bad_reply())? {
                match self.reader.read(frame) {
                    Ok(Heard::Chunk(chunk)) => return Ok(Signal::Chunk(chunk)),
                    Ok(Heard::Nothing) => {}
                    Ok(Heard::Done) => return Ok(Signal::Done),
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
