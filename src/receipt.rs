//! Everything about one request, after the fact: headers, the log line and every explanation are read from it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::chat::{Lang, Losses, Passage, Prompt, Usage};
use crate::classify::{Decision, Depth, Snapshot};
use crate::execute::Attempt;
use crate::health::Outcome;
use crate::plan::{Home, Plan, Skip};

/// Neighbours shown in an explanation.
const NEIGHBOURS_SHOWN: usize = 5;

/// Longest list of losses in a header; the receipt has all of them.
const LOSSES_CHARS_MAX: usize = 1_024;

/// Everything about one request.
#[derive(Debug)]
pub struct Receipt {
    /// Names the request in headers and logs.
    pub id: Uuid,
    /// When it came.
    pub received: Instant,
    /// What the caller wrote as `model`, once the body was read.
    pub model: Option<String>,
    /// Whether the caller asked for a stream.
    pub stream: bool,
    /// What it was decided by.
    pub snapshot: Arc<Snapshot>,
    /// What was read of the conversation; for the caller's eyes only.
    pub prompt: Option<Prompt>,
    /// Which tier and why.
    pub decision: Option<Decision>,
    /// Who was to be asked.
    pub plan: Option<Plan>,
    /// Who was asked.
    pub attempts: Vec<Attempt>,
    /// Token counts, as the provider reports them.
    pub usage: Option<Usage>,
    /// What the provider who answers was not told of the request.
    pub losses: Losses,
    /// How long each stage took.
    pub timings: Timings,
    /// How it ended; nothing while it goes on.
    pub ending: Option<End>,
}

/// How long each stage took, as far as it was reached.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Until the body had come and was read.
    pub parse: Duration,
    /// Reading the prompt, the wait for the embedder included.
    pub embed: Duration,
    /// Neighbours and vote.
    pub decide: Duration,
    /// From the request to the first content sent to the caller, or to the whole answer.
    pub first_content: Option<Duration>,
    /// From the request to the end.
    pub total: Option<Duration>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The caller has the whole answer.
    Served,
    /// The caller was told what is wrong; the status says what.
    Refused {
        /// Sent to the caller.
        status: u16,
    },
    /// The answer broke after it began, and the caller was told.
    Broken(Outcome),
    /// The caller left first.
    ClientGone,
}

impl End {
    /// A stable word for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Refused { status } if status < 500 => "refused",
            Self::Refused { .. } => "failed",
            Self::Broken(outcome) => outcome.label(),
            Self::ClientGone => "client_gone",
        }
    }
}

impl Receipt {
    /// Opens a receipt.
    #[must_use]
    pub fn open(snapshot: Arc<Snapshot>, received: Instant) -> Self {
        Self {
            id: Uuid::now_v7(),
            received,
            model: None,
            stream: false,
            snapshot,
            prompt: None,
            decision: None,
            plan: None,
            attempts: Vec::new(),
            usage: None,
            losses: Losses::default(),
            timings: Timings::default(),
            ending: None,
        }
    }

    /// Closes it and writes the log line. Later closings change nothing.
    pub fn close(&mut self, ending: End, now: Instant) {
        if self.ending.is_some() {
            return;
        }
        self.ending = Some(ending);
        self.timings.total = Some(now - self.received);
        self.log(ending);
    }

