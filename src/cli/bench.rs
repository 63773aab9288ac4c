//! `semroute bench`: measures this machine, reproducibly.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::bench_embed::{self, EmbedArgs};
use super::bench_failover::{self, FailoverArgs};
use super::served::{Served, user_says};
use super::{ConfigArgs, Format, OutputArgs, Ran, fetch_env, load_config, progress};
use crate::chat::Prompt;
use crate::classify::Depth;
use crate::embed::{self, Bert, Reference};
use crate::gateway;
use crate::tune::{DepthFigures, Judged, Spread, depths};

/// The model whose bare forward pass stands beside the decision.
const COMPARED: &str = "minilm";
/// A late vector would be a default tier's decision, which costs less than a real one.
const DEADLINE: Duration = Duration::from_secs(60);

/// Measure this machine.
#[derive(Debug, clap::Subcommand)]
pub(super) enum BenchCommand {
    /// Whole decisions as in service, on one core and without memory of earlier prompts, beside the model's bare forward pass.
    Decide(DecideArgs),
    /// The bare forward pass, on every instruction set of this processor and on candle's floats.
    Embed(EmbedArgs),
    /// Whether requests are lost while providers fail, and what failing over costs; scripted providers, no network.
    Failover(FailoverArgs),
}

/// Whole decisions beside the bare forward pass.
#[derive(Debug, clap::Args)]
pub(super) struct DecideArgs {
    /// JSONL file of `{"text": ...}`; without one, the configuration's own examples.
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What was measured; times are microseconds.
#[derive(Debug, Serialize)]
struct Measured {
    prompts: usize,
    examples: usize,
    /// From the request's body to the decision.
    decide_us: Spread,
    /// Of that, taking the body apart and reading the prompt.
    embed_us: Spread,
    /// Of that, search and vote.
    search_and_vote_us: Spread,
    /// The model's bare forward pass over the same prompts' tokens, read in full.
    forward_us: Spread,
    /// The same pass on candle alone.
    candle_us: Spread,
    decide_over_forward_p50: f64,
    decide_over_candle_p50: f64,
    depths: BTreeMap<Depth, DepthFigures>,
}

pub(super) fn run(command: &BenchCommand, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let args = match command {
        BenchCommand::Decide(args) => args,
        BenchCommand::Embed(args) => return bench_embed::run(args, out),
        BenchCommand::Failover(args) => return bench_failover::run(args, out),
    };
    embed::on_one_core();
    let mut config = load_config(&args.config)?.config;
    config.embedder.deadline = DEADLINE;
    let texts = match &args.prompts {
        Some(file) => read_texts(file)?,
        None => config.examples.iter().map(|example| example.text.clone()).collect(),
    };
    let bare = Bare {
        model: gateway::load_embedder(COMPARED, &fetch_env())?,
        candle: gateway::load_reference(COMPARED, &fetch_env())?,
    };
    let measured = measure(&Served::start(config)?, &bare, &distinct(&texts)?)?;
    match args.output.format() {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&measured)?)?,
        Format::Text => write!(out, "{measured}")?,
    }
    Ok(Ran::Well)
}

fn read_texts(file: &Path) -> anyhow::Result<Vec<String>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{name}`"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let prompts = lines.map(|(number, line)| {
        let row: Value = serde_json::from_str(line)
            .with_context(|| format!("{name}:{}: not JSON", number + 1))?;
        let prompt = row.get("text").and_then(Value::as_str);
        prompt.map(str::to_owned).with_context(|| format!("{name}:{}: no `text`", number + 1))
    });
    prompts.collect()
}

/// A prompt that comes again is remembered, and remembering is not what is measured.
fn distinct(texts: &[String]) -> anyhow::Result<Vec<Prompt>> {
    let mut known = BTreeSet::new();
    let prompts = texts.iter().filter_map(|text| Prompt::new(text));
    let distinct: Vec<Prompt> =
        prompts.filter(|prompt| known.insert(prompt.as_str().to_owned())).collect();
    if distinct.is_empty() {
        bail!("no prompt to decide");
    }
    Ok(distinct)
}

/// Forward passes without anything around them.
struct Bare {
    model: Bert,
    candle: Reference,
}

impl Bare {
    fn forward(&self, prompt: &str) -> anyhow::Result<Duration> {
        let tokens = self.model.tokens(prompt);
        let started = Instant::now();
        std::hint::black_box(self.model.forward(&tokens, &mut |_features| false)?);
        Ok(started.elapsed())
    }

    fn candle(&self, prompt: &str) -> anyhow::Result<Duration> {
        let tokens = self.model.tokens(prompt);
        let started = Instant::now();
        self.candle.forward(&tokens, &mut |_layer, view| !std::hint::black_box(view).is_empty())?;
        Ok(started.elapsed())
    }
}

/// Alternates decision and forward pass prompt by prompt, so that whatever else the machine does weighs on both. candle has a turn
/// of its own: its weights are four times as wide and would drive the others' out of the processor's cache.
fn measure(served: &Served, bare: &Bare, prompts: &[Prompt]) -> anyhow::Result<Measured> {
    served.warm_up()?;
    let (mut forward, mut candle, mut decided) = (Vec::new(), Vec::new(), Vec::new());
    let (mut on_progress, total) = (progress("deciding"), 2 * prompts.len());
    for (done, prompt) in prompts.iter().enumerate() {
        on_progress(done, total);
        forward.push(bare.forward(prompt.as_str())?);
        let opinion = served.decide(&user_says(prompt.as_str()))?;
        decided.push(Judged { row: done, label: None, accept: Vec::new(), opinion });
    }
    for (done, prompt) in prompts.iter().enumerate() {
        on_progress(prompts.len() + done, total);
        candle.push(bare.candle(prompt.as_str())?);
    }
    on_progress(total, total);
    let opinions = || decided.iter().map(|each| &each.opinion);
    let decide_us = Spread::of(opinions().map(|each| each.decide));
    let (forward_us, candle_us) = (Spread::of(forward), Spread::of(candle));
    Ok(Measured {
        prompts: decided.len(),
        examples: served.examples(),
        decide_us,
        embed_us: Spread::of(opinions().map(|each| each.embed)),
        search_and_vote_us: Spread::of(opinions().map(|each| each.decide - each.embed)),
        forward_us,
        candle_us,
        decide_over_forward_p50: decide_us.p50 / forward_us.p50,
        decide_over_candle_p50: decide_us.p50 / candle_us.p50,
        depths: depths(&decided.iter().collect::<Vec<&Judged>>()),
    })
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} prompts decided by {} examples, on one core", self.prompts, self.examples)?;
        writeln!(f, "\ntime, us                  mean       p50       p95       p99")?;
        for (name, times) in [
            ("decision", self.decide_us),
            ("  reading", self.embed_us),
            ("  search and vote", self.search_and_vote_us),
            ("bare forward pass", self.forward_us),
            ("  on candle alone", self.candle_us),
        ] {
            let Spread { mean, p50, p95, p99 } = times;
            writeln!(f, "{name:<20} {mean:>9.1} {p50:>9.1} {p95:>9.1} {p99:>9.1}")?;
        }
        writeln!(f, "\ndepth      share   mean us")?;
        for (depth, each) in &self.depths {
            writeln!(f, "{:<9} {:>6.3} {:>9.1}", depth.label(), each.share, each.decide_us)?;
        }
        writeln!(
            f,
            "\na decision takes {:.2} times as long as the forward pass, {:.2} times as long as candle's (p50)",
            self.decide_over_forward_p50, self.decide_over_candle_p50
        )
    }
}
