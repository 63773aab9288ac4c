//! What was measured, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::answer::NAMES;
use super::faults::{FAILING_MAX, Fault, Spell};
use super::provider::Provider;
use super::quiet::{Taken, Way};
use super::rush::Tally;
use super::steady::Outage;
use crate::tune::Spread;

/// All phases; times are milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    requests: u64,
    streamed: u64,
    pub(super) concurrency: u32,
    dropped: u64,
    /// By the status that came instead of an answer; 0 when none came.
    dropped_by_status: BTreeMap<u16, u64>,
    truncated: u64,
    mislabelled: u64,
    /// As the providers count. One that refuses connections sees none.
    attempts_seen_per_request: f64,
    /// As the gateway says.
    attempts_told_per_request: f64,
    answered: BTreeMap<&'static str, u64>,
    faults: Vec<FaultRow>,
    /// Spells in which one provider failed, two, and so on.
    spells_failing: [usize; FAILING_MAX],
    seconds: f64,
    requests_per_s: f64,
    request_ms: Times,
    /// One provider of four is down all the time.
    pub(super) outages: Vec<OutageRow>,
    pub(super) latency: Vec<LatencyRow>,
    went_wrong: Vec<String>,
}

#[derive(Debug, Serialize)]
struct FaultRow {
    fault: &'static str,
    /// How often a provider began to fail like this.
    spells: usize,
    /// Requests that came to one which did.
    asked: u64,
}

/// An outage that lasts, and how often providers are asked in it.
#[derive(Debug, Serialize)]
pub(super) struct OutageRow {
    fault: &'static str,
    requests: u64,
    /// Dropped, truncated or mislabelled.
    went_wrong: u64,
    /// As the gateway says. One that refuses connections sees none.
    attempts_told_per_request: f64,
    /// As the providers count.
    attempts_seen_per_request: f64,
    request_ms: Times,
}

/// One way to an answer, and how much longer it takes than two others.
#[derive(Debug, Serialize)]
pub(super) struct LatencyRow {
    way: &'static str,
    requests: usize,
    attempts_told_per_request: f64,
    #[serde(flatten)]
    times: Times,
    over_healthy: Times,
    over_direct: Times,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Times {
    p50_ms: f64,
    p99_ms: f64,
}

impl Times {
    fn of(took: Vec<Duration>) -> Self {
        let Spread { p50, p99, .. } = Spread::of(took);
        Self { p50_ms: p50 / 1e3, p99_ms: p99 / 1e3 }
    }

