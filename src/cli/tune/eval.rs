//! `semroute tune eval`: how often decisions are right, how sure they are, and how long they take.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{ArgGroup, ValueEnum};

use super::super::served::Served;
use super::super::{ConfigArgs, Format, OutputArgs, Ran, load_config, progress};
use super::learn::Learner;
use super::read;
use crate::config::Config;
use crate::embed;
use crate::tune::{
    Draw, Evaluation, Filter, Fold, Judged, Report, Row, Shots, Source, folds_of_groups, held_out,
    judge_folds, prediction, stratified_folds,
};

/// Folds of a cross-validation, unless asked otherwise.
const FOLDS: usize = 5;
/// Most folds; each is one more fit.
const FOLDS_MAX: u64 = 100;
/// A late vector would count as a wrong decision, and a busy machine is no fault of the rules.
const DEADLINE: Duration = Duration::from_secs(60);

/// Judge labelled prompts and count.
///
/// Rows are JSONL, `{"text", "label"}`. `accept` may list further labels that count as right; the label `oos`, or `null`,
/// marks a prompt that is out of scope. Without --train the configuration judges by its own examples, and labels are compared
/// as tiers: a label is a tier or a query type. With --train any labels will do.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("judged").args(["test", "folds", "group_by"]).required(true).multiple(true))]
pub(in crate::cli) struct EvalArgs {
    /// Files of rows to judge.
    #[arg(long, num_args = 1.., value_name = "FILE", conflicts_with_all = ["folds", "group_by"])]
    test: Vec<PathBuf>,
    /// Files of rows to learn from, instead of the configuration's examples.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    train: Vec<PathBuf>,
    /// Learn from as many rows of each label: the lowest by the rows' own field `shot`, or drawn by the seed.
    #[arg(long, value_name = "K", requires = "train", value_parser = clap::value_parser!(u32).range(1..))]
    shot: Option<u32>,
    /// Judge the rows to learn from by each other, in as many parts of equal mixture.
    #[arg(long, value_name = "N", requires = "train", value_parser = clap::value_parser!(u64).range(2..=FOLDS_MAX))]
    folds: Option<u64>,
    /// The same, but rows with the same value of a field are never learnt from while they are judged.
    #[arg(long, value_name = "FIELD", requires = "train")]
    group_by: Option<String>,
    /// What chance is drawn from.
    #[arg(long, default_value_t = 0, requires = "train")]
    seed: u64,
    /// Take only rows to learn from with this value, or with another one: FIELD=VALUE or FIELD!=VALUE; may be repeated.
    #[arg(long, value_name = "FILTER", requires = "train")]
    train_where: Vec<Filter>,
    /// The same for rows to judge.
    #[arg(long, value_name = "FILTER", conflicts_with_all = ["folds", "group_by"])]
    test_where: Vec<Filter>,
    /// A field of the judged rows to give figures by; may be repeated.
    #[arg(long, value_name = "FIELD")]
    slice: Vec<String>,
    /// How deep to read, instead of what the configuration says.
    #[arg(long)]
    embedder: Option<Depths>,
    /// Write each judged row as a line of JSON.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// How deep to read.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Depths {
    /// Always through the whole model.
    Minilm,
    /// By tokens and characters alone.
    Static,
    /// As deep as each prompt needs.
    Cascade,
}

/// What was judged and how it was split.
struct Done {
    rows: Vec<Row>,
    folds: Vec<Fold>,
    judged: Vec<Judged>,
    source: Source,
}

pub(super) fn run(args: &EvalArgs, out: &mut dyn Write) -> anyhow::Result<Ran> {
    embed::on_one_core();
    let mut config = load_config(&args.config)?.config;
    config.embedder.deadline = DEADLINE;
    if let Some(depths) = args.embedder.and_then(|depths| depths.to_possible_value()) {
        depths.get_name().clone_into(&mut config.embedder.model);
    }
    let Done { rows, folds, judged, source } =
        if args.train.is_empty() { by_examples(args, config)? } else { by_rows(args, &config)? };
    if let Some(file) = &args.predictions {
        write_predictions(file, &rows, &judged)?;
    }
    let group_by = args.group_by.as_deref();
    let evaluation = Evaluation { rows: &rows, folds: &folds, group_by, judged: &judged };
    let report = Report::new(evaluation, &args.slice, source);
    match args.output.format() {
        Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
        Format::Text => write!(out, "{report}")?,
    }
    Ok(Ran::Well)
}