    /// The target that gave the answer, or was asked last.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.attempts.last().map(|attempt| attempt.target.id.as_str())
    }

    /// The response headers that explain the answer: names without their prefix.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("receipt", self.id.to_string()),
            ("generation", self.snapshot.generation().to_string()),
        ];
        if let Some(decision) = &self.decision {
            headers.extend(decision.goal.tier_name().map(|name| ("tier", name.to_owned())));
            headers.push(("reason", decision.reason.label().to_owned()));
            headers.push(("confidence", format!("{:.3}", decision.confidence)));
            headers.extend(decision.depth().map(|depth| ("depth", depth.label().to_owned())));
            let query_type = decision.query_type.as_ref().map(|known| known.name.clone());
            headers.extend(query_type.map(|name| ("query-type", name)));
            headers.push(("attempts", self.attempts.len().to_string()));
        }
        if !self.attempts.is_empty() {
            let walk: Vec<String> = self.attempts.iter().map(attempt_text).collect();
            headers.push(("walk", walk.join(", ")));
        }
        if !self.losses.is_empty() {
            // Names of fields are the caller's to choose, and clients limit what they read of headers.
            let losses = self.losses.to_string();
            headers.push(("losses", losses.chars().take(LOSSES_CHARS_MAX).collect()));
        }
        headers.extend(self.target().map(|target| ("target", target.to_owned())));
        headers
    }

    /// The texts that were read, part by part: what people write, so for whoever asks on this machine and nobody else.
    #[must_use]
    pub fn texts(&self) -> Value {
        let text = |passage: &Passage| passage.as_str().to_owned();
        self.prompt.as_ref().map_or(Value::Null, |prompt| {
            json!({
                "whole": text(&prompt.whole),
                "instruction": text(&prompt.instruction),
                "payload": prompt.payload.as_ref().map(text),
                "earlier": prompt.earlier.as_ref().map(text),
            })
        })
    }

    /// What was read, the decision and the plan, for a person or a program; no prompt is in it.
    #[must_use]
    pub fn explain(&self) -> Value {
        let now = self.received;
        json!({
            "receipt": self.id.to_string(),
            "generation": self.snapshot.generation(),
            "model": self.model,
            "prompt": self.prompt.as_ref().map(prompt_json),
            "decision": self.decision.as_ref().map(|decision| self.decision_json(decision)),
            "plan": self.plan.as_ref().map(|plan| plan_json(plan, now)),
            "attempts": self.attempts.iter().map(attempt_json).collect::<Vec<Value>>(),
            "usage": self.usage.map(|usage| json!({
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
            })),
            "losses": self.losses.iter().map(|(param, loss)| json!({
                "param": param,
                "loss": loss.label(),
            })).collect::<Vec<Value>>(),
            "timings_us": {
                "parse": micros(self.timings.parse),
                "embed": micros(self.timings.embed),
                "decide": micros(self.timings.decide),
                "first_content": self.timings.first_content.map(micros),
                "total": self.timings.total.map(micros),
            },
            "ending": self.ending.map(End::label),
        })
    }

    fn decision_json(&self, decision: &Decision) -> Value {
        let judgement = decision.judgement.as_ref();
        let near = judgement.map_or_else(Vec::new, |known| self.snapshot.neighbours(known));
        let nearest = near.iter().take(NEIGHBOURS_SHOWN).map(|neighbour| {
            let example = self.snapshot.example(neighbour.row);
            json!({
                "query_type": neighbour.query_type.name,
                "tier": neighbour.query_type.tier.name,
                "cosine": rounded(neighbour.cosine),
                "text": example.map(|example| example.text.chars().take(120).collect::<String>()),
                "file": example.map(|example| example.origin.file.display().to_string()),
                "line": example.map(|example| example.origin.line),
            })
        });
        json!({
            "tier": decision.goal.tier_name(),
            "query_type": decision.query_type.as_ref().map(|known| &known.name),
            "confidence": rounded(decision.confidence),
            "margin": rounded(decision.margin),
            "depth": decision.depth().map(Depth::label),
            "shares": judgement.map(|known| self.shares_json(&known.shares)),
            "reason": decision.reason.label(),
            "because": decision.reason.sentence(),
            "nearest": nearest.collect::<Vec<Value>>(),
        })
    }

    /// The share of each tier.
    fn shares_json(&self, shares: &[f32]) -> Value {
        let sums = self.snapshot.classifier().sides().sum(shares);
        let tiers = self.snapshot.config().tiers.iter().zip(sums);
        tiers.map(|(tier, share)| (tier.name.clone(), json!(rounded(share)))).collect()
    }

    fn log(&self, ending: End) {
        let decision = self.decision.as_ref();
        let walk: Vec<String> = self
            .attempts
            .iter()
            .map(|attempt| format!("{}={}", attempt.target.id, attempt.outcome.label()))
            .collect();
        let status = match ending {
            End::Refused { status } => Some(status),
            End::Served | End::Broken(_) | End::ClientGone => None,
        };
        tracing::info!(
            target: "semroute::receipt",
            receipt = %self.id,
            ending = ending.label(),
            status,
            model = self.model.as_deref(),
            stream = self.stream,
            tier = decision.and_then(|decision| decision.goal.tier_name()),
            query_type = decision
                .and_then(|decision| decision.query_type.as_ref())
                .map(|known| known.name.as_str()),
            confidence = decision.map(|decision| rounded(decision.confidence)),
            reason = decision.map(|decision| decision.reason.label()),
            depth = decision.and_then(Decision::depth).map(Depth::label),
            attempts = %walk.join(" "),
            prompt_tokens = self.usage.map(|usage| usage.prompt_tokens),
            completion_tokens = self.usage.map(|usage| usage.completion_tokens),
            embed_us = micros(self.timings.embed),
            decide_us = micros(self.timings.decide),
            first_content_us = self.timings.first_content.map(micros),
            total_us = self.timings.total.map(micros),
            generation = self.snapshot.generation(),
            "request"
        );
    }
}