    fn over(self, other: Self) -> Self {
        Self { p50_ms: self.p50_ms - other.p50_ms, p99_ms: self.p99_ms - other.p99_ms }
    }
}

impl Report {
    /// The first phase. The providers have to have been asked by nothing else yet.
    pub(super) fn new(
        tally: Tally,
        spells: &[Spell],
        providers: &[Provider],
        took: Duration,
    ) -> Self {
        let asked = |fault| providers.iter().map(|provider| provider.asked(fault)).sum::<u64>();
        let faults: Vec<FaultRow> = Fault::ALL
            .into_iter()
            .map(|fault| FaultRow {
                fault: fault.label(),
                spells: spells
                    .iter()
                    .flat_map(|spell| spell.faults)
                    .filter(|known| *known == Some(fault))
                    .count(),
                asked: asked(Some(fault)),
            })
            .collect();
        let seen = asked(None) + faults.iter().map(|row| row.asked).sum::<u64>();
        let per_request = |count: u64| ratio(count, tally.requests);
        let mut spells_failing = [0; FAILING_MAX];
        for (count, failing) in spells_failing.iter_mut().zip(1..) {
            *count = spells.iter().filter(|spell| spell.failing() == failing).count();
        }
        Self {
            seed: 0,
            concurrency: 0,
            requests: tally.requests,
            streamed: tally.streamed,
            dropped: tally.dropped,
            dropped_by_status: tally.dropped_by_status,
            truncated: tally.truncated,
            mislabelled: tally.mislabelled,
            attempts_seen_per_request: per_request(seen),
            attempts_told_per_request: per_request(tally.attempts),
            answered: NAMES.into_iter().zip(tally.answered).collect(),
            faults,
            spells_failing,
            seconds: took.as_secs_f64(),
            requests_per_s: exact(tally.requests) / took.as_secs_f64(),
            request_ms: Times::of(tally.took),
            outages: Vec::new(),
            latency: Vec::new(),
            went_wrong: tally.described,
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        let outages = self.outages.iter().map(|row| row.went_wrong).sum::<u64>();
        self.dropped + self.truncated + self.mislabelled + outages == 0
    }
}

/// One outage of the second phase.
pub(super) fn outage_row(outage: &Outage) -> OutageRow {
    let Outage { fault, tally, seen } = outage;
    OutageRow {
        fault: fault.label(),
        requests: tally.requests,
        went_wrong: tally.dropped + tally.truncated + tally.mislabelled,
        attempts_told_per_request: ratio(tally.attempts, tally.requests),
        attempts_seen_per_request: ratio(*seen, tally.requests),
        request_ms: Times::of(tally.took.clone()),
    }
}

/// The third phase.
pub(super) fn latency_rows(taken: Vec<Taken>) -> Vec<LatencyRow> {
    let rows: Vec<(Way, usize, u64, Times)> = taken
        .into_iter()
        .map(|Taken { way, took, attempts }| (way, took.len(), attempts, Times::of(took)))
        .collect();
    let times_of = |wanted| {
        let row = rows.iter().find(|(way, ..)| *way == wanted);
        row.map_or_else(Times::default, |(.., times)| *times)
    };
    let (healthy, direct) = (times_of(Way::Healthy), times_of(Way::Direct));
    let rows = rows.iter().map(|(way, requests, attempts, times)| LatencyRow {
        way: way.label(),
        requests: *requests,
        attempts_told_per_request: ratio(*attempts, u64::try_from(*requests).unwrap_or(u64::MAX)),
        times: *times,
        over_healthy: times.over(healthy),
        over_direct: times.over(direct),
    });
    rows.collect()
}

fn ratio(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { exact(count) / exact(of) }
}

/// A count as a number to divide; exact up to 2^53.
fn exact(count: u64) -> f64 {
    count as f64
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, requests, streamed, concurrency, dropped, truncated, mislabelled, .. } =
            self;
        writeln!(
            f,
            "{requests} requests, {streamed} of them streamed, {concurrency} at a time, seed {seed}"
        )?;
        writeln!(f, "dropped {dropped}, truncated {truncated}, mislabelled {mislabelled}")?;
        for (status, count) in &self.dropped_by_status {
            writeln!(f, "  dropped with status {status}: {count}")?;
        }
        let (seen, told) = (self.attempts_seen_per_request, self.attempts_told_per_request);
        writeln!(
            f,
            "{told:.3} attempts a request by the gateway's header, {seen:.3} seen by the providers"
        )?;
        let Times { p50_ms, p99_ms } = self.request_ms;
        let (seconds, rate) = (self.seconds, self.requests_per_s);
        writeln!(
            f,
            "{seconds:.1} s, {rate:.0} requests/s; a request took {p50_ms:.2} ms (p50), {p99_ms:.2} ms (p99)"
        )?;
        let answered = self.answered.iter().map(|(name, count)| format!("{name} {count}"));
        writeln!(f, "answered by {}", answered.collect::<Vec<String>>().join(", "))?;
        let failing = self.spells_failing.iter().zip(1..);
        let failing = failing.map(|(spells, count)| format!("{count} in {spells} spells"));
        writeln!(f, "failing at once: {}", failing.collect::<Vec<String>>().join(", "))?;
        writeln!(f, "\nfault          spells    asked")?;
        for FaultRow { fault, spells, asked } in &self.faults {
            writeln!(f, "{fault:<13} {spells:>7} {asked:>8}")?;
        }
        if !self.outages.is_empty() {
            writeln!(f, "\none of four providers down all the time, attempts a request")?;
            writeln!(f, "fault            told    seen  p50 ms  p99 ms   wrong")?;
        }
        for row in &self.outages {
            writeln!(f, "{row}")?;
        }
        if !self.latency.is_empty() {
            writeln!(f, "\none request at a time, ms          over healthy     over direct")?;
            writeln!(f, "way              p50     p99     p50     p99     p50     p99  attempts")?;
        }
        for LatencyRow {
            way, times, over_healthy, over_direct, attempts_told_per_request, ..
        } in &self.latency
        {
            write!(f, "{way:<13}")?;
            for each in [times, over_healthy, over_direct] {
                write!(f, " {:>7.3} {:>7.3}", each.p50_ms, each.p99_ms)?;
            }
            writeln!(f, " {attempts_told_per_request:>9.2}")?;
        }
        for wrong in &self.went_wrong {
            writeln!(f, "WRONG {wrong}")?;
        }
        Ok(())
    }
}

impl fmt::Display for OutageRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, went_wrong, request_ms: Times { p50_ms, p99_ms }, .. } = self;
        let (told, seen) = (self.attempts_told_per_request, self.attempts_seen_per_request);
        write!(f, "{fault:<13} {told:>7.3} {seen:>7.3} {p50_ms:>7.2} {p99_ms:>7.2} {went_wrong:>7}")
    }
}
