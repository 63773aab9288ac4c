//! Many requests at once while providers fail by the schedule.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer::{self, Question, Reply, Verdict, judge};
use super::caller::Caller;
use super::faults::{Faults, PROVIDERS, Spell};
use super::host::{Host, Settings, Tier};
use super::provider::Provider;

/// Requests that went wrong and are described; the others are only counted.
const DESCRIBED_MAX: usize = 20;
/// A provider that hangs costs this much, and a busy machine may take as long by itself.
pub(super) const FIRST_CONTENT: Duration = Duration::from_millis(500);
/// Trips soon and recovers soon, so that a run sees much of both.
const SETTINGS: Settings = Settings {
    first_content: FIRST_CONTENT,
    failures: 3,
    open: Duration::from_millis(100),
    open_max: Duration::from_millis(400),
};
/// Each provider is the first one of a tier.
const TIERS: [&str; PROVIDERS] = ["from-north", "from-east", "from-south", "from-west"];

/// What came of the requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) streamed: u64,
    pub(super) dropped: u64,
    /// By the status that came instead of an answer; 0 when none came.
    pub(super) dropped_by_status: BTreeMap<u16, u64>,
    pub(super) truncated: u64,
    pub(super) mislabelled: u64,
    /// As the gateway counts them.
    pub(super) attempts: u64,
    /// Who answered.
    pub(super) answered: [u64; PROVIDERS],
    pub(super) took: Vec<Duration>,
    /// The first requests that went wrong.
    pub(super) described: Vec<String>,
}

/// Runs through the schedule. A spell begins when every request of the one before has ended: each request so has at least one
/// provider that is well for all of its time, and none may be lost.
pub(super) async fn run(
    providers: &mut [Provider],
    spells: &[Spell],
    concurrency: u32,
    mut on_progress: impl FnMut(usize, usize),
) -> anyhow::Result<Tally> {
    let addresses: Vec<SocketAddr> = providers.iter().map(Provider::address).collect();
    let host = Host::start(&addresses, &tiers(), SETTINGS).await?;
    let mut callers: Vec<Caller> = (0..concurrency).map(|_| Caller::new(host.address)).collect();
    let (mut tally, total) = (Tally::default(), spells.len());
    for (done, spell) in spells.iter().enumerate() {
        on_progress(done, total);
        for (provider, fault) in providers.iter_mut().zip(spell.faults) {
            provider.set(fault).await?;
        }
        callers = ask_all(callers, spell, &mut tally).await?;
    }
    on_progress(total, total);
    Ok(tally)
}

/// Asks everything of a spell, and gives the callers back.
pub(super) async fn ask_all(
    callers: Vec<Caller>,
    spell: &Spell,
    tally: &mut Tally,
) -> anyhow::Result<Vec<Caller>> {
    let next = Arc::new(AtomicU32::new(spell.requests.start));
    let mut asking = JoinSet::new();
    for caller in callers {
        asking.spawn(ask(caller, Arc::clone(&next), spell.clone()));
    }
    let mut back = Vec::new();
    while let Some(asked) = asking.join_next().await {
        let (caller, part) = asked.context("a caller's task ended")?;
        back.push(caller);
        tally.add(part);
    }
    Ok(back)
}

/// The providers in every order that begins with another one.
pub(super) fn tiers() -> Vec<Tier> {
    let order = |first: usize| (first..first + PROVIDERS).map(|who| who % PROVIDERS).collect();
    TIERS.into_iter().enumerate().map(|(first, tier)| (tier, order(first))).collect()
}

/// Takes requests of a spell until none is left.
async fn ask(mut caller: Caller, next: Arc<AtomicU32>, spell: Spell) -> (Caller, Tally) {
    let mut tally = Tally::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= spell.requests.end {
            return (caller, tally);
        }
        let question = Question { number, is_streamed: number % 2 == 1 };
        let tier = usize::try_from(number / 2).unwrap_or_default() % PROVIDERS;
        let model = format!("tier/{}", TIERS.get(tier).copied().unwrap_or_default());
        let started = Instant::now();
        let reply = caller.ask(question, &model).await;
        tally.took.push(started.elapsed());
        tally.count(question, reply.as_ref(), spell.faults);
    }
}

impl Tally {
    fn count(&mut self, question: Question, reply: Option<&Reply>, faults: Faults) {
        self.requests += 1;
        self.streamed += u64::from(question.is_streamed);
        self.attempts += reply.map_or(0, |reply| u64::from(reply.attempts));
        let verdict = judge(question, reply);
        match verdict {
            Verdict::Served => {
                let who = (0..PROVIDERS)
                    .find(|who| reply.is_some_and(|reply| reply.target == answer::target(*who)));
                if let Some(answered) = who.and_then(|who| self.answered.get_mut(who)) {
                    *answered += 1;
                }
                return;
            }
            Verdict::Dropped => {
                self.dropped += 1;
                let status = reply.map_or(0, |reply| reply.status);
                *self.dropped_by_status.entry(status).or_default() += 1;
            }
            Verdict::Truncated => self.truncated += 1,
            Verdict::Mislabelled => self.mislabelled += 1,
        }
        if self.described.len() < DESCRIBED_MAX {
            self.described.push(describe(question, verdict, reply, faults));
        }
    }

    fn add(&mut self, part: Self) {
        self.requests += part.requests;
        self.streamed += part.streamed;
        self.dropped += part.dropped;
        for (status, count) in part.dropped_by_status {
            *self.dropped_by_status.entry(status).or_default() += count;
        }
        self.truncated += part.truncated;
        self.mislabelled += part.mislabelled;
        self.attempts += part.attempts;
        for (sum, more) in self.answered.iter_mut().zip(part.answered) {
            *sum += more;
        }
        self.took.extend(part.took);
        let room = DESCRIBED_MAX.saturating_sub(self.described.len());
        self.described.extend(part.described.into_iter().take(room));
    }
}

fn describe(question: Question, verdict: Verdict, reply: Option<&Reply>, faults: Faults) -> String {
    let Question { number, is_streamed } = question;
    let form = if is_streamed { "streamed" } else { "whole" };
    let what = verdict.label();
    let failing = faults.iter().enumerate().filter_map(|(who, fault)| {
        fault.map(|fault| format!("{} {}", answer::name(who), fault.label()))
    });
    let failing = failing.collect::<Vec<String>>().join(", ");
    let came = reply.map_or_else(
        || "no reply".to_owned(),
        |reply| {
            let Reply { status, target, attempts, body, .. } = reply;
            let body: String = body.chars().take(160).collect();
            format!("status {status}, {attempts} attempts, last `{target}`: {body}")
        },
    );
    format!("request {number}, {form}, {what}; {failing}; {came}")
}
