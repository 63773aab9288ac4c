//! What follows when an answer breaks off after its beginning was passed on.
//!
//! A target that is known to go on with an answer is given its beginning. Any other one begins anew, unseen, and goes on where it has
//! said the same; models that draw lots seldom do, so this helps where answers repeat. In words alone, and never after a tool call:
//! nobody can take back half of one. When nothing helps, the caller is told in the stream.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use tokio::time::Instant;

use super::attempt::{Answer, Call};
use super::stream::Now;
use super::{Attempt, Executor};
use crate::chat::{Carried, ChatRequest, Chunk, Event};
use crate::config::{Commit, OnBreak, OnRefusal};
use crate::health::{Entry, Next, Outcome, Phase, Sample, Size};
use crate::plan::{Plan, Step};
use crate::provider::{Passage, ProviderError};

/// Longest beginning that is gone on with.
const BEGINNING_BYTES_MAX: usize = 256 * 1024;

/// Who may go on, and with what.
#[derive(Debug)]
pub(super) struct Rescue {
    executor: Executor,
    chat: Arc<ChatRequest>,
    steps: VecDeque<(Step, Way)>,
    size: Size,
    deadline: Instant,
    on_refusal: OnRefusal,
    /// What the caller has.
    sent: String,
    /// What the caller has is more than words, or too long.
    is_hopeless: bool,
    /// What who speaks now has to say before the caller hears it.
    hidden: String,
    attempts: Vec<Attempt>,
    /// When who speaks now was asked.
    speaking: Option<(Step, Instant)>,
    first_trouble: Option<(Outcome, ProviderError)>,
}

/// How a target goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// With the beginning before it.
    Continue,
    /// By beginning anew.
    Repeat,
}

/// What becomes of a piece.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is passed on.
    Pass(Chunk),
    /// The caller has it already.
    Hidden,
    /// It is not what the caller has; this is what went wrong first.
    Diverged(Outcome, ProviderError),
}

impl Executor {
    /// A rescue by the steps that are left, where the tier wants one and there can be one.
    pub(super) fn rescue(
        &self,
        plan: &Plan,
        left: &[Step],
        chat: &Arc<ChatRequest>,
    ) -> Option<Rescue> {
        let needs = chat.needs();
        if plan.policy.on_break == OnBreak::Error || !needs.one_text || left.is_empty() {
            return None;
        }
        let way = |step: &Step| {
            let may = step.target.abilities.prefill == Some(true)
                && !needs.tools
                && !needs.json_schema
                && !needs.prefill;
            if may { Way::Continue } else { Way::Repeat }
        };
        Some(Rescue {
            executor: self.clone(),
            chat: Arc::clone(chat),
            steps: left.iter().map(|step| (step.clone(), way(step))).collect(),
            size: plan.size,
            deadline: plan.deadline,
            on_refusal: plan.policy.on_refusal,
            sent: String::new(),
            is_hopeless: false,
            hidden: String::new(),
            attempts: Vec::new(),
            speaking: None,
            first_trouble: None,
        })
    }
}

impl Rescue {
    /// Whether what comes now is not for the caller yet.
    pub(super) fn is_hiding(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Looks at a piece before the caller does.
    pub(super) fn hear(&mut self, chunk: Chunk) -> Verdict {
        if !self.is_hiding() {
            self.remember(&chunk);
            return Verdict::Pass(chunk);
        }
        match &chunk.text {
            Some(text) if self.hidden.starts_with(text.as_str()) => {
                self.hidden.drain(..text.len());
                Verdict::Hidden
            }
            Some(text) => match text.strip_prefix(self.hidden.as_str()) {
                Some(rest) => match with_text(&chunk, rest) {
                    Some(rest) => {
                        self.hidden.clear();
                        self.remember(&rest);
                        Verdict::Pass(rest)
                    }
                    None => self.diverged(),
                },
                None => self.diverged(),
            },
            None if chunk.finished != 0 => self.diverged(),
            None => Verdict::Hidden,
        }
    }

    fn diverged(&mut self) -> Verdict {
        let trouble = self.first_trouble();
        let (outcome, error) =
            trouble.unwrap_or_else(|| (Outcome::CutOff, ProviderError::default()));
        Verdict::Diverged(outcome, error)
    }

    fn remember(&mut self, chunk: &Chunk) {
        match &chunk.text {
            Some(text) if self.sent.len() + text.len() <= BEGINNING_BYTES_MAX => {
                self.sent.push_str(text);
            }
            Some(_) => self.is_hopeless = true,
            None if chunk.has_content => self.is_hopeless = true,
            None => {}
        }
    }

    /// What went wrong first, once.
    pub(super) fn first_trouble(&mut self) -> Option<(Outcome, ProviderError)> {
        self.first_trouble.take()
    }

    pub(super) fn take_attempts(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.attempts)
    }

