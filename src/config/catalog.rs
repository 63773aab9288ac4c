//! What is known of models before anybody says anything: `catalog.yaml`, by their names.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::abilities::ordered;
use super::listed::{check_version, read};
use super::problem::{Problems, join};
use super::{Abilities, ConfigError, Date, Effort, Environment, Modality, PartialPrice, Sampling};

/// The catalogue of a gateway without a file.
pub(super) const SHIPPED: &str = include_str!("../../rules/catalog.yaml");
/// The only version of the format so far.
const VERSION: u64 = 1;

/// What is known of models.
#[derive(Debug, Default)]
pub struct Catalog {
    rows: Vec<CatalogRow>,
    /// The row of every name without a `*`.
    exact: BTreeMap<String, usize>,
    /// Names with a `*` and their rows, those with the most other characters first.
    patterns: Vec<(String, usize)>,
}

/// What is known of one model, or of a family of them.
#[derive(Debug, Clone)]
pub struct CatalogRow {
    /// Its key in the file.
    pub name: String,
    /// Other names of the same model.
    pub names: Vec<String>,
    /// What it can do, and what it costs.
    pub abilities: Abilities,
    /// When somebody last looked.
    pub as_of: Date,
    /// Where.
    pub source: String,
    /// Counted from 1.
    pub line: usize,
}

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawCatalog {
    /// Version of this format; always 1.
    #[schemars(example = 1)]
    version: u64,
    /// By the model's name.
    #[schemars(example = json!({"gpt-6-luna": {"as_of": "2026-11-24", "source": "https://example.com"}}))]
    models: BTreeMap<String, RawRow>,
}

/// What is known of one model. What nobody knows is left out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawRow {
    /// Other names of the same model.
    #[serde(default)]
    names: Vec<String>,
    /// Tokens that it can read, its answer included.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    context: Option<u64>,
    /// Tokens that it can write.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    max_output: Option<u64>,
    /// Tokens to allow it where the caller allows any number and its dialect wants one.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    default_max_tokens: Option<u64>,
    /// What it reads.
    input: Option<Vec<Modality>>,
    /// What it answers in.
    output: Option<Vec<Modality>>,
    /// Whether it calls tools.
    tools: Option<bool>,
    /// Whether it calls several tools at once.
    parallel_tools: Option<bool>,
    /// Whether it answers in a JSON schema.
    json_schema: Option<bool>,
    /// Whether it goes on with an answer that the conversation ends with.
    prefill: Option<bool>,
    /// How hard it can be asked to think; an empty list where it does not think.
    reasoning: Option<Vec<Effort>>,
    /// Which parameters of sampling it takes.
    sampling: Option<Sampling>,
    /// Whether it tells the probabilities of its tokens.
    logprobs: Option<bool>,
    /// Most answers to one request.
    #[schemars(range(min = 1, max = 1024))]
    choices: Option<u64>,
    /// What it costs.
    price: Option<PartialPrice>,
    /// The day from which it may no longer be there.
    deprecated: Option<String>,
    /// When somebody last looked.
    #[schemars(example = json!("2026-11-24"))]
    as_of: String,
    /// Where.
    #[schemars(example = json!("https://example.com/models"))]
    source: String,
}

/// Reads and checks a catalogue.
pub(super) fn check(text: &str, env: Environment<'_>, problems: &mut Problems<'_>) -> Catalog {
    let Some((root, raw)) = read::<RawCatalog>(text, env, "a catalogue of models", problems) else {
        return Catalog::default();
    };
    check_version(&root, (raw.version, VERSION), problems);
    let mut catalog = Catalog::default();
    let mut rows: Vec<(usize, String, RawRow)> = raw
        .models
        .into_iter()
        .map(|(name, row)| (root.line_of(&["models", &name]), name, row))
        .collect();
    rows.sort_by_key(|(line, ..)| *line);
    for (line, name, raw_row) in rows {
        let mut complain = |key: &str, message: String| {
            let path = ["models", &name, key];
            let at = root.line_of(&path).max(line);
            let full = path.iter().fold(String::new(), |path, step| join(&path, step));
            problems.error(at, &full, message);
        };
        let row = checked((line, &name), raw_row, &mut complain);
        if let Some(earlier) = catalog.add(row) {
            complain("names", earlier);
        }
    }
    catalog.patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.replace('*', "").len()));
    catalog
}

