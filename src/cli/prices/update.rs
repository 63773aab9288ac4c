//! `semroute prices update`: public lists into the catalogue, with every change shown.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::fetch::{self, LITELLM, OPENROUTER};
use super::read_catalog;
use crate::cli::{Format, OutputArgs, Ran};
use crate::config::{Catalog, Date};
use crate::kept;
use crate::price::{self, Change, List, Shape};

/// Bring the catalogue's prices up to date from public lists.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct UpdateArgs {
    /// OpenRouter's list of models: a file or an address. Without a list, both are fetched from where they are published.
    #[arg(long, value_name = "FILE|URL", num_args = 0..=1, default_missing_value = OPENROUTER)]
    from_openrouter: Option<String>,
    /// LiteLLM's list of prices: a file or an address. It is believed first.
    #[arg(long, value_name = "FILE|URL", num_args = 0..=1, default_missing_value = LITELLM)]
    from_litellm: Option<String>,
    /// The catalogue.
    #[arg(long, value_name = "FILE", default_value = "rules/catalog.yaml")]
    catalog: PathBuf,
    /// Add models that the catalogue does not have and whose name in a list fits; `*` stands for any characters. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    add: Vec<String>,
    /// Believe prices that are ten times as much, a tenth, or nothing.
    #[arg(long)]
    accept: bool,
    /// Show what would change and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &UpdateArgs, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let (text, catalog) = read_catalog(&args.catalog)?;
    let lists = lists(args)?;
    let changes = price::merge(&catalog, &lists, &args.add);
    let (refused, believed): (Vec<Change>, Vec<Change>) =
        changes.into_iter().partition(|change| change.doubt.is_some() && !args.accept);
    let writes = !believed.is_empty() && !args.dry_run;
    if !believed.is_empty() {
        let edited = edited(&args.catalog, (&text, &catalog), &believed)?;
        if writes {
            let shown = args.catalog.display();
            kept::write_whole(&args.catalog, edited.as_bytes())
                .with_context(|| format!("cannot write `{shown}`"))?;
        }
    }
    match args.output.format() {
        Format::Json => {
            let (changed, held) = (rows(&believed), rows(&refused));
            writeln!(out, "{}", json!({"changed": changed, "refused": held, "written": writes}))?;
        }
        Format::Text => write_text((&believed, &refused), args, out)?,
    }
    Ok(if refused.is_empty() { Ran::Well } else { Ran::FoundFaults })
}

fn lists(args: &UpdateArgs) -> anyhow::Result<Vec<List>> {
    let (mut first, mut second) = (args.from_litellm.as_deref(), args.from_openrouter.as_deref());
    if first.is_none() && second.is_none() {
        (first, second) = (Some(LITELLM), Some(OPENROUTER));
    }
    let first = first.map(|from| fetch::list(Shape::LiteLlm, from));
    let second = second.map(|from| fetch::list(Shape::OpenRouter, from));
    first.into_iter().chain(second).collect()
}

/// The changed text, read again before anybody keeps it: every change is in it, and nothing else is different.
fn edited(
    path: &Path,
    (text, catalog): (&str, &Catalog),
    changes: &[Change],
) -> anyhow::Result<String> {
    let edited = price::apply(text, changes, today())?;
    let read = Catalog::parse(path, &edited).context("the changed catalogue would be refused")?;
    let is_changed = |name: &str| changes.iter().any(|change| change.name == name);
    for row in catalog.rows().iter().filter(|row| !is_changed(&row.name)) {
        let now = read.rows().iter().find(|now| now.name == row.name);
        let is_same = now.is_some_and(|now| now.abilities == row.abilities);
        ensure!(is_same, "the row `{}` would change too; edit the file by hand", row.name);
    }
    for change in changes {
        let is_there = read.rows().iter().any(|row| row.name == change.name);
        ensure!(is_there, "the row `{}` would be lost; edit the file by hand", change.name);
    }
    Ok(edited)
}

#[expect(clippy::disallowed_methods, reason = "the day that is written beside what changes")]
fn today() -> Date {
    Date::of(SystemTime::now())
}

fn rows(changes: &[Change]) -> Vec<Value> {
    let row = |change: &Change| {
        let fields = change.fields.iter();
        let fields =
            fields.map(|field| json!({"key": field.key, "old": field.old, "new": field.new}));
        let fields: Vec<Value> = fields.collect();
        json!({
            "name": change.name, "is_new": change.is_new, "source": change.source,
            "doubt": change.doubt, "fields": fields,
        })
    };
    changes.iter().map(row).collect()
}

fn write_text(
    (believed, refused): (&[Change], &[Change]),
    args: &UpdateArgs,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    for change in believed {
        let new = if change.is_new { ", new" } else { "" };
        writeln!(out, "{} ({}{new})", change.name, change.source)?;
        for field in &change.fields {
            let old = field.old.as_deref().unwrap_or("unknown");
            writeln!(out, "  {}: {old} → {}", field.key, field.new)?;
        }
    }
    for change in refused {
        let doubt = change.doubt.as_deref().unwrap_or_default();
        writeln!(
            out,
            "{} ({}) refused: {doubt}; look, and give --accept",
            change.name, change.source
        )?;
    }
    let shown = args.catalog.display();
    let (changed, kept) = (believed.len(), refused.len());
    let what = if args.dry_run { "would change" } else { "changed" };
    writeln!(out, "{shown}: {changed} rows {what}, {kept} refused")
}