impl Drop for Receipt {
    /// A request whose future or stream is dropped before its end lost its caller.
    fn drop(&mut self) {
        if self.model.is_some() {
            self.close(End::ClientGone, Instant::now());
        }
    }
}

/// The parts by their length.
fn prompt_json(prompt: &Prompt) -> Value {
    let bytes = |passage: &Passage| passage.as_str().len();
    json!({
        "whole_bytes": bytes(&prompt.whole),
        "instruction_bytes": bytes(&prompt.instruction),
        "payload_bytes": prompt.payload.as_ref().map(bytes),
        "earlier_bytes": prompt.earlier.as_ref().map(bytes),
        "follow_up": {
            "is": prompt.lean.is_follow_up(),
            "points": prompt.lean.points(),
            "needed": prompt.lean.needed(),
        },
        "language": prompt.language.map(Lang::code),
    })
}

fn plan_json(plan: &Plan, now: Instant) -> Value {
    let steps = plan.steps.iter().map(|step| {
        json!({
            "target": step.target.id,
            "place": step.place.label(),
            "because": step.place.because(),
            "spilled": step.home == Home::Spilled,
        })
    });
    let skipped = plan.skipped.iter().map(|skipped| {
        let (missing, wait) = match &skipped.why {
            Skip::NoKey { variable } => (Some(variable), None),
            Skip::Shut { until, .. } => (None, Some(*until - now)),
            Skip::Lacks(_) | Skip::Disabled => (None, None),
        };
        json!({
            "target": skipped.target.id,
            "why": skipped.why.label(),
            "set": missing,
            "ready_in_ms": wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        })
    });
    let within = plan.deadline - now;
    json!({
        "steps": steps.collect::<Vec<Value>>(),
        "skipped": skipped.collect::<Vec<Value>>(),
        "deadline_ms": u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
    })
}

/// For a header: who, what happened, the status, and how long it took.
fn attempt_text(attempt: &Attempt) -> String {
    let status = attempt.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let (target, outcome) = (&attempt.target.id, attempt.outcome.label());
    format!("{target}={outcome};{status};{}ms", attempt.took.as_millis())
}

fn attempt_json(attempt: &Attempt) -> Value {
    json!({
        "may_be_billed": attempt.outcome.may_be_billed() || attempt.outcome == Outcome::Served,
        "target": attempt.target.id,
        "outcome": attempt.outcome.label(),
        "status": attempt.status,
        "took_us": micros(attempt.took),
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Three digits, as a number that prints as three digits.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1000.0).round() / 1000.0
}
