//! An outage that lasts: one of the providers is down for the whole of a run, and what going around it costs once that is known.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;

use super::caller::Caller;
use super::faults::{Fault, PROVIDERS, Spell};
use super::host::{Host, Settings};
use super::provider::Provider;
use super::rush::{Tally, ask_all, tiers};

/// As shipped, but for the wait for somebody who hangs.
const SETTINGS: Settings = Settings {
    first_content: super::rush::FIRST_CONTENT,
    failures: 3,
    open: Duration::from_secs(2),
    open_max: Duration::from_secs(60),
};
/// The ways to be down.
const WAYS: [Fault; 5] =
    [Fault::Reset, Fault::Refused, Fault::Unavailable, Fault::ServerError, Fault::Hang];
/// Who is. Each of four tiers begins with another provider, so every fourth request would go to it first.
const DOWN: usize = 1;

/// One outage.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) fault: Fault,
    pub(super) tally: Tally,
    /// Requests that came to any provider, as these count.
    pub(super) seen: u64,
}

/// One outage after the other, each before a gateway of its own that knows nothing of it yet.
pub(super) async fn run(
    providers: &mut [Provider],
    (requests, concurrency): (u32, u32),
    mut on_progress: impl FnMut(usize, usize),
) -> anyhow::Result<Vec<Outage>> {
    let addresses: Vec<SocketAddr> = providers.iter().map(Provider::address).collect();
    let mut outages = Vec::new();
    for fault in WAYS {
        on_progress(outages.len(), WAYS.len());
        let mut faults = [None; PROVIDERS];
        *faults.get_mut(DOWN).context("no provider")? = Some(fault);
        for (provider, its) in providers.iter_mut().zip(faults) {
            provider.set(its).await?;
        }
        let host = Host::start(&addresses, &tiers(), SETTINGS).await?;
        let callers = (0..concurrency).map(|_| Caller::new(host.address)).collect();
        let (before, mut tally) = (asked(providers, fault), Tally::default());
        let spell = Spell { requests: 0..requests, faults };
        drop(ask_all(callers, &spell, &mut tally).await?);
        outages.push(Outage { fault, tally, seen: asked(providers, fault) - before });
    }
    on_progress(WAYS.len(), WAYS.len());
    Ok(outages)
}

fn asked(providers: &[Provider], fault: Fault) -> u64 {
    providers.iter().map(|provider| provider.asked(None) + provider.asked(Some(fault))).sum()
}
