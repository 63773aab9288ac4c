//! What stands in a row of the catalogue, as text.

use crate::config::{LongPrice, Modality, PartialPrice, Rate};

/// A key of a row and its value, as they stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Such as `price`.
    pub key: &'static str,
    /// Such as `{input: 2.5, output: 10}`.
    pub value: String,
}

/// The parts of a price, by their paths in a row.
pub(super) fn parts(price: &PartialPrice) -> [(&'static str, Option<String>); 10] {
    let rate = |rate: Option<Rate>| rate.map(|rate| rate.to_string());
    let long = |part: fn(&LongPrice) -> Option<Rate>| rate(price.long.as_ref().and_then(part));
    [
        ("price.input", rate(price.input)),
        ("price.output", rate(price.output)),
        ("price.cache_read", rate(price.cache_read)),
        ("price.cache_write", rate(price.cache_write)),
        ("price.reasoning", rate(price.reasoning)),
        ("price.long.above", price.long.map(|tier| tier.above.to_string())),
        ("price.long.input", long(|long| Some(long.input))),
        ("price.long.output", long(|long| Some(long.output))),
        ("price.long.cache_read", long(|long| long.cache_read)),
        ("price.long.cache_write", long(|long| long.cache_write)),
    ]
}

/// A price as one value: `{input: 2.5, output: 10, long: {above: 200000, input: 5, output: 15}}`, in US dollars for a million
/// tokens.
#[must_use]
pub fn price(price: &PartialPrice) -> String {
    let mut usual = Vec::new();
    let mut long = Vec::new();
    for (path, value) in parts(price) {
        let Some(value) = value else { continue };
        match path.strip_prefix("price.long.") {
            Some(key) => long.push(format!("{key}: {value}")),
            None => usual.push(format!("{}: {value}", path.trim_start_matches("price."))),
        }
    }
    if !long.is_empty() {
        usual.push(format!("long: {{{}}}", long.join(", ")));
    }
    format!("{{{}}}", usual.join(", "))
}

/// A list of kinds of content: `[text, image]`.
pub(super) fn modalities(modalities: &[Modality]) -> String {
    let labels: Vec<&str> = modalities.iter().map(|modality| modality.label()).collect();
    format!("[{}]", labels.join(", "))
}

/// A text as YAML reads it back: as it is where that is safe, and else in quotation marks.
pub(super) fn plain(text: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "._/-:".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let word =
        ["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if begins && !word && !text.ends_with(':') && text.chars().all(is_safe) {
        return text.to_owned();
    }
    // A JSON text is a YAML text too.
    serde_json::Value::from(text).to_string()
}
