//! `semroute tune`: judges the rules offline.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::time::Instant;

use super::{ConfigArgs, Format, OutputArgs, Ran, fetch_env, load_config, progress};
use crate::chat::Prompt;
use crate::classify::{Reading, Reason, Snapshot, Wish, decide};
use crate::embed::Embedder;
use crate::gateway::{self, Brain};
use crate::tune::{Figures, Judged, TestRow, figures};

/// Judge the rules offline.
#[derive(Debug, clap::Subcommand)]
pub(super) enum TuneCommand {
    /// Decide labelled prompts with the configuration's own examples and count how often it is right.
    Eval(EvalArgs),
}

/// Decide labelled prompts and count.
#[derive(Debug, clap::Args)]
pub(super) struct EvalArgs {
    /// JSONL files of `{"text", "label"}`, the label being a tier or a query type; `accept` may list more right ones.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    test: Vec<PathBuf>,
    /// A field of the test rows to give figures by; may be repeated.
    #[arg(long, value_name = "FIELD")]
    slice: Vec<String>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(command: &TuneCommand, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let TuneCommand::Eval(args) = command;
    let mut rows = Vec::new();
    for file in &args.test {
        rows.extend(read_rows(file)?);
    }
    let config = Arc::new(load_config(&args.config)?.config);
    let brain = gateway::load_brain(config, &fetch_env(), &mut progress("reading examples"))?;
    let judged = judge(brain, &rows)?;
    let mut all = figures(&judged.iter().collect::<Vec<&Judged>>());
    all.slices = slices(&args.slice, &rows, &judged);
    match args.output.format() {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&all)?)?,
        Format::Text => write_text(&all, out)?,
    }
    Ok(Ran::Well)
}

fn read_rows(file: &Path) -> anyhow::Result<Vec<TestRow>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{name}`"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let rows = lines.map(|(number, line)| {
        let wanted = r#"expected {"text": "...", "label": "..."}"#;
        serde_json::from_str(line).with_context(|| format!("{name}:{}: {wanted}", number + 1))
    });
    rows.collect()
}

fn judge(brain: Brain, rows: &[TestRow]) -> anyhow::Result<Vec<Judged>> {
    let Brain { embedder, snapshot } = brain;
    let mut on_progress = progress("deciding");
    let mut judged = Vec::with_capacity(rows.len());
    for (done, row) in rows.iter().enumerate() {
        on_progress(done, rows.len());
        judged.push(judge_row(&embedder, &snapshot, row)?);
    }
    on_progress(rows.len(), rows.len());
    Ok(judged)
}

fn judge_row(
    embedder: &dyn Embedder,
    snapshot: &Snapshot,
    row: &TestRow,
) -> anyhow::Result<Judged> {
    let started = Instant::now();
    let reading = match Prompt::new(&row.text) {
        Some(prompt) => Reading::Vector(embedder.embed(prompt.as_str())?),
        None => Reading::Nothing,
    };
    let embed = started.elapsed();
    let decision = decide(snapshot, &Wish::Auto, &reading);
    let whole = started.elapsed();
    Ok(Judged {
        label: tier_of(snapshot, &row.label),
        accept: row.accept.iter().map(|name| tier_of(snapshot, name)).collect(),
        predicted: decision.goal.tier_name().unwrap_or_default().to_owned(),
        confidence: decision.confidence,
        abstained: matches!(decision.reason, Reason::LowConfidence { .. }),
        embed_us: micros(embed),
        decide_us: micros(whole),
    })
}

/// A label is a tier, or a query type that stands for its tier.
fn tier_of(snapshot: &Snapshot, label: &str) -> String {
    let types = &snapshot.config().query_types;
    let known = types.iter().find(|query_type| query_type.name == label);
    known.map_or(label, |query_type| &query_type.tier.name).to_owned()
}

fn slices(
    fields: &[String],
    rows: &[TestRow],
    judged: &[Judged],
) -> BTreeMap<String, BTreeMap<String, Figures>> {
    let by_value = |field: &String| {
        let mut groups: BTreeMap<String, Vec<&Judged>> = BTreeMap::new();
        for (row, decided) in rows.iter().zip(judged) {
            let value = match row.fields.get(field) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => "-".to_owned(),
            };
            groups.entry(value).or_default().push(decided);
        }
        groups.into_iter().map(|(value, group)| (value, figures(&group))).collect()
    };
    fields.iter().map(|field| (field.clone(), by_value(field))).collect()
}

fn write_text(figures: &Figures, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        out,
        "{} rows: accuracy {:.3}, accepted {:.3}, macro F1 {:.3}, abstained {:.3}, ECE {:.3}",
        figures.n,
        figures.accuracy,
        figures.accept_accuracy,
        figures.macro_f1,
        figures.abstain_rate,
        figures.ece
    )?;
    for (label, each) in &figures.per_label {
        writeln!(
            out,
            "  {label:<16} {:>5} rows  precision {:.3}  recall {:.3}  F1 {:.3}",
            each.n, each.precision, each.recall, each.f1
        )?;
    }
    writeln!(out, "decision p50 {} us, p95 {} us", figures.decide_us.p50, figures.decide_us.p95)?;
    for (field, values) in &figures.slices {
        for (value, each) in values {
            let (n, accepted) = (each.n, each.accept_accuracy);
            writeln!(out, "  {field}={value:<30} {n:>5} rows  accepted {accepted:.3}")?;
        }
    }
    Ok(())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
