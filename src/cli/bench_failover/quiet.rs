//! What the gateway adds to an answer's time, with one request at a time and nothing else going on.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::answer::{self, Question, Reply, Verdict, judge};
use super::caller::Caller;
use super::faults::Fault;
use super::host::{Host, Settings, Tier};
use super::provider::Provider;

/// Rounds before the clock counts: connections open, and a breaker that may trip has tripped.
const WARM_UP: u32 = 20;
/// Between two failures that are measured the first target answers so many requests well, so that no breaker trips, whether it
/// counts failures in a row or their share.
const WELL_BETWEEN: u32 = 6;
/// Takes more failures in a row than come.
const PATIENT: Settings = Settings { failures: 10, ..STRICT };
/// Trips at once and stays so. Nothing hangs here, so that no wait need be short.
const STRICT: Settings = Settings {
    first_content: Duration::from_secs(5),
    failures: 1,
    open: Duration::from_secs(60 * 60),
    open_max: Duration::from_secs(60 * 60),
};
/// The provider that answers in every way.
const WELL: usize = 1;

/// A way to the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Without the gateway.
    Direct,
    /// The first target answers.
    Healthy,
    /// The first target resets the connection.
    AfterReset,
    /// The first target answers 503.
    AfterUnavailable,
    /// The first target is set aside.
    Open,
}

impl Way {
    pub(super) const ALL: [Self; 5] =
        [Self::Direct, Self::Healthy, Self::AfterReset, Self::AfterUnavailable, Self::Open];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Healthy => "healthy",
            Self::AfterReset => "after_reset",
            Self::AfterUnavailable => "after_503",
            Self::Open => "breaker_open",
        }
    }

    fn model(self) -> String {
        match self {
            Self::Direct => answer::model(WELL),
            Self::Healthy => "tier/healthy".to_owned(),
            Self::AfterReset | Self::Open => "tier/after-reset".to_owned(),
            Self::AfterUnavailable => "tier/after-503".to_owned(),
        }
    }

    /// Who fails on this way, and how.
    fn failing(self) -> Option<(usize, Fault)> {
        match self {
            Self::Direct | Self::Healthy => None,
            Self::AfterReset | Self::Open => Some((0, Fault::Reset)),
            Self::AfterUnavailable => Some((2, Fault::Unavailable)),
        }
    }
}

/// The times of one way.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) way: Way,
    pub(super) took: Vec<Duration>,
    /// Targets asked, as the gateway counts them.
    pub(super) attempts: u64,
}

/// Goes every way once a round, so that whatever else the machine does weighs on all of them.
pub(super) async fn run(
    providers: &mut [Provider],
    rounds: u32,
    mut on_progress: impl FnMut(usize, usize),
) -> anyhow::Result<Vec<Taken>> {
    // The last spell of the rush is over.
    for provider in &mut *providers {
        provider.set(None).await?;
    }
    let addresses: Vec<SocketAddr> = providers.iter().map(Provider::address).collect();
    let well = addresses.get(WELL).copied().context("no provider")?;
    let tiers: [Tier; 3] =
        [("healthy", vec![WELL, 3]), ("after-reset", vec![0, WELL]), ("after-503", vec![2, WELL])];
    let patient = Host::start(&addresses, &tiers, PATIENT).await?;
    let strict = Host::start(&addresses, &tiers, STRICT).await?;
    let mut gates = Gates {
        direct: Caller::new(well),
        patient: Caller::new(patient.address),
        strict: Caller::new(strict.address),
    };
    let mut ways = Way::ALL.map(|way| Taken { way, took: Vec::new(), attempts: 0 });
    let (total, warm) = (usize::try_from(rounds)?, WARM_UP.min(rounds));
    for round in 0..rounds + warm {
        on_progress(usize::try_from(round)?.min(total), total);
        for taken in &mut ways {
            let way = taken.way;
            gates.prepare(way, round, providers).await?;
            let started = Instant::now();
            let reply = gates.ask(way, round).await;
            let took = started.elapsed();
            let reply = expect_served(way, round, reply)?;
            if round >= warm {
                taken.took.push(took);
                taken.attempts += u64::from(reply.attempts);
            }
        }
    }
    on_progress(total, total);
    Ok(ways.into())
}

/// Where the ways begin.
struct Gates {
    direct: Caller,
    patient: Caller,
    strict: Caller,
}

impl Gates {
    async fn ask(&mut self, way: Way, round: u32) -> Option<Reply> {
        let caller = match way {
            Way::Direct => &mut self.direct,
            Way::Healthy | Way::AfterReset | Way::AfterUnavailable => &mut self.patient,
            Way::Open => &mut self.strict,
        };
        caller.ask(question(round), &way.model()).await
    }

    /// Makes the first target of a way fail. Where the breaker has to stay closed, it answers well before.
    async fn prepare(
        &mut self,
        way: Way,
        round: u32,
        providers: &mut [Provider],
    ) -> anyhow::Result<()> {
        let Some((who, fault)) = way.failing() else { return Ok(()) };
        let provider = providers.get_mut(who).context("no provider")?;
        if way != Way::Open {
            provider.set(None).await?;
            for _ in 0..WELL_BETWEEN {
                expect_served(way, round, self.ask(way, round).await)?;
            }
        }
        provider.set(Some(fault)).await
    }
}

fn question(round: u32) -> Question {
    Question { number: round, is_streamed: false }
}

/// Times of requests that failed would say nothing. A provider itself names no target.
fn expect_served(way: Way, round: u32, reply: Option<Reply>) -> anyhow::Result<Reply> {
    let label = way.label();
    let mut reply = reply.with_context(|| format!("{label}: no reply"))?;
    if way == Way::Direct {
        reply.target = answer::target(WELL);
    }
    let verdict = judge(question(round), Some(&reply));
    anyhow::ensure!(verdict == Verdict::Served, "{label}: {}: {reply:?}", verdict.label());
    Ok(reply)
}
