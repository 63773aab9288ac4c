//! What targets cost: `prices.yaml` beside the configuration, which stands above the catalogue.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::listed::{check_version, read};
use super::problem::Problems;
use super::{Catalog, Environment, Rate};

/// The only version of the format so far.
const VERSION: u64 = 1;

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Of a prompt.
    pub input: Rate,
    /// Of an answer.
    pub output: Rate,
    /// Of what is read from a provider's cache; as `input` where nobody says.
    pub cache_read: Option<Rate>,
    /// Of what is written to it; as `input` where nobody says.
    pub cache_write: Option<Rate>,
    /// Of thoughts; as `output` where nobody says.
    pub reasoning: Option<Rate>,
    /// Of all tokens of a request whose prompt is long; as of any other where nobody says.
    pub long: Option<LongPrice>,
}

/// What a request with a long prompt costs, in US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPrice {
    /// Tokens of the longest prompt that is not long.
    #[schemars(range(min = 1, max = 1_000_000_000), example = 200_000)]
    pub above: u64,
    /// Of a prompt.
    #[schemars(example = 2.5)]
    pub input: Rate,
    /// Of an answer.
    #[schemars(example = 15.0)]
    pub output: Rate,
    /// Of what is read from a provider's cache.
    #[serde(default)]
    pub cache_read: Option<Rate>,
    /// Of what is written to it.
    #[serde(default)]
    pub cache_write: Option<Rate>,
}

impl Price {
    /// Of prompts and answers, with nothing said about the rest.
    #[must_use]
    pub fn plain(input: Rate, output: Rate) -> Self {
        let (cache_read, cache_write, reasoning) = (None, None, None);
        Self { input, output, cache_read, cache_write, reasoning, long: None }
    }

    /// Of so many tokens read and written, in US dollars.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "tokens of one conversation")]
    pub fn of(self, read: u64, written: u64) -> f64 {
        let (input, output) = match self.long {
            Some(long) if read > long.above => (long.input, long.output),
            Some(_) | None => (self.input, self.output),
        };
        (input.for_million() * read as f64 + output.for_million() * written as f64) / 1e6
    }
}

/// US dollars for a million tokens. What is left out is as the catalogue says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PartialPrice {
    /// Of a prompt.
    pub input: Option<Rate>,
    /// Of an answer.
    pub output: Option<Rate>,
    /// Of what is read from a provider's cache.
    pub cache_read: Option<Rate>,
    /// Of what is written to it.
    pub cache_write: Option<Rate>,
    /// Of thoughts, where they cost something else than answers.
    pub reasoning: Option<Rate>,
    /// Of all tokens of a request whose prompt is long.
    pub long: Option<LongPrice>,
}

impl PartialPrice {
    /// This, and where it says nothing, what another says.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            input: self.input.or(other.input),
            output: self.output.or(other.output),
            cache_read: self.cache_read.or(other.cache_read),
            cache_write: self.cache_write.or(other.cache_write),
            reasoning: self.reasoning.or(other.reasoning),
            long: self.long.or(other.long),
        }
    }

    /// A price, where at least prompts and answers have one.
    #[must_use]
    pub fn complete(self) -> Option<Price> {
        let Self { input, output, cache_read, cache_write, reasoning, long } = self;
        Some(Price { input: input?, output: output?, cache_read, cache_write, reasoning, long })
    }
}

impl From<Price> for PartialPrice {
    fn from(price: Price) -> Self {
        let Price { input, output, cache_read, cache_write, reasoning, long } = price;
        let (input, output) = (Some(input), Some(output));
        Self { input, output, cache_read, cache_write, reasoning, long }
    }
}

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawPrices {
    /// Version of this format; always 1.
    #[schemars(example = 1)]
    version: u64,
    /// By `<provider>/<model>`.
    #[schemars(example = json!({"openai/gpt-6-luna": {"input": 0.25, "output": 2.0}}))]
    models: BTreeMap<String, PartialPrice>,
}

/// Reads and checks a list of prices; what it leaves out of one is as the catalogue says.
pub(super) fn check(
    text: &str,
    env: Environment<'_>,
    catalog: &Catalog,
    problems: &mut Problems<'_>,
) -> BTreeMap<String, Price> {
    let Some((root, raw)) = read::<RawPrices>(text, env, "a list of prices", problems) else {
        return BTreeMap::new();
    };
    // What did not fit was left out, and is a problem already.
    let is_whole = problems.errors() == 0;
    check_version(&root, (raw.version, VERSION), problems);
    let mut prices = BTreeMap::new();
    for (id, said) in raw.models {
        let (provider, model) = id.split_once('/').unwrap_or((&id, ""));
        let known = catalog.find(provider, model).and_then(|row| row.abilities.price);
        let whole = said.over(known.map(PartialPrice::from).unwrap_or_default());
        if let Some(price) = whole.complete() {
            prices.insert(id, price);
            continue;
        }
        if !is_whole {
            continue;
        }
        let missing = if whole.input.is_none() { "input" } else { "output" };
        let message = format!("`{missing}` is missing, here and in the catalogue; write it");
        let path = ["models", &id];
        problems.error(root.line_of(&path), &path.join("."), message);
    }
    prices
}
