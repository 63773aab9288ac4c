//! `semroute tune`: judges the rules offline.

mod eval;
mod learn;
mod read;

use std::io::Write;

use super::Ran;

/// Judge the rules offline.
#[derive(Debug, clap::Subcommand)]
pub(super) enum TuneCommand {
    /// Judge labelled prompts by the configuration's own examples, or by others, and count how often that is right.
    Eval(Box<eval::EvalArgs>),
}

pub(super) fn run(command: &TuneCommand, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let TuneCommand::Eval(args) = command;
    eval::run(args, out)
}
