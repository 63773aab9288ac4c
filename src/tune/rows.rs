//! Labelled prompts to judge with: one JSON object a line, `{"text", "label"}`. Further keys are kept, to select and slice by.
//! A row may have `messages`, a conversation in OpenAI's form, in place of `text`.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

/// The label of prompts that belong to none of the labels; `null` says the same.
pub const OUT_OF_SCOPE: &str = "oos";

/// A labelled prompt.
#[derive(Debug, Clone)]
pub struct Row {
    /// The prompt; empty when the row has `messages` instead.
    pub text: String,
    /// What is right; nothing when the prompt is out of scope.
    pub label: Option<String>,
    /// Further labels that count as right.
    pub accept: Vec<String>,
    /// All other keys.
    pub fields: Map<String, Value>,
    /// Where it is written.
    pub place: Place,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As the person named it.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A line that is no labelled prompt.
#[derive(Debug, Error)]
#[error(r#"{place}: expected {{"text": "...", "label": "..."}}: {reason}"#)]
pub struct RowError {
    /// Which line.
    pub place: Place,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Deserialize)]
struct Raw {
    text: Option<String>,
    // Named, so that a missing label is an error and only a written `null` means out of scope.
    #[serde(deserialize_with = "Option::deserialize")]
    label: Option<String>,
    #[serde(default)]
    accept: Option<Vec<String>>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// Reads the lines of a file; empty ones are passed over.
///
/// # Errors
/// Names the first line that is no labelled prompt.
pub fn parse(file: &str, text: &str) -> Result<Vec<Row>, RowError> {
    let file: Arc<str> = file.into();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| row(line, Place { file: Arc::clone(&file), line: at + 1 })).collect()
}

fn row(line: &str, place: Place) -> Result<Row, RowError> {
    let Raw { text, label, accept, fields } = match serde_json::from_str(line) {
        Ok(raw) => raw,
        Err(error) => {
            // serde_json counts lines too, and each of ours is its first.
            let said = error.to_string();
            let reason = said.split(" at line ").next().unwrap_or_default().to_owned();
            return Err(RowError { place, reason });
        }
    };
    let label = label.filter(|label| label != OUT_OF_SCOPE);
    let (has_text, text) = (text.is_some(), text.unwrap_or_default());
    let row = Row { text, label, accept: accept.unwrap_or_default(), fields, place };
    if has_text || row.messages().is_some() {
        Ok(row)
    } else {
        Err(RowError { place: row.place, reason: "missing field `text`".to_owned() })
    }
}

impl Row {
    /// The conversation, where the row has one.
    #[must_use]
    pub fn messages(&self) -> Option<&Value> {
        self.fields.get("messages").filter(|messages| messages.is_array())
    }

    /// The value of a key as text, `label` among them; nothing when the row lacks it.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<Cow<'_, str>> {
        match (field, self.fields.get(field)) {
            ("label", _) => Some(self.label.as_deref().unwrap_or(OUT_OF_SCOPE).into()),
            (_, Some(Value::String(text))) => Some(text.into()),
            (_, Some(other)) => Some(other.to_string().into()),
            (_, None) => None,
        }
    }

    /// The same, for groups and slices: rows that lack the key belong together.
    #[must_use]
    pub fn group(&self, field: &str) -> Cow<'_, str> {
        self.value(field).unwrap_or(Cow::Borrowed("-"))
    }
}

/// Which rows of a file to take: `FIELD=VALUE` or `FIELD!=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    field: String,
    value: String,
    takes_equal: bool,
}

/// A filter that says nothing.
#[derive(Debug, Error)]
#[error("expected FIELD=VALUE or FIELD!=VALUE, such as `split=train`")]
pub struct FilterError;

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let (field, value) = text.split_once('=').ok_or(FilterError)?;
        let (field, takes_equal) = match field.strip_suffix('!') {
            Some(field) => (field, false),
            None => (field, true),
        };
        if field.is_empty() {
            return Err(FilterError);
        }
        Ok(Self { field: field.to_owned(), value: value.to_owned(), takes_equal })
    }
}

impl Filter {
    /// Whether a row is taken. One that lacks the key equals nothing.
    #[must_use]
    pub fn takes(&self, row: &Row) -> bool {
        let equal = row.value(&self.field).is_some_and(|value| value == self.value);
        equal == self.takes_equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = concat!(
        r#"{"text":"a","label":"x","accept":["y"],"split":"train","n":3}"#,
        "\n\n",
        r#"{"text":"b","label":null,"accept":null,"ok":true}"#,
        "\n",
        r#"{"text":"c","label":"oos"}"#,
    );

    #[test]
    fn rows_keep_their_place_and_their_further_keys() {
        let rows = parse("f", LINES).expect("rows");
        let places: Vec<String> = rows.iter().map(|row| row.place.to_string()).collect();
        assert_eq!(places, ["f:1", "f:3", "f:4"]);
        assert_eq!(rows[0].accept, ["y"]);
        assert_eq!(rows[0].value("n").as_deref(), Some("3"));
        assert_eq!(rows[1].value("ok").as_deref(), Some("true"));
        assert_eq!((rows[1].value("n"), &*rows[1].group("n")), (None, "-"));
    }

    #[test]
    fn a_null_label_and_oos_are_out_of_scope() {
        let rows = parse("f", LINES).expect("rows");
        assert_eq!(rows[0].label.as_deref(), Some("x"));
        assert_eq!((&rows[1].label, &rows[2].label), (&None, &None));
        assert_eq!(rows[1].value("label").as_deref(), Some("oos"));
    }

    #[test]
    fn a_conversation_stands_for_a_text() {
        let line = r#"{"messages":[{"role":"user","content":"a"}],"label":"x"}"#;
        let rows = parse("f", line).expect("rows");
        assert!(rows[0].text.is_empty() && rows[0].messages().is_some());
        let without = parse("f", r#"{"text":"a","messages":null,"label":"x"}"#).expect("rows");
        assert!(without[0].messages().is_none());
    }

    #[test]
    fn a_bad_line_is_named() {
        let check = |text: &str, expected: &str| {
            let said = parse("some/f.jsonl", text).expect_err("a bad line").to_string();
            assert!(said.contains(expected), "{said}");
        };
        let good = r#"{"text":"a","label":"x"}"#;
        check(&format!("{good}\n{{\"text\":\"b\"}}"), "some/f.jsonl:2: ");
        check(r#"{"text":"b"}"#, "missing field `label`");
        check(r#"{"label":"b"}"#, "missing field `text`");
        check(r#"{"label":"b","messages":"hi"}"#, "missing field `text`");
        check(r#"{"text":"b","label":3}"#, "invalid type: integer");
        check("text,label", "expected ident");
    }

    #[test]
    fn filters_take_equal_or_other_rows() {
        let rows = parse("f", LINES).expect("rows");
        let taken = |filter: &str| {
            let filter: Filter = filter.parse().expect("a filter");
            rows.iter().filter(|row| filter.takes(row)).map(|row| row.text.as_str()).collect()
        };
        let check = |filter: &str, expected: &str| {
            let texts: String = taken(filter);
            assert_eq!(texts, expected, "{filter}");
        };
        check("split=train", "a");
        check("split!=train", "bc");
        check("n=3", "a");
        check("label=oos", "bc");
        check("label!=x", "bc");
        for wrong in ["split", "=train", "!=train"] {
            assert!(wrong.parse::<Filter>().is_err(), "{wrong}");
        }
    }
}
