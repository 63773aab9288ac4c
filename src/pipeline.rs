//! The sentence the program reads as. Everything a request goes through is called here, in order, and nothing hides beside it.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::chat::{BadRequest, ChatRequest, Passage, Prompt, Reads, Surface, Texts, prompt_of};
use crate::classify::{Decision, Judgement, Reading, Snapshot, UnknownModel, Wish, decide};
use crate::embed::{Read, Reader};
use crate::execute::{Attempt, Executor, NoReply, Reply};
use crate::health::{Event, Events, HealthTable, Outcome, Part, Size};
use crate::plan::{Circumstances, Place, Plan, candidates, plan};
use crate::provider::Client;
use crate::receipt::Receipt;
use crate::surface;
use crate::watch::{Doubt, Priors};

/// What every request needs. The next one takes over what should outlive a change of the configuration: the model, the health
/// of the targets and the connections.
#[derive(Debug)]
pub struct Pipeline {
    /// What decisions are made by.
    pub snapshot: Arc<Snapshot>,
    /// The local model; nothing when glances decide alone.
    pub reader: Option<Reader>,
    /// The health of every target.
    pub health: HealthTable,
    /// The connections to providers.
    pub client: Client,
    /// What is suspected of providers.
    pub priors: Priors,
    /// Walks plans.
    pub executor: Executor,
}

