//! `semroute bench embed`: what reading a prompt costs on one core of this machine.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::{Format, OutputArgs, Ran, fetch_env};
use crate::embed::fetch;
use crate::embed::manifest::{Manifest, Model};
use crate::embed::{self, Bert, EmbedError, Embedder, Reference, StaticTable};
use crate::gateway;
use crate::simd::Simd;

/// Lengths of the texts.
const TOKENS: [u32; 3] = [16, 64, 256];
/// Runs before the clock starts.
const WARM_UP: usize = 3;
/// How long each row is measured.
const MEASURED: Duration = Duration::from_millis(400);
/// Runs of each row, however long they take.
const RUNS_MIN: usize = 5;
/// Words between the texts' own, so that each text is made of others; a prime.
const STRIDE: u32 = 7_919;
/// Ids that the texts are made of. Lower ones are marks and letters.
const WORDS: std::ops::Range<u32> = 2_000..28_000;

/// The bare forward pass, on every instruction set of this processor and on candle's floats, and a glance.
#[derive(Debug, clap::Args)]
pub(super) struct EmbedArgs {
    /// A model of the manifest.
    #[arg(long, default_value = "minilm", value_name = "NAME")]
    model: String,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Serialize)]
struct Measured<'a> {
    model: &'a str,
    load_ms: f64,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// Instruction set, `candle-f32`, or `glance`.
    path: &'static str,
    tokens: u32,
    /// How many layers ran.
    layers: usize,
    min_ms: f64,
    p50_ms: f64,
    p95_ms: f64,
}

pub(super) fn run(args: &EmbedArgs, out: &mut dyn Write) -> anyhow::Result<Ran> {
    embed::on_one_core();
    let manifest = Manifest::builtin()?;
    let model = manifest.find(&args.model)?;
    let files = fetch::ensure(model, &fetch_env(), &*fetch::on_stderr())?;
    let mut measured = Measured { model: &model.name, load_ms: 0.0, rows: Vec::new() };
    let mut last_load = Duration::ZERO;
    for simd in Simd::available().into_iter().rev() {
        let started = Instant::now();
        let bert = Bert::load(&files, model, simd)?;
        last_load = started.elapsed();
        measured.rows.extend(bert_rows(&bert, model, simd)?);
    }
    measured.load_ms = ms(last_load);
    measured.rows.extend(glance_rows(&*gateway::table()?)?);
    let reference = Reference::load(&files, model)?;
    measured.rows.extend(reference_rows(&reference, model)?);
    match args.output.format() {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&measured)?)?,
        Format::Text => write!(out, "{measured}")?,
    }
    Ok(Ran::Well)
}

/// In full, and stopped at the first tap.
fn bert_rows(bert: &Bert, model: &Model, simd: Simd) -> Result<Vec<Row>, EmbedError> {
    let mut rows = Vec::new();
    let taps = model.taps.iter().zip(bert.stops());
    for tokens in TOKENS {
        for (layers, stop) in taps.clone() {
            let mut enough = |features: &[f32]| features.len() >= *stop;
            let taken = repeat(ids(tokens), |ids| bert.forward(ids, &mut enough).map(drop))?;
            rows.push(Row::new(simd.name(), tokens, *layers, &taken));
        }
    }
    Ok(rows)
}

/// What is seen at a glance, from the text on: its words by the table, and its form. No layer runs.
fn glance_rows(table: &StaticTable) -> Result<Vec<Row>, EmbedError> {
    let entries: Vec<&str> = table.vocabulary().entries().collect();
    let rows = TOKENS.into_iter().map(|tokens| {
        let mut next = ids(tokens);
        let text = || {
            let ids = next();
            let words = ids.iter().filter_map(|id| entries.get(usize::try_from(*id).ok()?));
            // Parts of words are written as words of their own, which are about as long.
            words.map(|word| word.trim_start_matches('#')).collect::<Vec<&str>>().join(" ")
        };
        let taken = repeat(text, |text| {
            std::hint::black_box(table.glance(text));
            Ok(())
        })?;
        Ok(Row::new("glance", tokens, 0, &taken))
    });
    rows.collect()
}

fn reference_rows(reference: &Reference, model: &Model) -> Result<Vec<Row>, EmbedError> {
    let layers = model.taps.last().copied().unwrap_or_default();
    let rows = TOKENS.into_iter().map(|tokens| {
        let taken = repeat(ids(tokens), |ids| reference.forward(ids, &mut |_, _| true))?;
        Ok(Row::new("candle-f32", tokens, layers, &taken))
    });
    rows.collect()
}

/// The tokens of texts of this length, each other than the one before.
fn ids(tokens: u32) -> impl FnMut() -> Vec<u32> {
    let mut word = 0;
    move || {
        let words = (0..tokens).map(|_| {
            word = (word + STRIDE) % (WORDS.end - WORDS.start);
            WORDS.start + word
        });
        words.collect()
    }
}

/// Times of single runs, each over another text; shortest first.
fn repeat<T>(
    mut text: impl FnMut() -> T,
    mut work: impl FnMut(&T) -> Result<(), EmbedError>,
) -> Result<Vec<Duration>, EmbedError> {
    for _ in 0..WARM_UP {
        work(&text())?;
    }
    let (mut taken, started) = (Vec::new(), Instant::now());
    while taken.len() < RUNS_MIN || started.elapsed() < MEASURED {
        let next = text();
        let before = Instant::now();
        work(&next)?;
        taken.push(before.elapsed());
    }
    taken.sort_unstable();
    Ok(taken)
}

impl Row {
    fn new(path: &'static str, tokens: u32, layers: usize, sorted: &[Duration]) -> Self {
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().map_or(0.0, ms)
        };
        Self { path, tokens, layers, min_ms: at(0), p50_ms: at(50), p95_ms: at(95) }
    }
}

impl fmt::Display for Measured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.load_ms;
        writeln!(f, "{} on one core; loading took {ms:.0} ms", self.model)?;
        for Row { path, tokens, layers, min_ms, p50_ms, p95_ms } in &self.rows {
            writeln!(
                f,
                "  {path:<12} {tokens:>4} tokens {layers:>2} layers  \
                 min {min_ms:>8.3}  p50 {p50_ms:>8.3}  p95 {p95_ms:>8.3} ms"
            )?;
        }
        Ok(())
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
