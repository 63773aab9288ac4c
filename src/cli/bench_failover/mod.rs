//! `semroute bench failover`: whether the gateway loses requests while providers fail, and what going around them costs.
//!
//! The real gateway, real HTTP on this machine's own addresses, and four scripted providers on raw sockets. `faults` says who
//! fails how and when; `provider` does it; `host` starts the gateway; `caller` asks over `wire`; `answer` says what is right.
//! `rush` is the first phase, `steady` the second, `quiet` the third, `report` what comes out.

mod answer;
mod caller;
mod faults;
mod host;
mod provider;
mod quiet;
mod report;
mod rush;
mod steady;
mod wire;

use std::io::Write;

use tokio::time::Instant;

use self::faults::{PROVIDERS, schedule};
use self::provider::{PORTS, Provider};
use self::report::{Report, latency_rows, outage_row};
use super::{Format, OutputArgs, Ran, progress};

/// Most requests of a run.
const REQUESTS_MAX: u32 = 10_000_000;
/// Most requests at once; a gateway takes 1,024 by default.
const CONCURRENCY_MAX: u32 = 512;
/// A slow provider says its first word after so many times the longest wait for it.
const SLOW: u32 = 3;

/// Requests through the gateway while one to three of four providers fail in nine ways, and the time that failing over adds.
#[derive(Debug, clap::Args)]
pub(super) struct FailoverArgs {
    /// How many requests; every other one is streamed.
    #[arg(long, default_value_t = 20_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(REQUESTS_MAX)))]
    requests: u32,
    /// How many at once.
    #[arg(long, default_value_t = 32, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(CONCURRENCY_MAX)))]
    concurrency: u32,
    /// Decides which providers fail how and when.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Requests of each way whose time is measured afterwards, one at a time; 0 measures none.
    #[arg(long, default_value_t = 2_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=i64::from(REQUESTS_MAX)))]
    latency_requests: u32,
    /// Requests of each outage that lasts: one of the four providers is down all the time; 0 measures none.
    #[arg(long, default_value_t = 5_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=i64::from(REQUESTS_MAX)))]
    outage_requests: u32,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &FailoverArgs, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(measure(args));
    // Connections that hang need not be waited for.
    runtime.shutdown_background();
    let report = report?;
    match args.output.format() {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
        Format::Text => write!(out, "{report}")?,
    }
    Ok(if report.is_clean() { Ran::Well } else { Ran::FoundFaults })
}

async fn measure(args: &FailoverArgs) -> anyhow::Result<Report> {
    // Two runs at once should not begin at the same port.
    let skipped = usize::try_from(std::process::id())? % PORTS.len();
    let mut ports = PORTS.cycle().skip(skipped).take(PORTS.len());
    let mut providers = Vec::new();
    for who in 0..PROVIDERS {
        providers.push(Provider::start(who, rush::FIRST_CONTENT * SLOW, &mut ports).await?);
    }
    let spells = schedule(args.requests, args.seed);
    let started = Instant::now();
    let asking = progress("asking");
    let tally = rush::run(&mut providers, &spells, args.concurrency, asking).await?;
    let mut report = Report::new(tally, &spells, &providers, started.elapsed());
    (report.seed, report.concurrency) = (args.seed, args.concurrency);
    if args.outage_requests > 0 {
        let lasting = progress("outages");
        let load = (args.outage_requests, args.concurrency);
        let outages = steady::run(&mut providers, load, lasting).await?;
        report.outages = outages.iter().map(outage_row).collect();
    }
    if args.latency_requests > 0 {
        let timing = progress("timing");
        report.latency =
            latency_rows(quiet::run(&mut providers, args.latency_requests, timing).await?);
    }
    Ok(report)
}
