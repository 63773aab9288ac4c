//! Changes written into the text of a catalogue. Everything else of it stays as it is: order, comments, spaces.
//!
//! A row is a key with two spaces before it, its fields have four, as in the shipped file. What is written otherwise is
//! refused, and whoever calls reads the result again before it is kept.

use std::ops::Range;

use thiserror::Error;

use super::fact::{Fact, plain};
use super::merge::Change;
use crate::config::Date;

/// Spaces before a row's key.
const ROW: usize = 2;
/// Spaces before a field's key.
const FIELD: usize = 4;

/// A row that is not written as rows are.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EditError {
    /// It cannot be found.
    #[error("no line `  {0}:` begins a row; write every row with two spaces before its name")]
    Missing(String),
    /// It stands on one line.
    #[error(
        "`{0}` is written on one line; write each field on a line of its own, behind four spaces"
    )]
    OneLine(String),
}

/// The catalogue with these changes, which are of today.
///
/// # Errors
/// When a row is written in a way that only a person can edit.
pub fn apply(text: &str, changes: &[Change], today: Date) -> Result<String, EditError> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for change in changes {
        let as_of = Fact { key: "as_of", value: today.to_string() };
        let source = Fact { key: "source", value: plain(&change.source) };
        let facts = change.facts.iter().chain([&as_of, &source]);
        if change.is_new {
            add_row(&mut lines, &change.name, facts);
        } else {
            let start = begin(&lines, &change.name)?;
            facts.for_each(|fact| set(&mut lines, start, fact));
        }
    }
    let mut edited = lines.join("\n");
    edited.push('\n');
    Ok(edited)
}

/// The line of a row's key.
fn begin(lines: &[String], name: &str) -> Result<usize, EditError> {
    let is_row = |line: &String| key_of(line, ROW).is_some_and(|(key, _)| key == name);
    let start = lines.iter().position(is_row).ok_or_else(|| EditError::Missing(name.to_owned()))?;
    let rest = lines.get(start).and_then(|line| key_of(line, ROW)).map(|(_, rest)| rest);
    match rest.map(str::trim) {
        Some("") => Ok(start),
        Some(comment) if comment.starts_with('#') => Ok(start),
        Some(_) | None => Err(EditError::OneLine(name.to_owned())),
    }
}

/// The line behind a row's last field; comments and empty lines behind it belong to what follows.
fn end(lines: &[String], start: usize) -> usize {
    let mut last = start;
    for (at, line) in lines.iter().enumerate().skip(start + 1) {
        if is_silent(line) {
            continue;
        }
        if indent(line) < FIELD {
            break;
        }
        last = at;
    }
    last + 1
}

/// Sets a field of a row, where it stands or else before `as_of`, which ends a row with its source.
fn set(lines: &mut Vec<String>, start: usize, fact: &Fact) {
    let row = start + 1..end(lines, start);
    let Some(at) = place_of(fact.key, lines, &row) else {
        let before = place_of("as_of", lines, &row).unwrap_or(row.end);
        lines.insert(before, field(fact));
        return;
    };
    // A value may go on over several lines, which are deeper.
    let others = lines.iter().take(row.end).skip(at + 1);
    let last = at + others.take_while(|other| indent(other) > FIELD).count();
    let old = lines.get(at..=last).unwrap_or_default();
    let comment = old.iter().rev().find_map(|line| comment_of(line)).unwrap_or_default();
    let new = format!("{}{comment}", field(fact));
    lines.splice(at..=last, [new]);
}

/// The line of a field.
fn place_of(key: &str, lines: &[String], row: &Range<usize>) -> Option<usize> {
    let is_it = |line: &String| key_of(line, FIELD).is_some_and(|(known, _)| known == key);
    lines.iter().take(row.end).skip(row.start).position(is_it).map(|at| row.start + at)
}

/// What stands behind a value, with the spaces before it.
fn comment_of(line: &str) -> Option<&str> {
    let (value, _) = line.split_once(" #")?;
    line.get(value.trim_end().len()..)
}

fn add_row<'a>(lines: &mut Vec<String>, name: &str, facts: impl Iterator<Item = &'a Fact>) {
    lines.push(format!("{}{}:", " ".repeat(ROW), plain(name)));
    lines.extend(facts.map(field));
}

fn field(fact: &Fact) -> String {
    format!("{}{}: {}", " ".repeat(FIELD), fact.key, fact.value)
}

/// A line's key and what stands behind its colon, where it has exactly so many spaces before it.
fn key_of(line: &str, spaces: usize) -> Option<(String, &str)> {
    if is_silent(line) || indent(line) != spaces {
        return None;
    }
    let text = line.trim_start();
    let quote = text.chars().next().filter(|first| ['"', '\''].contains(first));
    match quote {
        None => text.split_once(':').map(|(key, rest)| (key.trim_end().to_owned(), rest)),
        Some(quote) => {
            let (key, rest) = text.strip_prefix(quote)?.split_once(quote)?;
            Some((key.to_owned(), rest.trim_start().strip_prefix(':')?))
        }
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Neither key nor value.
fn is_silent(line: &str) -> bool {
    let text = line.trim_start();
    text.is_empty() || text.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "models:
  'a:free':   # quoted
    price: {input: 1,
      output: 2}  # dear
    # a word on the day
    as_of: 2026-01-01
    source: x

  # of b
  b: {as_of: 2026-01-01, source: x}
";

    fn change(name: &str, facts: &[(&'static str, &str)]) -> Change {
        let fact = |(key, value): &(&'static str, &str)| Fact { key, value: (*value).to_owned() };
        Change {
            name: name.to_owned(),
            is_new: false,
            fields: Vec::new(),
            facts: facts.iter().map(fact).collect(),
            source: "list of mine".to_owned(),
            doubt: None,
        }
    }

    fn edited(change: &Change) -> Result<String, EditError> {
        apply(TEXT, std::slice::from_ref(change), Date::parse("2026-11-24").expect("a day"))
    }

    #[test]
    fn comments_order_and_spaces_stay() {
        let facts = [("price", "{input: 3, output: 2}"), ("context", "9")];
        let expected = TEXT
            .replace("{input: 1,\n      output: 2}  # dear", "{input: 3, output: 2}  # dear")
            .replace("    # a word on the day\n    as_of: 2026-01-01\n    source: x\n",
                "    # a word on the day\n    context: 9\n    as_of: 2026-11-24\n    source: \"list of mine\"\n");
        assert_eq!(edited(&change("a:free", &facts)), Ok(expected));
    }

    #[test]
    fn a_new_row_stands_at_the_end() {
        let row = "  c/d:\n    context: 9\n    as_of: 2026-11-24\n    source: \"list of mine\"\n";
        assert_eq!(
            edited(&Change { is_new: true, ..change("c/d", &[("context", "9")]) }),
            Ok(format!("{TEXT}{row}"))
        );
    }

    #[test]
    fn what_only_a_person_can_edit_is_refused() {
        let check = |name: &str, expected: EditError| {
            assert_eq!(edited(&change(name, &[])), Err(expected));
        };
        check("b", EditError::OneLine("b".to_owned()));
        check("price", EditError::Missing("price".to_owned()));
    }
}