/// The configuration's own decisions, made as in service.
fn by_examples(args: &EvalArgs, config: Config) -> anyhow::Result<Done> {
    let rows = read::rows(&args.test, &args.test_where)?;
    let texts: BTreeSet<&str> = config.examples.iter().map(|example| &*example.text).collect();
    let source = Source {
        embedder: config.embedder.model.clone(),
        examples_n: config.examples.len(),
        seen_n: rows.iter().filter(|row| texts.contains(row.text.trim())).count(),
    };
    let tiers = config.tiers.iter().map(|tier| tier.name.as_str());
    let types = config.query_types.iter().map(|query_type| query_type.name.as_str());
    warn(read::unknown_labels(rows.iter(), &tiers.chain(types).collect()));
    let served = Served::start(config)?;
    served.warm_up()?;
    let mut on_progress = progress("deciding");
    let mut judged = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        on_progress(at, rows.len());
        let tier = |name: &String| served.tier_of(name);
        let (label, accept) = (row.label.as_ref().map(tier), row.accept.iter().map(tier).collect());
        judged.push(Judged { row: at, label, accept, opinion: served.judge(row)? });
    }
    on_progress(rows.len(), rows.len());
    let folds = vec![Fold { train: Vec::new(), test: (0..rows.len()).collect() }];
    Ok(Done { rows, folds, judged, source })
}

/// A classifier that is fitted to rows of a file.
fn by_rows(args: &EvalArgs, config: &Config) -> anyhow::Result<Done> {
    let mut rows = read::rows(&args.train, &args.train_where)?;
    let train_count = rows.len();
    if !args.test.is_empty() {
        rows.extend(read::rows(&args.test, &args.test_where)?);
    }
    read::check_texts(&rows)?;
    let folds = split(args, &rows, train_count)?;
    if let [fold] = folds.as_slice() {
        let at = |places: &[usize]| places.iter().filter_map(|at| rows.get(*at)).collect();
        let (train, test): (Vec<&Row>, Vec<&Row>) = (at(&fold.train), at(&fold.test));
        let known = train.iter().filter_map(|row| row.label.as_deref()).collect();
        warn(read::unknown_labels(test.into_iter(), &known));
    }
    let learner = Learner::new(&rows, &folds, config)?;
    let total: usize = folds.iter().map(|fold| fold.test.len()).sum();
    let (mut on_progress, mut done) = (progress("judging"), 0);
    let judged = judge_folds(
        &rows,
        &folds,
        |training| learner.fit(training),
        |learned, row| {
            on_progress(done, total);
            done += 1;
            learner.judge(learned, row)
        },
    )?;
    on_progress(total, total);
    let source = Source {
        embedder: config.embedder.model.clone(),
        examples_n: learner.examples(),
        seen_n: read::seen(&rows, &folds),
    };
    Ok(Done { folds, judged, source, rows })
}

fn split(args: &EvalArgs, rows: &[Row], train_count: usize) -> anyhow::Result<Vec<Fold>> {
    let shots = match args.shot {
        Some(count) => Shots::First(usize::try_from(count)?),
        None => Shots::All,
    };
    let draw = Draw { shots, seed: args.seed };
    let count = args.folds.map_or(Ok(FOLDS), usize::try_from)?;
    let folds = match (&args.group_by, args.test.is_empty()) {
        (Some(field), _) => folds_of_groups(rows, field, count, draw),
        (None, true) => stratified_folds(rows, count, draw),
        (None, false) => vec![held_out(rows, train_count, draw)],
    };
    let teaches_nothing = folds.iter().any(|fold| fold.train.is_empty());
    match &args.group_by {
        Some(field) if teaches_nothing => {
            anyhow::bail!("`{field}` has one value in all rows, so nothing is left to learn from")
        }
        _ if teaches_nothing => anyhow::bail!("no row to learn from has a label"),
        _ => Ok(folds),
    }
}

fn write_predictions(file: &Path, rows: &[Row], judged: &[Judged]) -> anyhow::Result<()> {
    let write = || {
        let mut lines = BufWriter::new(File::create(file)?);
        for each in judged {
            if let Some(row) = rows.get(each.row) {
                writeln!(lines, "{}", prediction(row, each))?;
            }
        }
        lines.flush()
    };
    write().with_context(|| format!("cannot write `{}`", file.display()))
}

fn warn(about: Option<String>) {
    if let Some(about) = about {
        drop(writeln!(io::stderr(), "warning: {about}"));
    }
}
