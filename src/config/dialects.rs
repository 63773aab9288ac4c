//! Which dialects there are, and where providers and models of one differ: `dialects.yaml` beside the configuration, or else the table
//! that is part of the program.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::manner::Manner;
use super::node::{self, Node};
use super::problem::Problems;
use super::raw_dialects::{RawField, RawManner, RawProtocol};
use super::{Dialect, Environment, shape};

/// The table that is part of the program.
pub(super) const SHIPPED: &str = include_str!("../../rules/dialects.yaml");
/// The only version of the format so far.
const VERSION: u64 = 1;

/// How a provider is spoken to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Speech {
    /// Its name in the table.
    pub name: String,
    /// The wire format.
    pub protocol: Dialect,
    /// Where it is served when the configuration does not say; `{region}` and the like are filled in.
    pub base_url: Option<String>,
    /// What follows the base URL, where it is not as the wire format has it.
    pub path: Option<String>,
    /// The header that carries the key; `authorization` carries it behind `Bearer `.
    pub key_header: String,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// Its models.
    pub models: Models,
}

/// How the models of a provider are spoken to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Models {
    all: Variant,
    /// The later ones over the earlier ones.
    some: Vec<(Vec<String>, Variant)>,
}

/// Where some models differ.
#[derive(Debug, Clone, Default, PartialEq)]
struct Variant {
    manner: RawManner,
    fields: Vec<(String, FieldRule)>,
    only: Vec<String>,
}

/// What happens to a field of a body before it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldRule {
    /// It is left out.
    Drop,
    /// It has another name.
    Rename(String),
    /// A number is brought into a range.
    Range {
        /// At least.
        least: Option<f64>,
        /// At most.
        most: Option<f64>,
    },
    /// A word has another one.
    Words(Vec<(String, String)>),
    /// A list has so many items at most.
    Items(usize),
}

/// How one model is spoken to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Habits {
    /// What has no rule for a single field.
    pub manner: Manner,
    /// By the path of a field in the written body, such as `temperature` or `generationConfig.topK`. Of two rules for one field
    /// the later one counts.
    pub fields: Vec<(String, FieldRule)>,
    /// The only top-level fields that are taken; empty where all are.
    pub only: Vec<String>,
}

impl Speech {
    /// A wire format as it is, with nothing known of the provider.
    #[must_use]
    pub fn plain(protocol: Dialect) -> Self {
        let name = protocol.label().to_owned();
        Self { name, protocol, key_header: "authorization".to_owned(), ..Self::default() }
    }

    /// How a model is spoken to.
    #[must_use]
    pub fn habits(&self, model: &str) -> Habits {
        let fitting = self.models.some.iter().filter(|(patterns, _)| {
            let bare = model.rsplit('/').next().unwrap_or(model);
            patterns.iter().any(|pattern| fits(pattern, model) || fits(pattern, bare))
        });
        let mut habits = Habits::default();
        for variant in std::iter::once(&self.models.all).chain(fitting.map(|(_, variant)| variant))
        {
            variant.manner.apply(&mut habits.manner);
            habits.fields.extend(variant.fields.iter().cloned());
            if !variant.only.is_empty() {
                habits.only.clone_from(&variant.only);
            }
        }
        habits
    }
}

/// Whether a pattern with `*` fits a name.
fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    let mut rest = rest;
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

/// Every dialect by name.
pub(super) type Dialects = BTreeMap<String, Speech>;

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawDialects {
    /// Version of this format; always 1.
    #[schemars(example = 1)]
    version: u64,
    /// By the name that a provider's `dialect` gives.
    #[schemars(example = json!({"openai": {"speaks": "openai"}}))]
    dialects: BTreeMap<String, RawSpeech>,
    /// Where some models differ.
    #[serde(default)]
    models: Vec<RawModels>,
}

/// How a kind of provider is spoken to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawSpeech {
    /// The wire format.
    #[schemars(example = &"openai")]
    speaks: RawProtocol,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    key_header: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    manner: RawManner,
    #[serde(default)]
    fields: BTreeMap<String, RawField>,
    #[serde(default)]
    only: Vec<String>,
}

/// Where some models differ.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawModels {
    /// Patterns of names, with `*`; a name is also tried without what stands before its last `/`.
    #[schemars(example = json!(["gpt-*"]))]
    named: Vec<String>,
    /// The dialects in which they are met.
    #[schemars(example = json!(["openai"]))]
    at: Vec<String>,
    #[serde(default)]
    manner: RawManner,
    #[serde(default)]
    fields: BTreeMap<String, RawField>,
    #[serde(default)]
    only: Vec<String>,
}