fn checked(
    (line, name): (usize, &str),
    raw: RawRow,
    complain: &mut dyn FnMut(&str, String),
) -> CatalogRow {
    let mut date = |key: &str, text: &str| {
        let date = Date::parse(text);
        if date.is_none() {
            complain(key, format!("`{text}` is no day; write it as 2026-12-01"));
        }
        date
    };
    let as_of = date("as_of", &raw.as_of).unwrap_or(Date::EPOCH);
    let deprecated = raw.deprecated.as_deref().and_then(|text| date("deprecated", text));
    let price = raw.price.map(|price| (price, price.complete()));
    if matches!(price, Some((_, None))) {
        complain("price", "has to have at least `input` and `output`".to_owned());
    }
    let reads = |modality| raw.input.as_ref().map(|input| input.contains(&modality));
    let abilities = Abilities {
        context: raw.context,
        max_output: raw.max_output,
        default_max_tokens: raw.default_max_tokens,
        images: reads(Modality::Image),
        audio: reads(Modality::Audio),
        files: reads(Modality::File),
        output: raw.output,
        tools: raw.tools,
        parallel_tools: raw.parallel_tools,
        json_schema: raw.json_schema,
        prefill: raw.prefill,
        reasoning: raw.reasoning.as_deref().map(ordered),
        sampling: raw.sampling,
        logprobs: raw.logprobs,
        choices: raw.choices,
        deprecated,
        price: price.and_then(|(_, complete)| complete),
    };
    let (name, names, source) = (name.to_owned(), raw.names, raw.source);
    CatalogRow { name, names, abilities, as_of, source, line }
}

impl Catalog {
    /// From the text of a file.
    ///
    /// # Errors
    /// All problems at once.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut problems = Problems::new(path);
        let catalog = check(text, &|_| None, &mut problems);
        if problems.found.is_empty() {
            Ok(catalog)
        } else {
            Err(ConfigError { problems: problems.found })
        }
    }

    /// Whether a row has this name, exactly.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.exact.contains_key(name)
    }

    /// Every row, in file order.
    #[must_use]
    pub fn rows(&self) -> &[CatalogRow] {
        &self.rows
    }

    /// What is known of a model at a provider. A row for this provider stands above one for the model anywhere, and an exact
    /// name above a pattern.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str) -> Option<&CatalogRow> {
        let at = format!("{provider}/{model}");
        self.named(&[&at, model, last(model)])
    }

    /// What is known under a name, as somebody would type it: a target, or a model.
    #[must_use]
    pub fn named_as(&self, name: &str) -> Option<&CatalogRow> {
        let model = name.split_once('/').map_or(name, |(_, model)| model);
        self.named(&[name, model, last(name)])
    }

    fn named(&self, names: &[&str]) -> Option<&CatalogRow> {
        let exact = names.iter().find_map(|name| self.exact.get(*name));
        let fits = |pattern: &str| names.iter().any(|name| is_like(pattern, name));
        let found = exact.or_else(|| {
            self.patterns.iter().find(|(pattern, _)| fits(pattern)).map(|(_, at)| at)
        })?;
        self.rows.get(*found)
    }

    /// Adds a row; a name that another row has is a complaint.
    fn add(&mut self, row: CatalogRow) -> Option<String> {
        let place = self.rows.len();
        let mut complaint = None;
        for name in std::iter::once(&row.name).chain(&row.names) {
            let earlier = if name.contains('*') {
                let known = self.patterns.iter().find(|(pattern, _)| pattern == name);
                let earlier = known.map(|(_, at)| *at);
                self.patterns.push((name.clone(), place));
                earlier
            } else {
                self.exact.insert(name.clone(), place)
            };
            if let Some(other) = earlier.and_then(|at| self.rows.get(at)) {
                complaint = Some(format!("`{name}` is also a name of `{}`; keep one", other.name));
            }
        }
        self.rows.push(row);
        complaint
    }
}

/// The name of a model without who serves or made it.
fn last(model: &str) -> &str {
    model.rsplit_once('/').map_or(model, |(_, name)| name)
}

