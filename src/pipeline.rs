//! The sentence the program reads as. Everything a request goes through is called here, in order, and nothing hides beside it.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::chat::{self, BadRequest, ChatRequest, prompt_of};
use crate::classify::{Reading, Snapshot, UnknownModel, Wish, decide};
use crate::embed::Reader;
use crate::execute::{Executor, NoReply, Reply};
use crate::health::HealthTable;
use crate::plan::plan;
use crate::receipt::Receipt;

/// What every request needs; one per process.
#[derive(Debug)]
pub struct Pipeline {
    /// What decisions are made by.
    pub snapshot: Arc<Snapshot>,
    /// The local model.
    pub reader: Reader,
    /// The health of every target.
    pub health: HealthTable,
    /// Walks plans.
    pub executor: Executor,
}

/// A request as it arrives, with the headers that mean something here already read.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// JSON, as far as the caller is honest.
    pub body: &'a [u8],
    /// `x-semroute-tier`.
    pub tier: Option<&'a str>,
    /// `x-semroute-timeout-ms`, checked.
    pub timeout: Option<Duration>,
    /// When it came.
    pub received: Instant,
}

/// Why a request gets no answer.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The body is not a chat request.
    #[error(transparent)]
    BadRequest(#[from] BadRequest),
    /// The model or tier does not exist.
    #[error(transparent)]
    UnknownModel(#[from] UnknownModel),
    /// Nobody answered.
    #[error("no target answered")]
    NoReply(NoReply),
}

impl Pipeline {
    /// Answers a chat request. The receipt is filled in on the way, whatever comes of it.
    ///
    /// # Errors
    /// When nobody can or should answer.
    pub async fn answer(
        &self,
        incoming: &Incoming<'_>,
        receipt: &mut Receipt,
    ) -> Result<(ChatRequest, Reply), Refusal> {
        let chat = self.prepare(incoming, receipt).await?;
        let reply = match &receipt.plan {
            Some(plan) => {
                let executed = self.executor.execute(plan, &chat).await;
                receipt.attempts = executed.attempts;
                executed.reply
            }
            None => Reply::None(NoReply::Unavailable),
        };
        match reply {
            Reply::None(why) => Err(Refusal::NoReply(why)),
            reply @ (Reply::Whole(_) | Reply::Stream(_)) => Ok((chat, reply)),
        }
    }

    /// Everything before the first byte leaves: reads, decides and plans. `explain` ends here.
    ///
    /// # Errors
    /// When the body or its model is at fault.
    pub async fn prepare(
        &self,
        incoming: &Incoming<'_>,
        receipt: &mut Receipt,
    ) -> Result<ChatRequest, Refusal> {
        let started = Instant::now();
        let chat = chat::parse(incoming.body)?;
        receipt.model = Some(chat.model().to_owned());
        receipt.stream = chat.stream();
        let wish = self.snapshot.wish(chat.model(), incoming.tier)?;
        receipt.timings.parse = started.elapsed();

        let parsed = Instant::now();
        let reading = self.read(&chat, &wish).await;
        let read = Instant::now();
        let decision = decide(&self.snapshot, &wish, &reading);
        let now = Instant::now();
        receipt.timings.embed = read - parsed;
        receipt.timings.decide = now - read;

        let total = self.snapshot.config().timers.total;
        let within = incoming.timeout.map_or(total, |asked| asked.min(total));
        let deadline = within.saturating_sub(now - incoming.received);
        receipt.plan = Some(plan(&decision, &self.health.view(now), now, deadline));
        receipt.decision = Some(decision);
        Ok(chat)
    }

    async fn read(&self, chat: &ChatRequest, wish: &Wish) -> Reading {
        let prompt = match wish {
            Wish::Auto => prompt_of(chat),
            Wish::Tier(_) | Wish::Target(_) => None,
        };
        let Some(prompt) = prompt else { return Reading::Nothing };
        match self.reader.embed(&prompt).await {
            Ok(vector) => Reading::Vector(vector),
            Err(error) => Reading::Failed(error),
        }
    }
}
