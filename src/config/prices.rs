//! What targets cost: `prices.yaml` beside the configuration.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::node::{self, Kind};
use super::problem::Problems;
use super::{Environment, shape};

/// The only version of the format so far.
const VERSION: u64 = 1;

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of a prompt.
    #[schemars(range(min = 0.0, max = 1_000_000.0), example = 0.25)]
    pub input: f64,
    /// Of an answer.
    #[schemars(range(min = 0.0, max = 1_000_000.0), example = 2.0)]
    pub output: f64,
}

impl Price {
    /// Of so many tokens read and written, in US dollars.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "tokens of one conversation")]
    pub fn of(self, read: u64, written: u64) -> f64 {
        (self.input * read as f64 + self.output * written as f64) / 1e6
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
    models: BTreeMap<String, Price>,
}

/// Reads and checks a list of prices.
pub(super) fn check(
    text: &str,
    env: Environment<'_>,
    problems: &mut Problems<'_>,
) -> BTreeMap<String, Price> {
    let before = problems.errors();
    let Some(root) = node::parse(text, env, problems) else { return BTreeMap::new() };
    if matches!(root.kind, Kind::Null) {
        problems.error(0, "", "the file is empty; remove it, or write `version: 1` and `models`");
        return BTreeMap::new();
    }
    let schema = schemars::schema_for!(RawPrices).to_value();
    let fitted = shape::fit(&root, &schema, problems);
    let raw: RawPrices = match serde_json::from_value(fitted) {
        Ok(raw) => raw,
        Err(_) if problems.errors() > before => return BTreeMap::new(),
        Err(error) => {
            problems.error(0, "", format!("not a list of prices: {error}"));
            return BTreeMap::new();
        }
    };
    if raw.version != VERSION {
        let message = format!("version `{}` is not known; write {VERSION}", raw.version);
        problems.error(root.line_of(&["version"]), "version", message);
    }
    raw.models
}