/// Reads and checks a table; nothing when there is at least one error among the problems.
pub(super) fn check(
    text: &str,
    env: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<Dialects> {
    let before = problems.errors();
    let root = node::parse(text, env, problems)?;
    let fitted = shape::fit(&root, &schemars::schema_for!(RawDialects).to_value(), problems);
    let raw: RawDialects = match serde_json::from_value(fitted) {
        Ok(raw) => raw,
        Err(_) if problems.errors() > before => return None,
        Err(error) => {
            problems.error(0, "", format!("not a table of dialects: {error}"));
            return None;
        }
    };
    if raw.version != VERSION {
        let message = format!("version `{}` is not known; write {VERSION}", raw.version);
        problems.error(root.line_of(&["version"]), "version", message);
    }
    let read = |(name, row): (String, RawSpeech)| {
        let place = ["dialects", &name, "fields"];
        let fields = rules(row.fields, (&root, &place), problems);
        let all = Variant { manner: row.manner, fields, only: row.only };
        let speech = Speech {
            name: name.clone(),
            protocol: row.speaks.dialect(),
            base_url: row.base_url,
            path: row.path,
            key_header: row.key_header.unwrap_or_else(|| "authorization".to_owned()),
            headers: row.headers.into_iter().collect(),
            models: Models { all, some: Vec::new() },
        };
        (name, speech)
    };
    let mut dialects: Dialects = raw.dialects.into_iter().map(read).collect();
    for (at, row) in raw.models.into_iter().enumerate() {
        let step = super::check::step(at);
        let fields = rules(row.fields, (&root, &["models", &step, "fields"]), problems);
        let variant = Variant { manner: row.manner, fields, only: row.only };
        for name in row.at {
            match dialects.get_mut(&name) {
                Some(speech) => speech.models.some.push((row.named.clone(), variant.clone())),
                None => {
                    let message = format!("`{name}` is not among the dialects of this file");
                    problems.error(root.line_of(&["models", &step, "at"]), "at", message);
                }
            }
        }
    }
    (problems.errors() == before).then_some(dialects)
}

fn rules(
    raw: BTreeMap<String, RawField>,
    (root, place): (&Node, &[&str]),
    problems: &mut Problems<'_>,
) -> Vec<(String, FieldRule)> {
    let mut rules = Vec::new();
    for (field, written) in raw {
        match written.rule() {
            Some(rule) => rules.push((field, rule)),
            None => {
                let line = root.line_of(&[place, &[&field]].concat());
                let wanted = "drop, rename, words, items, or least and most";
                problems.error(line, &field, format!("write exactly one of {wanted}"));
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name, expected) in [
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "gpt-5.1", false),
            ("gpt-5*", "gpt-5.1", true),
            ("*-chat*", "gpt-5-chat-latest", true),
            ("claude-*-4-1*", "claude-opus-4-1-20250805", true),
            ("o*-mini", "o4-mini", true),
            ("o*-mini", "o4-mini-high", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn later_rows_stand_above_earlier_ones() {
        let text = r#"
version: 1
dialects:
  here: {speaks: openai, manner: {tool_ids: nine}, fields: {seed: {rename: random_seed}}}
models:
  - {named: ["a*"], at: [here], fields: {temperature: {least: 0, most: 1}}}
  - {named: ["ab"], at: [here], manner: {tool_ids: plain}, only: [model]}
"#;
        let mut problems = Problems::new(std::path::Path::new("dialects.yaml"));
        let dialects = check(text, &|_| None, &mut problems).expect("a good table");
        let here = &dialects["here"];
        assert_eq!(here.habits("b").fields.len(), 1);
        let both = here.habits("vendor/ab");
        assert_eq!((both.fields.len(), both.only.as_slice()), (2, ["model".to_owned()].as_slice()));
        assert_eq!(both.manner.tool_ids, super::super::ToolIds::Plain);
        assert_eq!(here.habits("ax").manner.tool_ids, super::super::ToolIds::Nine);
    }

    #[test]
    fn the_shipped_table_is_good() {
        let mut problems = Problems::new(std::path::Path::new("dialects.yaml"));
        assert!(check(SHIPPED, &|_| None, &mut problems).is_some(), "{:?}", problems.found);
    }
}
