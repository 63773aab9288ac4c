//! `semroute bench`: measures this machine, reproducibly.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::bench_embed::{self, EmbedArgs};
use super::{ConfigArgs, Format, OutputArgs, Ran, fetch_env, load_config, progress};
use crate::chat::Prompt;
use crate::classify::{Reading, Wish, decide};
use crate::embed::{EmbedError, Embedder};
use crate::gateway::{self, Brain};

/// Prompts decided before the clock starts.
const WARM_UP: usize = 20;

/// Measure this machine.
#[derive(Debug, clap::Subcommand)]
pub(super) enum BenchCommand {
    /// The whole decision beside the model's bare forward pass over the same tokens.
    Decide(DecideArgs),
    /// The bare forward pass, on every instruction set of this processor and on candle's floats.
    Embed(EmbedArgs),
}

/// The whole decision beside the bare forward pass.
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

pub(super) fn run(command: &BenchCommand, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let args = match command {
        BenchCommand::Decide(args) => args,
        BenchCommand::Embed(args) => return bench_embed::run(args, out),
    };
    let config = Arc::new(load_config(&args.config)?.config);
    let texts = match &args.prompts {
        Some(file) => read_texts(file)?,
        None => config.examples.iter().map(|example| example.text.clone()).collect(),
    };
    let brain = gateway::load_brain(config, &fetch_env(), &mut progress("reading examples"))?;
    let measured = measure(brain, &texts)?;
    match args.output.format() {
        Format::Json => writeln!(out, "{measured}")?,
        Format::Text => writeln!(out, "{measured:#}")?,
    }
    Ok(Ran::Well)
}

fn read_texts(file: &std::path::Path) -> anyhow::Result<Vec<String>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{name}`"))?;
    let prompts = text.lines().enumerate().map(|(number, line)| {
        let row: Value = serde_json::from_str(line)
            .with_context(|| format!("{name}:{}: not JSON", number + 1))?;
        let prompt = row.get("text").and_then(Value::as_str);
        prompt.map(str::to_owned).with_context(|| format!("{name}:{}: no `text`", number + 1))
    });
    prompts.collect()
}

/// Alternates the two measurements prompt by prompt, so that whatever else the machine does weighs on both.
fn measure(brain: Brain, texts: &[String]) -> anyhow::Result<Value> {
    let Brain { embedder, snapshot } = brain;
    let (mut forward, mut whole, mut search) = (Vec::new(), Vec::new(), Vec::new());
    let mut on_progress = progress("deciding");
    for (done, text) in texts.iter().enumerate() {
        on_progress(done, texts.len());
        let Some(prompt) = Prompt::new(text) else { continue };
        let tokens = embedder.tokens(prompt.as_str())?;
        let forward_took = time(|| embedder.forward(&tokens, &mut |_| false))?;
        let mut search_took = Duration::ZERO;
        let whole_took = time(|| {
            // Cutting belongs to the decision, so it is done again on the clock.
            let reading = match Prompt::new(text) {
                Some(cut) => Reading::Vector(embedder.embed(cut.as_str())?),
                None => Reading::Nothing,
            };
            search_took = time(|| Ok(decide(&snapshot, &Wish::Auto, &reading)))?;
            Ok(())
        })?;
        if done >= WARM_UP {
            forward.push(forward_took);
            whole.push(whole_took);
            search.push(search_took);
        }
    }
    on_progress(texts.len(), texts.len());
    let (forward, whole, search) = (percentiles(forward), percentiles(whole), percentiles(search));
    let ratio = |of: &Value| whole["p50"].as_f64().zip(of["p50"].as_f64()).map(|(a, b)| a / b);
    Ok(json!({
        "prompts": texts.len(),
        "examples": snapshot.index().len(),
        "forward_us": forward,
        "decide_us": whole,
        "search_and_vote_us": search,
        "decide_over_forward_p50": ratio(&forward),
    }))
}

fn time<T>(mut work: impl FnMut() -> Result<T, EmbedError>) -> Result<Duration, EmbedError> {
    let started = Instant::now();
    std::hint::black_box(work()?);
    Ok(started.elapsed())
}

fn percentiles(mut values: Vec<Duration>) -> Value {
    values.sort_unstable();
    let at = |percent: usize| {
        let rank = (values.len() * percent).div_ceil(100).max(1);
        values.get(rank - 1).map(Duration::as_micros)
    };
    json!({"p50": at(50), "p95": at(95)})
}
