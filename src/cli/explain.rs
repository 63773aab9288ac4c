//! `semroute explain`: why a prompt goes where it goes.

use std::io::{Read, Write};

use serde_json::{Value, json};

use super::served::Served;
use super::{ConfigArgs, Format, OutputArgs, Ran, environment, load_config};
use crate::config::{self, Config};

/// Show the decision and the plan for a prompt; nobody is called.
#[derive(Debug, clap::Args)]
pub(super) struct ExplainArgs {
    /// The prompt, or `-` to read it from standard input.
    prompt: String,
    /// What the person said before, oldest first; may be repeated.
    #[arg(long, value_name = "TURN")]
    after: Vec<String>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ExplainArgs, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let mut prompt = args.prompt.clone();
    if prompt == "-" {
        prompt.clear();
        std::io::stdin().read_to_string(&mut prompt)?;
    }
    let explained = explain(args, &prompt)?;
    match args.output.format() {
        Format::Json => writeln!(out, "{explained}")?,
        Format::Text => write_text(&explained, out)?,
    }
    Ok(Ran::Well)
}

fn explain(args: &ExplainArgs, prompt: &str) -> anyhow::Result<Value> {
    let served = Served::start(load_as_served(&args.config)?)?;
    let turns = args.after.iter().map(String::as_str).chain([prompt]);
    let messages: Vec<Value> = turns.map(|turn| json!({"role": "user", "content": turn})).collect();
    let receipt = served.explain(&Value::Array(messages))?;
    let mut explained = receipt.explain();
    if let Some(explained) = explained.as_object_mut() {
        explained.insert("texts".to_owned(), receipt.texts());
    }
    Ok(explained)
}

/// The configuration as `serve` would use it: with no provider key set, the sandbox answers.
fn load_as_served(args: &ConfigArgs) -> anyhow::Result<Config> {
    let config = load_config(args)?.config;
    if config.providers.iter().any(|provider| provider.is_usable()) {
        return Ok(config);
    }
    // Nobody is called, so the sandbox need not listen anywhere.
    Ok(config::load(&args.config, &environment, Some("http://sandbox"))?.config)
}

fn write_text(explained: &Value, out: &mut dyn Write) -> std::io::Result<()> {
    let text = |pointer: &str| match explained.pointer(pointer) {
        Some(Value::String(value)) => value.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    };
    let list =
        |pointer: &str| explained.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let of = |item: &Value, key: &str| match item.get(key) {
        Some(Value::String(value)) => value.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    write_read(explained, out)?;
    writeln!(out, "tier        {}", text("/decision/tier"))?;
    writeln!(out, "query type  {}", text("/decision/query_type"))?;
    writeln!(
        out,
        "confidence  {} (lead over the next tier {})",
        text("/decision/confidence"),
        text("/decision/margin")
    )?;
    writeln!(out, "read        {}", text("/decision/depth"))?;
    writeln!(out, "because     {}", text("/decision/because"))?;
    writeln!(out, "nearest")?;
    for near in list("/decision/nearest") {
        let example: String = of(near, "text").replace('\n', " ").chars().take(70).collect();
        let (cosine, kind) = (of(near, "cosine"), of(near, "query_type"));
        writeln!(out, "  {cosine:>6}  {kind:<16}  {example}")?;
    }
    writeln!(out, "plan")?;
    for (at, step) in list("/plan/steps").enumerate() {
        writeln!(out, "  {}. {} ({})", at + 1, of(step, "target"), of(step, "place"))?;
    }
    for skipped in list("/plan/skipped") {
        let why = match of(skipped, "why").as_str() {
            "no_key" => format!("set {}", of(skipped, "set")),
            other => other.to_owned(),
        };
        writeln!(out, "  -  {} ({why})", of(skipped, "target"))?;
    }
    Ok(())
}

/// What was read, part by part, when there is more than the turn itself.
fn write_read(explained: &Value, out: &mut dyn Write) -> std::io::Result<()> {
    let part = |name: &str| explained.pointer(&format!("/texts/{name}")).and_then(Value::as_str);
    let language = explained.pointer("/prompt/language").and_then(Value::as_str);
    writeln!(out, "language    {}", language.unwrap_or("-"))?;
    let shown = [("earlier", "follows"), ("instruction", "instruction"), ("payload", "pasted")];
    for (name, title) in shown.into_iter().filter(|(name, _)| part(name) != part("whole")) {
        if let Some(text) = part(name) {
            let beginning: String = text.replace('\n', " ").chars().take(70).collect();
            writeln!(out, "{title:<11} {beginning}")?;
        }
    }
    Ok(())
}