/// A request as it arrives, with the headers that mean something here already read.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// What the caller speaks.
    pub surface: Surface,
    /// JSON, as far as the caller is honest.
    pub body: &'a [u8],
    /// Headers that a provider of the caller's own dialect should see.
    pub headers: Vec<(&'static str, String)>,
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
    NoReply(#[from] NoReply),
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
    ) -> Result<(Arc<ChatRequest>, Reply), Refusal> {
        let (chat, plan) = self.prepare(incoming, receipt).await?;
        let (chat, plan) = (Arc::new(chat), receipt.plan.insert(plan));
        let reply = self.executor.execute(plan, &chat, &mut receipt.attempts).await;
        self.tell_priors(&receipt.attempts);
        let reply = reply?;
        Ok((chat, reply))
    }

    /// The same without the last step: what would be done, and why. Nobody is called.
    ///
    /// # Errors
    /// When the body or its model is at fault.
    pub async fn explain(
        &self,
        incoming: &Incoming<'_>,
        receipt: &mut Receipt,
    ) -> Result<(), Refusal> {
        let (_, plan) = self.prepare(incoming, receipt).await?;
        receipt.plan = Some(plan);
        Ok(())
    }

    /// Whether prompts can be read as deep as the configuration wants.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.reader.as_ref().is_none_or(Reader::is_alive)
    }

    /// Everything before the first byte leaves: reads, decides and plans.
    async fn prepare(
        &self,
        incoming: &Incoming<'_>,
        receipt: &mut Receipt,
    ) -> Result<(ChatRequest, Plan), Refusal> {
        let chat = surface::parse(incoming.surface, incoming.body)?;
        let chat = chat.with_headers(incoming.headers.clone());
        receipt.model = Some(chat.model().to_owned());
        receipt.stream = chat.stream();
        let wish = self.snapshot.wish(chat.model(), incoming.tier)?;
        let parsed = Instant::now();
        receipt.prompt = self.prompt(&chat, &wish);
        let (reading, remembered) = self.read(receipt.prompt.as_ref()).await;
        let read = Instant::now();
        let language = receipt.prompt.as_ref().and_then(|prompt| prompt.language);
        let mut decision = decide(&self.snapshot, &wish, reading, language);
        decision.remembered = remembered;
        let now = Instant::now();
        receipt.timings.parse = parsed - incoming.received;
        receipt.timings.embed = read - parsed;
        receipt.timings.decide = now - read;
        let decision = receipt.decision.insert(decision);
        let plan = self.plan(decision, &chat, now, self.time_left(incoming, now));
        Ok((chat, plan))
    }

    /// Who is asked, by what is known of everyone who may answer.
    fn plan(
        &self,
        decision: &Decision,
        chat: &ChatRequest,
        now: Instant,
        within: Duration,
    ) -> Plan {
        let (needs, tier) = (chat.needs(), decision.goal.tier_name());
        let part = chat_part(chat);
        let asked = (Size::of(needs.tokens), part);
        let health = self.health.view(candidates(decision), tier, asked, now);
        let doubted = candidates(decision).filter_map(|target| {
            let doubt = self.priors.of(&target.provider.name, now)?;
            Some((target.id.clone(), doubt))
        });
        let doubts: Vec<(String, Doubt)> = doubted.collect();
        let measured = candidates(decision).filter_map(|target| {
            let way = self.priors.latency(&target.provider.name, now)?;
            Some((target.id.clone(), way))
        });
        let ways: Vec<(String, Duration)> = measured.collect();
        let (health, doubts, ways) = (&health, doubts.as_slice(), ways.as_slice());
        let around = Circumstances { needs, part, health, doubts, ways, now, within };
        let plan = plan(decision, &around, &mut fastrand::Rng::new());
        if let (Some(tier), Some(Place::Fastest { .. }), Some(first)) =
            (tier, plan.steps.first().map(|step| step.place), plan.steps.first())
        {
            self.health.lead(tier, &first.target.id);
        }
        plan
    }

    /// Real answers overrule what is suspected of a provider.
    fn tell_priors(&self, attempts: &[Attempt]) {
        let now = Instant::now();
        for Attempt { target, outcome, .. } in attempts {
            let Events { endpoint, deployment, .. } = outcome.events();
            if *outcome == Outcome::Served {
                self.priors.succeeded(&target.provider.name, now);
            } else if [endpoint, deployment].contains(&Event::Failed) {
                self.priors.failed(&target.provider.name);
            }
        }
    }

    /// Until the deadline: the configured one, or the caller's own where that is shorter.
    fn time_left(&self, incoming: &Incoming<'_>, now: Instant) -> Duration {
        let total = self.snapshot.config().timers.total;
        let within = incoming.timeout.map_or(total, |asked| asked.min(total));
        within.saturating_sub(now - incoming.received)
    }

    /// The text to decide by; a caller who has decided needs none.
    fn prompt(&self, chat: &ChatRequest, wish: &Wish) -> Option<Prompt> {
        match wish {
            Wish::Auto => prompt_of(chat, Reads { system: self.snapshot.config().prompt.system }),
            Wish::Tier(_) | Wish::Target(_) => None,
        }
    }

    /// Reads what decides and, where there is one, the text that can only lead to a stricter tier. Also says whether all that
    /// was remembered.
    async fn read(&self, prompt: Option<&Prompt>) -> (Reading, bool) {
        let Some(prompt) = prompt else { return (Reading::Nothing, false) };
        let Texts { decides, may_raise } = prompt.texts();
        let Some(may_raise) = may_raise else { return self.read_text(&decides).await };
        // Together, so that both have to be there within one deadline.
        let ((first, remembered), (second, also)) =
            tokio::join!(self.read_text(&decides), self.read_text(&may_raise));
        let both = first.judgement().zip(second.judgement());
        let raised = both.and_then(|(one, two)| self.snapshot.classifier().raised(one, two));
        (raised.map_or(first, Reading::Judged), remembered && also)
    }

    /// As deep as is clear enough: a glance, which takes microseconds here, or else the model, on its own thread.
    async fn read_text(&self, text: &Passage) -> (Reading, bool) {
        let snapshot = &self.snapshot;
        let glimpse = Arc::new(snapshot.glimpse(text.as_str()));
        let at_a_glance = snapshot.judge_glimpse(&glimpse);
        let is_enough = |judgement: &Judgement| snapshot.classifier().is_enough(judgement);
        let (reader, at_a_glance) = match (&self.reader, at_a_glance) {
            (_, Some(judgement)) if is_enough(&judgement) => {
                return (Reading::Judged(judgement), false);
            }
            (None, _) => return (Reading::Nothing, false),
            (Some(reader), at_a_glance) => (reader, at_a_glance),
        };
        let (judging, seen) = (Arc::clone(snapshot), Arc::clone(&glimpse));
        let enough = move |features: &[f32]| {
            let classifier = judging.classifier();
            classifier.may_stop() && classifier.is_enough(&judging.judge(&seen, features))
        };
        match (reader.read(text, Box::new(enough)).await, at_a_glance) {
            (Ok(Read { features, remembered }), _) => {
                (Reading::Judged(snapshot.judge(&glimpse, features.as_slice())), remembered)
            }
            (Err(error), Some(judgement)) => (Reading::Hurried(judgement, error), false),
            (Err(error), None) => (Reading::Failed(error), false),
        }
    }
}

/// The part of an answer by which targets are timed.
fn chat_part(chat: &ChatRequest) -> Part {
    if chat.stream() { Part::First } else { Part::Whole }
}
