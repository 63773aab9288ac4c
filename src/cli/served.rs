//! Decisions as `serve` makes them, without a listener: the same pipeline up to the plan, one request at a time.

use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::{fetch_env, progress};
use crate::chat::Surface;
use crate::classify::{Depth, Reason};
use crate::config::Config;
use crate::gateway;
use crate::pipeline::{Incoming, Pipeline};
use crate::receipt::{End, Receipt};
use crate::tune::{Opinion, Row};

/// Prompts decided before the clock counts.
pub(super) const WARM_UP: usize = 20;

/// As far from everything known as a prompt can be.
const OUTSIDE: f32 = 2.0;

/// A gateway that decides and calls nobody.
pub(super) struct Served {
    runtime: Runtime,
    pipeline: Pipeline,
}

impl Served {
    /// Loads the local model and reads the examples.
    pub(super) fn start(config: Config) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let on_progress = &mut progress("reading examples");
        let brain = gateway::load_brain(Arc::new(config), &fetch_env(), on_progress)?;
        let pipeline =
            runtime.block_on(async { gateway::start(brain.embedder, brain.snapshot) })?;
        Ok(Self { runtime, pipeline })
    }

    /// Decides some prompts that nobody asks for, so that the clock finds everything in place.
    pub(super) fn warm_up(&self) -> anyhow::Result<()> {
        (0..WARM_UP).try_for_each(|turn| {
            self.decide(&user_says(&format!("{turn} prompts have been read to warm up")))?;
            Ok(())
        })
    }

    /// How many examples decide.
    pub(super) fn examples(&self) -> usize {
        self.pipeline.snapshot.config().examples.len()
    }

    /// Decides and plans for a conversation.
    pub(super) fn explain(&self, messages: &Value) -> anyhow::Result<Receipt> {
        let body = json!({"model": "auto", "messages": messages}).to_string();
        let received = Instant::now();
        let mut receipt = Receipt::open(Arc::clone(&self.pipeline.snapshot), received);
        let (surface, body) = (Surface::Chat, body.as_bytes());
        let incoming =
            Incoming { surface, body, headers: Vec::new(), tier: None, timeout: None, received };
        self.runtime.block_on(self.pipeline.explain(&incoming, &mut receipt))?;
        receipt.close(End::Served, Instant::now());
        Ok(receipt)
    }

    /// Decides for a labelled row.
    pub(super) fn judge(&self, row: &Row) -> anyhow::Result<Opinion> {
        let decided = match row.messages() {
            Some(messages) => self.decide(messages),
            None => self.decide(&user_says(&row.text)),
        };
        decided.with_context(|| row.place.to_string())
    }

    /// Decides for a conversation. A prompt that cannot be read is an error here, and not the default tier's.
    pub(super) fn decide(&self, messages: &Value) -> anyhow::Result<Opinion> {
        let receipt = self.explain(messages)?;
        let decision = receipt.decision.as_ref().context("no decision")?;
        if let Reason::EmbedderFailed { error } | Reason::Hurried { error } = &decision.reason {
            bail!("the prompt could not be read: {error}");
        }
        let read = receipt.timings.parse + receipt.timings.embed;
        Ok(Opinion {
            predicted: decision.goal.tier_name().unwrap_or_default().to_owned(),
            confidence: decision.confidence,
            outlier: decision.judgement.as_ref().map_or(OUTSIDE, |judgement| judgement.outlier),
            depth: decision.depth().unwrap_or(Depth::Glance),
            abstained: matches!(decision.reason, Reason::LowConfidence { .. }),
            embed: read,
            decide: read + receipt.timings.decide,
        })
    }

    /// A label is a tier, or a query type that stands for its tier.
    pub(super) fn tier_of(&self, label: &str) -> String {
        let config = self.pipeline.snapshot.config();
        let known = config.query_types.iter().find(|query_type| query_type.name == label);
        match (config.tier(label), known) {
            (None, Some(query_type)) => query_type.tier.name.clone(),
            (Some(_) | None, _) => label.to_owned(),
        }
    }
}

/// A conversation of one turn.
pub(super) fn user_says(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}
