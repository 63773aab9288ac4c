//! `semroute prices show`: what is known of models, and what they cost, in US dollars for a million tokens.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cli::{ConfigArgs, Format, OutputArgs, Ran, load_config};
use crate::config::{Abilities, CatalogRow, Config, PartialPrice, Rate, Target};
use crate::price;

/// Show what models cost and can do.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ShowArgs {
    /// Targets, or names of models; without any, all targets of the tiers.
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ShowArgs, out: &mut dyn Write) -> anyhow::Result<Ran> {
    let config = load_config(&args.config)?.config;
    let wanted: Vec<String> = if args.models.is_empty() {
        let targets = config.tiers.iter().flat_map(|tier| &tier.targets);
        // A map, because a target may serve several tiers.
        let ids: BTreeMap<&str, &Arc<Target>> =
            targets.map(|target| (target.id.as_str(), target)).collect();
        ids.into_keys().map(str::to_owned).collect()
    } else {
        args.models.clone()
    };
    let found: Vec<Known> = wanted.iter().map(|name| known(&config, name)).collect();
    match args.output.format() {
        Format::Json => {
            let rows: Vec<Value> = found.iter().map(to_json).collect();
            writeln!(out, "{}", Value::Array(rows))?;
        }
        Format::Text => found.iter().try_for_each(|row| write_line(row, out))?,
    }
    // Somebody who names a model wants to know; a target of the rules may well be unknown.
    let is_missed = |row: &Known| row.abilities == Abilities::default();
    let fails = !args.models.is_empty() && found.iter().any(is_missed);
    Ok(if fails { Ran::FoundFaults } else { Ran::Well })
}

/// What is known under a name.
struct Known {
    name: String,
    abilities: Abilities,
    /// Where the catalogue has it from.
    origin: Option<(String, String, String)>,
}

fn known(config: &Config, name: &str) -> Known {
    let parts = name.split_once('/');
    let target =
        parts.and_then(|(provider, model)| Some(config.target(config.provider(provider)?, model)));
    let row = match (&target, parts) {
        (Some(target), _) => config.catalog.find(&target.provider.name, &target.model),
        (None, _) => config.catalog.named_as(name),
    };
    let of_row = || row.map(|row| row.abilities.clone()).unwrap_or_default();
    let abilities = target.map_or_else(of_row, |target| (*target.abilities).clone());
    Known { name: name.to_owned(), abilities, origin: row.map(origin_of) }
}

/// The row, the day and the page.
fn origin_of(row: &CatalogRow) -> (String, String, String) {
    (row.name.clone(), row.as_of.to_string(), row.source.clone())
}

fn to_json(known: &Known) -> Value {
    let can = &known.abilities;
    let rate = |rate: Option<Rate>| rate.map(|rate| rate.for_million());
    let price = can.price.map(|price| {
        let long = price.long.map(|long| {
            json!({
                "above": long.above, "input": long.input.for_million(), "output": long.output.for_million(),
                "cache_read": rate(long.cache_read), "cache_write": rate(long.cache_write),
            })
        });
        json!({
            "input": price.input.for_million(), "output": price.output.for_million(),
            "cache_read": rate(price.cache_read), "cache_write": rate(price.cache_write),
            "reasoning": rate(price.reasoning), "long": long,
        })
    });
    let origin = known.origin.as_ref();
    json!({
        "model": known.name, "price": price, "context": can.context, "max_output": can.max_output,
        "deprecated": can.deprecated.map(|day| day.to_string()),
        "catalog": origin.map(|(row, as_of, source)| json!({"row": row, "as_of": as_of, "source": source})),
    })
}

fn write_line(known: &Known, out: &mut dyn Write) -> std::io::Result<()> {
    let can = &known.abilities;
    let price = can.price.map(|price| price::written(&PartialPrice::from(price)));
    let price = price.unwrap_or_else(|| "price unknown".to_owned());
    let tokens = |what: &str, tokens: Option<u64>| {
        tokens.map_or_else(String::new, |tokens| format!("\t{what} {tokens}"))
    };
    let gone = can.deprecated.map_or_else(String::new, |day| format!("\tdeprecated {day}"));
    let origin = known.origin.as_ref();
    let origin =
        origin.map_or_else(String::new, |(_, as_of, source)| format!("\t{as_of} {source}"));
    let (context, output) = (tokens("context", can.context), tokens("output", can.max_output));
    writeln!(out, "{}\t{price}{context}{output}{gone}{origin}", known.name)
}
