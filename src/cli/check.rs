//! `semroute check`: is the configuration good, and who answers when a target is down?

use std::io::Write;

use serde_json::{Value, json};

use super::{ConfigArgs, Format, OutputArgs, Ran, environment};
use crate::config::{self, Config, Problem, Tier};

/// Validate the configuration and the examples.
#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &CheckArgs, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let (problems, config) = match config::load(&args.config.config, &environment, None) {
        Ok(loaded) => (loaded.warnings, Some(loaded.config)),
        Err(refused) => (refused.problems, None),
    };
    let drills: Vec<Drill> =
        config.iter().flat_map(|config| &config.tiers).flat_map(drill).collect();
    match args.output.format() {
        Format::Json => writeln!(out, "{}", to_json(&problems, config.as_ref(), &drills))?,
        Format::Text => write_text(&problems, config.as_ref(), &drills, out)?,
    }
    Ok(if config.is_some() { Ran::Well } else { Ran::FoundFaults })
}

/// Who answers for a tier while one of its targets is down.
struct Drill {
    tier: String,
    down: String,
    serves: Option<String>,
}

fn drill(tier: &std::sync::Arc<Tier>) -> Vec<Drill> {
    let usable = || tier.targets.iter().filter(|target| target.provider.is_usable());
    let drills = usable().map(|down| {
        let serves = usable().find(|target| target.id != down.id).map(|target| target.id.clone());
        Drill { tier: tier.name.clone(), down: down.id.clone(), serves }
    });
    drills.collect()
}

fn to_json(problems: &[Problem], config: Option<&Config>, drills: &[Drill]) -> Value {
    let drills = drills
        .iter()
        .map(|drill| json!({"tier": drill.tier, "down": drill.down, "serves": drill.serves}));
    json!({"ok": config.is_some(), "problems": problems, "drills": drills.collect::<Vec<Value>>()})
}

fn write_text(
    problems: &[Problem],
    config: Option<&Config>,
    drills: &[Drill],
    out: &mut dyn Write,
) -> std::io::Result<()> {
    for problem in problems {
        writeln!(out, "{problem}")?;
    }
    let Some(config) = config else {
        let errors =
            problems.iter().filter(|problem| problem.severity == config::Severity::Error).count();
        return writeln!(out, "{errors} errors");
    };
    writeln!(
        out,
        "good: {} providers, {} tiers, {} query types, {} examples",
        config.providers.len(),
        config.tiers.len(),
        config.query_types.len(),
        config.examples.len()
    )?;
    if drills.is_empty() {
        writeln!(out, "no provider key is set: `serve` would answer from the sandbox")?;
    }
    for drill in drills {
        let serves = drill.serves.as_deref().unwrap_or("nobody");
        writeln!(out, "{}: with {} down, {serves} serves", drill.tier, drill.down)?;
    }
    Ok(())
}