/// Whether a name fits a pattern, in which each `*` stands for any characters.
#[must_use]
pub fn is_like(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Catalog, Vec<String>) {
        let mut problems = Problems::new(Path::new("c"));
        let catalog = check(text, &|_| None, &mut problems);
        (catalog, problems.found.iter().map(ToString::to_string).collect())
    }

    /// A row a line: its key, and what stands before the provenance.
    fn catalog(rows: &[(&str, &str)]) -> Catalog {
        let row = |(name, fields): &(&str, &str)| {
            format!("  '{name}': {{{fields} as_of: 2026-11-01, source: here}}\n")
        };
        let text: String = rows.iter().map(row).collect();
        let (catalog, problems) = parse(&format!("version: 1\nmodels:\n{text}"));
        assert_eq!(problems, [""; 0]);
        catalog
    }

    #[test]
    fn the_nearest_row_is_found() {
        let catalog = catalog(&[
            ("fast/org/small", "context: 1,"),
            ("org/small", "context: 2,"),
            ("small", "context: 3,"),
            ("small-*", "context: 4,"),
            ("small-*-max", "context: 5,"),
            ("fast/*", "context: 6,"),
            ("big", "names: [big-latest, 'big-2*'], context: 7,"),
        ]);
        let check = |provider: &str, model: &str, expected: Option<u64>| {
            let found = catalog.find(provider, model);
            let context = found.and_then(|row| row.abilities.context);
            assert_eq!(context, expected, "{provider} {model}");
        };
        check("fast", "org/small", Some(1));
        check("slow", "org/small", Some(2));
        check("slow", "other/small", Some(3));
        check("slow", "small", Some(3));
        check("slow", "small-x", Some(4));
        check("slow", "small-x-max", Some(5));
        check("fast", "small", Some(3));
        check("fast", "small-x-max", Some(5));
        check("fast", "anything", Some(6));
        check("slow", "big-latest", Some(7));
        check("slow", "big-20261101", Some(7));
        check("slow", "big-1", None);
        check("slow", "smal", None);
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(is_like(pattern, name), expected, "{pattern} {name}");
        };
        check("a", "a", true);
        check("a", "ab", false);
        check("a*", "a", true);
        check("a*", "ba", false);
        check("*b", "ab", true);
        check("*b", "ba", false);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("*", "", true);
        check("a*a", "a", false);
    }

    #[test]
    fn every_field_is_read() {
        let (catalog, problems) = parse(
            "version: 1
models:
  all:
    context: 200000
    max_output: 64000
    default_max_tokens: 4096
    input: [text, image]
    output: [text, audio]
    tools: true
    parallel_tools: false
    json_schema: true
    prefill: false
    reasoning: [high, none, low, high]
    sampling: without_reasoning
    logprobs: false
    choices: 1
    price: {input: 2.5, output: 15, cache_read: 0.25, cache_write: 3.125, reasoning: 15,
            long: {above: 200000, input: 5, output: 22.5}}
    deprecated: 2027-01-31
    as_of: 2026-11-24
    source: https://example.com/models
",
        );
        assert_eq!(problems, [""; 0]);
        let row = catalog.named_as("all").expect("a row");
        let can = &row.abilities;
        assert_eq!((can.context, can.max_output), (Some(200_000), Some(64_000)));
        assert_eq!((can.default_max_tokens, can.choices), (Some(4_096), Some(1)));
        assert_eq!((can.images, can.audio, can.files), (Some(true), Some(false), Some(false)));
        assert_eq!(can.output, Some(vec![Modality::Text, Modality::Audio]));
        assert_eq!((can.tools, can.parallel_tools), (Some(true), Some(false)));
        assert_eq!(
            (can.json_schema, can.prefill, can.logprobs),
            (Some(true), Some(false), Some(false))
        );
        assert_eq!(can.reasoning, Some(vec![Effort::None, Effort::Low, Effort::High]));
        assert_eq!(can.sampling, Some(Sampling::WithoutReasoning));
        assert_eq!(can.deprecated, Date::parse("2027-01-31"));
        let price = can.price.expect("a price");
        assert_eq!(price.cache_write.map(|rate| rate.to_string()), Some("3.125".to_owned()));
        // Above the tier, every token costs more: 250,000 read at 5 and 1,000 written at 22.5 dollars a million.
        assert!((price.of(250_000, 1_000) - 1.2725).abs() < 1e-9, "{price:?}");
        assert!((price.of(200_000, 1_000) - 0.515).abs() < 1e-9, "{price:?}");
        assert_eq!(
            (row.as_of.to_string().as_str(), row.source.as_str()),
            ("2026-11-24", "https://example.com/models")
        );
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_place() {
        let (_, problems) = parse(
            "version: 2
models:
  a: {contxt: 1, as_of: 2026-11-24, source: x}
  b: {sampling: always, as_of: 2026-02-30, source: x}
  c: {price: {input: 1}, deprecated: soon, as_of: 2026-11-24, source: x}
  d: {names: [c, e], as_of: 2026-11-24, source: x}
  e: {price: {input: -1, output: 2}, source: x}
",
        );
        assert_eq!(
            problems,
            [
                "c:3: models.a.contxt: unknown key; did you mean `context`?",
                "c:4: models.b.sampling: `always` is unknown; known here: any, one, without_reasoning, fixed",
                "c:7: models.e.price.input: `-1` is too small; at least 0",
                "c:7: models.e.as_of: missing; write it, such as `as_of: \"2026-11-24\"`",
            ]
        );
        let (_, told) = parse(
            "version: 2
models:
  b: {as_of: 2026-02-30, source: x}
  c: {price: {input: 1}, deprecated: soon, as_of: 2026-11-24, source: x}
  d: {names: [c, e], as_of: 2026-11-24, source: x}
",
        );
        assert_eq!(
            told,
            [
                "c:1: version: version `2` is not known; write 1",
                "c:3: models.b.as_of: `2026-02-30` is no day; write it as 2026-12-01",
                "c:4: models.c.deprecated: `soon` is no day; write it as 2026-12-01",
                "c:4: models.c.price: has to have at least `input` and `output`",
                "c:5: models.d.names: `c` is also a name of `c`; keep one",
            ]
        );
    }

    #[test]
    fn the_shipped_catalogue_is_good() {
        let (catalog, problems) = parse(SHIPPED);
        assert_eq!(problems, [""; 0]);
        assert!(catalog.rows().len() > 40, "{}", catalog.rows().len());
        for row in catalog.rows() {
            assert!(row.source.starts_with("https://"), "{}: {}", row.name, row.source);
        }
    }
}
