//! Labelled prompts: one JSON object a line, `{"text", "label"}`; further keys are kept for others and ignored here.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::node::Node;
use super::problem::{Problems, did_you_mean};
use super::{Example, Origin, Problem, QueryType};

/// Longest accepted text of an example, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Fewest examples with which a query type can be told from its neighbours.
const FEWEST_PER_TYPE: usize = 8;

#[derive(Deserialize)]
struct Row {
    text: String,
    label: String,
}

/// A file of examples, already read.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Checks all files together, because a text must not stand under two labels.
pub(super) fn check(
    files: &[File],
    query_types: &[Arc<QueryType>],
    root: &Node,
    problems: &mut Problems<'_>,
) -> Vec<Example> {
    let known: HashMap<&str, &Arc<QueryType>> =
        query_types.iter().map(|query_type| (query_type.name.as_str(), query_type)).collect();
    let mut examples: Vec<Example> = Vec::new();
    for file in files {
        let path = Arc::new(file.path.clone());
        let mut found = Problems::new(&file.path);
        for (number, line) in file.text.lines().enumerate() {
            let number = number + 1;
            let Some((text, query_type)) = row(line, number, &known, query_types, &mut found)
            else {
                continue;
            };
            let origin = Origin { file: Arc::clone(&path), line: number };
            examples.push(Example { text, query_type, origin });
        }
        problems.found.append(&mut found.found);
    }
    let kept = without_duplicates(&examples, &mut problems.found);
    count(&kept, query_types, root, problems);
    kept
}

/// The first of every text; a repeated one is a problem, because an exact duplicate blinds a graph index to its neighbours.
fn without_duplicates(examples: &[Example], problems: &mut Vec<Problem>) -> Vec<Example> {
    let mut first_seen: HashMap<&str, &Example> = HashMap::new();
    let mut kept = Vec::with_capacity(examples.len());
    for example in examples {
        match first_seen.get(example.text.as_str()) {
            Some(earlier) => problems.push(duplicate(example, earlier)),
            None => {
                first_seen.insert(&example.text, example);
                kept.push(example.clone());
            }
        }
    }
    kept
}

fn row(
    line: &str,
    number: usize,
    known: &HashMap<&str, &Arc<QueryType>>,
    query_types: &[Arc<QueryType>],
    problems: &mut Problems<'_>,
) -> Option<(String, Arc<QueryType>)> {
    if line.trim().is_empty() {
        return None;
    }
    let row: Row = match serde_json::from_str(line) {
        Ok(row) => row,
        Err(error) => {
            // serde_json counts lines too, and each of ours is its first.
            let said = error.to_string();
            let reason = said.split(" at line ").next().unwrap_or_default();
            let wanted = r#"expected {"text": "…", "label": "…"}"#;
            problems.error(number, "", format!("{wanted}: {reason}"));
            return None;
        }
    };
    let text = row.text.trim();
    if text.is_empty() {
        problems.error(number, "text", "empty; an example needs a prompt");
        return None;
    }
    if text.len() > TEXT_BYTES_MAX {
        let length = text.len();
        let message = format!("{length} bytes; at most {TEXT_BYTES_MAX}, cut the middle out");
        problems.error(number, "text", message);
        return None;
    }
    let Some(query_type) = known.get(row.label.as_str()) else {
        let names: Vec<&str> = query_types.iter().map(|each| each.name.as_str()).collect();
        let hint = did_you_mean(&row.label, &names);
        problems.error(number, "label", format!("unknown query type `{}`; {hint}", row.label));
        return None;
    };
    Some((text.to_owned(), Arc::clone(query_type)))
}

fn duplicate(example: &Example, earlier: &Example) -> Problem {
    let mut problems = Problems::new(&example.origin.file);
    let place = format!("{}:{}", earlier.origin.file.display(), earlier.origin.line);
    let line = example.origin.line;
    if example.query_type.name == earlier.query_type.name {
        problems.warning(line, "text", format!("same text as {place}; remove one"));
    } else {
        let (one, other) = (&earlier.query_type.name, &example.query_type.name);
        let message =
            format!("same text as {place} under another label (`{one}`, `{other}`); keep one");
        problems.error(line, "text", message);
    }
    problems.found.remove(0)
}

fn count(
    examples: &[Example],
    query_types: &[Arc<QueryType>],
    root: &Node,
    problems: &mut Problems<'_>,
) {
    for query_type in query_types {
        let of_type =
            examples.iter().filter(|example| Arc::ptr_eq(&example.query_type, query_type)).count();
        if of_type < FEWEST_PER_TYPE {
            let name = query_type.name.as_str();
            let line = root.line_of(&["query_types", name]);
            let message = format!(
                "{of_type} examples; with fewer than {FEWEST_PER_TYPE} it will hardly ever be chosen"
            );
            problems.warning(line, &format!("query_types.{name}"), message);
        }
    }
}