    /// How it ended with who spoke, if that was not the first.
    pub(super) fn heard_of(&mut self, outcome: Outcome) {
        if let Some((step, asked)) = self.speaking.take() {
            self.note(&step, outcome, asked, Some(200));
        }
    }

    /// Finds somebody who goes on; the caller's half of the answer stays as it is.
    pub(super) async fn next_voice(
        &mut self,
        outcome: Outcome,
        error: &ProviderError,
    ) -> Option<Now> {
        self.first_trouble.get_or_insert_with(|| (outcome, error.clone()));
        let is_over = matches!(outcome, Outcome::Policy | Outcome::TimedOut(Phase::Total));
        if self.is_hopeless || is_over {
            return None;
        }
        while let Some((step, way)) = self.steps.pop_front() {
            let now = Instant::now();
            if now >= self.deadline {
                return None;
            }
            let Some(mut permit) = self.executor.health.admit(&step.target, Entry::Regular, now)
            else {
                continue;
            };
            let chat = match way {
                Way::Repeat => Arc::clone(&self.chat),
                Way::Continue => Arc::new(self.chat.with_beginning(&self.sent)?),
            };
            let call = Call {
                chat,
                passage: Passage::Closed,
                commit: Commit::FirstContent,
                patience: (self.executor.timers.first_content, Phase::FirstContent),
                deadline: self.deadline,
                has_begun: Arc::new(AtomicBool::new(false)),
            };
            match self.executor.attempt(&step.target, call).await {
                Ok(Answer::Stream(pending)) => {
                    permit.began(Instant::now());
                    let sample = Sample { first: Some(pending.first()), ..Sample::default() };
                    permit.timed(self.size, sample, Instant::now());
                    self.hidden = match way {
                        Way::Repeat => self.sent.clone(),
                        Way::Continue => String::new(),
                    };
                    self.speaking = Some((step, now));
                    return Some(pending.follow(permit));
                }
                // A stream was asked for.
                Ok(Answer::Whole(_)) => permit.record(Outcome::BadReply, Instant::now()),
                Err(failure) => {
                    self.note(&step, failure.outcome, now, failure.status);
                    permit.record(failure.outcome, Instant::now());
                    // A refusal is not routed around here either.
                    if failure.outcome.next() == Next::Refused && self.on_refusal == OnRefusal::Stop
                    {
                        return None;
                    }
                    let would_not =
                        matches!(failure.outcome, Outcome::CallerFault | Outcome::Unsupported);
                    if way == Way::Continue && would_not {
                        self.steps.push_front((step, Way::Repeat));
                    }
                }
            }
        }
        None
    }

    fn note(&mut self, step: &Step, outcome: Outcome, asked: Instant, status: Option<u16>) {
        let (target, took) = (Arc::clone(&step.target), asked.elapsed());
        self.attempts.push(Attempt { target, outcome, took, status });
    }
}

/// The same piece with another text.
fn with_text(chunk: &Chunk, text: &str) -> Option<Chunk> {
    match &chunk.carried {
        Carried::Written(json) => {
            let mut whole: Value = serde_json::from_str(json).ok()?;
            *whole.pointer_mut("/choices/0/delta/content")? = Value::from(text);
            Chunk::parse(whole.to_string()).ok()
        }
        Carried::Events(_) if text.is_empty() => Some(Chunk::of(Vec::new())),
        Carried::Events(_) => {
            Some(Chunk::of(vec![Event::Text { choice: 0, text: text.to_owned() }]))
        }
    }
}
