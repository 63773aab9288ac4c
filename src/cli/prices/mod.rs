//! `semroute prices`: what targets cost, and how the catalogue stays up to date.

mod fetch;
mod show;
mod update;

use std::io::Write;
use std::path::Path;

use anyhow::Context as _;

use super::Ran;
use crate::config::Catalog;

/// What to do about prices.
#[derive(Debug, clap::Subcommand)]
pub(super) enum PricesCommand {
    /// Show what models cost and can do: all targets of the tiers, or the ones that are named.
    Show(show::ShowArgs),
    /// Bring the catalogue's prices up to date from public lists; nothing else of the file changes.
    Update(update::UpdateArgs),
}

pub(super) fn run(command: &PricesCommand, out: &mut dyn Write) -> anyhow::Result<Ran> {
    match command {
        PricesCommand::Show(args) => show::run(args, out),
        PricesCommand::Update(args) => update::run(args, out),
    }
}

fn read_catalog(path: &Path) -> anyhow::Result<(String, Catalog)> {
    let remedy =
        || format!("cannot read the catalogue `{}`; name it with --catalog", path.display());
    let text = std::fs::read_to_string(path).with_context(remedy)?;
    let catalog = Catalog::parse(path, &text)?;
    Ok((text, catalog))
}
