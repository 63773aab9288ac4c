//! The command line: one file a command. This list is the feature list of the program.

mod bench;
mod bench_embed;
mod bench_failover;
mod check;
mod explain;
mod models;
mod prices;
mod serve;
mod served;
mod tune;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, ConfigError};
use crate::embed::fetch::FetchEnv;

/// A check ran and failed.
const CHECK_FAILED: u8 = 1;
/// The configuration, or something it needs, cannot be used.
const CANNOT_START: u8 = 3;

/// Reads the prompt, picks the tier, fails over between providers.
#[derive(Debug, Parser)]
#[command(name = "semroute", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::ServeArgs),
    /// Show the decision and the plan for a prompt; nobody is called.
    Explain(explain::ExplainArgs),
    /// Validate the configuration and the examples, and show who would answer with each target down.
    Check(check::CheckArgs),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Show, fetch or check the local models.
    Models(models::ModelsArgs),
    /// Show what targets cost, or bring the catalogue of models up to date.
    #[command(subcommand)]
    Prices(prices::PricesCommand),
    /// Judge the rules offline.
    #[command(subcommand)]
    Tune(tune::TuneCommand),
    /// Measure this machine.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

/// Where the configuration is, on every command that reads it.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file.
    #[arg(long, default_value = "rules/semroute.yaml", value_name = "FILE")]
    config: PathBuf,
}

/// How a command prints.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct OutputArgs {
    /// Print one JSON value instead of lines.
    #[arg(long, global = true)]
    json: bool,
}

/// The form of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Lines for people.
    Text,
    /// One JSON value on one line.
    Json,
}

impl OutputArgs {
    fn format(self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

/// What a command ends with, when nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    Well,
    FoundFaults,
}

/// Runs the command line of this process and returns its exit code.
#[must_use]
pub fn run() -> ExitCode {
    // Usage errors end the process here, with clap's own code 2.
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    match dispatch(cli.command, &mut out) {
        Ok(Ran::Well) => ExitCode::SUCCESS,
        Ok(Ran::FoundFaults) => ExitCode::from(CHECK_FAILED),
        // The reader of a pipe may leave early; that is no failure of ours.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "semroute: {error:#}"));
            ExitCode::from(CANNOT_START)
        }
    }
}

fn dispatch(command: Command, out: &mut dyn Write) -> anyhow::Result<Ran> {
    match command {
        Command::Serve(args) => serve::run(&args, out),
        Command::Explain(args) => explain::run(&args, out),
        Command::Check(args) => check::run(&args, out),
        Command::Schema => {
            writeln!(out, "{:#}", config::schema())?;
            Ok(Ran::Well)
        }
        Command::Models(args) => models::run(&args, &fetch_env(), out),
        Command::Prices(command) => prices::run(&command, out),
        Command::Tune(command) => tune::run(&command, out),
        Command::Bench(command) => bench::run(&command, out),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// The process's environment; everything below takes it as a function.
#[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn fetch_env() -> FetchEnv {
    FetchEnv::from_map(&environment)
}

/// Loads a configuration for a command that calls nobody, and says what should be looked at.
fn load_config(args: &ConfigArgs) -> Result<config::Loaded, ConfigError> {
    let loaded = config::load(&args.config, &environment, None)?;
    for warning in &loaded.warnings {
        drop(writeln!(io::stderr(), "{warning}"));
    }
    Ok(loaded)
}

/// Says how far a long piece of work is: a bar on a terminal, nothing elsewhere.
fn progress(what: &'static str) -> impl FnMut(usize, usize) {
    let style = indicatif::ProgressStyle::with_template("{msg} [{wide_bar}] {pos}/{len} {eta}");
    let bar = indicatif::ProgressBar::new(0).with_message(what);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    move |done, total| {
        bar.set_length(u64::try_from(total).unwrap_or(0));
        bar.set_position(u64::try_from(done).unwrap_or(0));
        if done == total {
            bar.finish_and_clear();
        }
    }
}
