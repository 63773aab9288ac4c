//! `semroute models`: shows, fetches and checks the local embedders, and distils the table that is built in.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Format, OutputArgs, Ran};
use crate::embed::fetch::{self, FetchEnv, FileState};
use crate::embed::manifest::{Digest, Manifest, Model};
use crate::embed::{self, DIMENSIONS, Reference, StaticTable, WordPiece};

/// Shows, fetches or checks the local embedders, or distils one.
#[derive(Debug, Clone, clap::Subcommand)]
enum ModelsCommand {
    /// List the known models and whether their files are on this machine.
    List,
    /// Fetch a model's files, unless they are here already.
    Pull {
        /// The model's name, as shown by `list`.
        #[arg(default_value = "minilm")]
        name: String,
    },
    /// Hash a model's files and compare; nothing is fetched. Fails if a file cannot be used.
    Verify {
        /// The model's name, as shown by `list`.
        #[arg(default_value = "minilm")]
        name: String,
    },
    /// Make a static table from a model, such as the one that is built into this program.
    Distill {
        /// The model's name, as shown by `list`.
        #[arg(default_value = "minilm")]
        name: String,
        /// Where to write the table. Its provenance goes beside it, ending in `.toml`.
        #[arg(long = "out", value_name = "FILE", default_value = "models/static.bin")]
        to: PathBuf,
    },
}

/// A subcommand and how it prints.
#[derive(Debug, clap::Args)]
pub(super) struct ModelsArgs {
    #[command(subcommand)]
    command: ModelsCommand,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ModelsArgs, env: &FetchEnv, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let manifest = Manifest::builtin()?;
    let answer = match &args.command {
        ModelsCommand::List => list(&manifest, env),
        ModelsCommand::Pull { name } => pull(manifest.find(name)?, env)?,
        ModelsCommand::Verify { name } => verify(manifest.find(name)?, env),
        ModelsCommand::Distill { name, to } => distill(manifest.find(name)?, env, to)?,
    };
    match args.output.format() {
        Format::Text => write!(out, "{}", answer.text)?,
        Format::Json => writeln!(out, "{}", answer.json)?,
    }
    Ok(if answer.is_good { Ran::Well } else { Ran::FoundFaults })
}

/// What a subcommand found, in both forms.
struct Answer {
    text: String,
    json: Value,
    is_good: bool,
}

fn list(manifest: &Manifest, env: &FetchEnv) -> Answer {
    let mut text = String::new();
    let mut rows = Vec::new();
    for model in manifest.models() {
        let is_present = fetch::is_present(model, env);
        let bytes: u64 = model.files().iter().map(|file| file.bytes).sum();
        let state = if is_present { "present" } else { "absent" };
        text += &format!(
            "{}\t{state}\t{} dimensions\t{} MB\t{}\t{}\n",
            model.name,
            model.dimensions,
            (bytes + 500_000) / 1_000_000,
            model.licence,
            model.repo,
        );
        rows.push(json!({
            "name": model.name,
            "present": is_present,
            "dimensions": model.dimensions,
            "bytes": bytes,
            "licence": model.licence,
            "repo": model.repo,
            "revision": model.revision,
        }));
    }
    Answer { text, json: Value::Array(rows), is_good: true }
}

fn pull(model: &Model, env: &FetchEnv) -> anyhow::Result<Answer> {
    let files = fetch::ensure(model, env, &*fetch::on_stderr())?;
    let json = serde_json::to_value(&files)?;
    let source = json.get("source").and_then(Value::as_str).unwrap_or_default();
    let text = format!("{} is ready in {} (from {source})\n", model.name, files.dir.display());
    Ok(Answer { text, json, is_good: true })
}

fn verify(model: &Model, env: &FetchEnv) -> Answer {
    let reports = fetch::verify(model, env);
    let mut text = String::new();
    for report in &reports {
        let state = match report.state {
            FileState::Verified => "verified",
            FileState::Corrupt => "corrupt",
            FileState::Missing => "missing",
        };
        let path = report.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        text += format!("{state}\t{}\t{path}", report.file).trim_end();
        text.push('\n');
    }
    let is_good = reports.iter().all(|report| report.state == FileState::Verified);
    if !is_good {
        text += &format!("fetch what is not verified with `semroute models pull {}`\n", model.name);
    }
    Answer { text, json: json!(reports), is_good }
}

fn distill(model: &Model, env: &FetchEnv, to: &Path) -> anyhow::Result<Answer> {
    let files = fetch::ensure(model, env, &*fetch::on_stderr())?;
    let shown = to.display();
    let vocabulary = std::fs::read(&files.tokenizer).context("cannot read the tokenizer")?;
    let vocabulary = WordPiece::from_json(&vocabulary)?;
    let reference = Reference::load(&files, model)?;
    let table = embed::distill(&reference, &vocabulary, model.weights.sha256)?;
    StaticTable::from_bytes(table.clone())?;
    let hash = Digest(Sha256::digest(&table).into());
    std::fs::write(to, &table).with_context(|| format!("cannot write `{shown}`"))?;
    std::fs::write(to.with_extension("toml"), provenance(model, &table, hash))
        .with_context(|| format!("cannot write beside `{shown}`"))?;
    let json = json!({ "table": to, "bytes": table.len(), "sha256": hash.to_string() });
    let text = format!("{shown} has {} bytes and the SHA-256 {hash}\n", table.len());
    Ok(Answer { text, json, is_good: true })
}

/// Everything that the table depends on, so that anybody can make it again and compare.
fn provenance(model: &Model, table: &[u8], hash: Digest) -> String {
    format!(
        "# Where the table beside this file comes from. Written with it by\n\
         # `semroute models distill {name}`, which gives the same bytes again.\n\
         [table]\n\
         bytes = {bytes}\n\
         sha256 = \"{hash}\"\n\
         dimensions = {DIMENSIONS}\n\n\
         [source]\n\
         repo = \"{repo}\"\n\
         revision = \"{revision}\"\n\
         licence = \"{licence}\"\n\
         weights_sha256 = \"{weights}\"\n\
         tokenizer_sha256 = \"{tokenizer}\"\n\n\
         [parameters]\n\
         token = \"the embedding layer's view, right behind [CLS]\"\n\
         axes = \"principal components, tokens weighted by 1 / rank, each divided by variance^(1/4)\"\n\
         text = \"sum of the rows of its tokens\"\n",
        name = model.name,
        bytes = table.len(),
        repo = model.repo,
        revision = model.revision,
        licence = model.licence,
        weights = model.weights.sha256,
        tokenizer = model.tokenizer.sha256,
    )
}
