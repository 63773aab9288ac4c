//! YAML text to a tree whose every key and value knows its line.
//!
//! References to the environment are lifted out of the text before the YAML parser sees it, for two reasons: `{key: ${X}}`
//! is not valid YAML, and a value from the environment must never be read as YAML itself.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::problem::Problems;

/// Marks a lifted reference; a private-use character that no configuration needs.
const MARK: char = '\u{E000}';

/// A value and the line on which it starts.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A text that came from the environment, whole or in part; it may stand for a number or a boolean.
    Expanded(String),
    /// `${NAME}` without a default, and `NAME` is not set.
    Unset(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) line: usize,
    pub(super) name: String,
}

impl Node {
    /// The value at `path`, or nothing. A path step is a map key; lists are not entered.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        let Kind::Map(entries) = &self.kind else { return None };
        let (_, child) = entries.iter().find(|(key, _)| key.name == *first)?;
        child.at(rest)
    }
}

/// Parses a document. A syntax error is one problem and no tree.
pub(super) fn parse(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems<'_>,
) -> Option<Node> {
    let (lifted, references) = lift(text);
    match serde_saphyr::from_str::<Spanned<Scalar>>(&lifted) {
        Ok(root) => Some(expand(root, &references, env)),
        Err(error) => {
            let line = error.location().map_or(0, |at| to_usize(at.line()));
            let said = error.to_string();
            let first = said.lines().next().unwrap_or("not YAML");
            problems.error(line, "", format!("not valid YAML: {first}"));
            None
        }
    }
}

/// `${NAME}` or `${NAME:-default}`.
#[derive(Debug)]
struct Reference {
    name: String,
    default: Option<String>,
}

/// Replaces every reference by a marked number, line by line, so that lines keep their numbers.
fn lift(text: &str) -> (String, Vec<Reference>) {
    let mut lifted = String::with_capacity(text.len());
    let mut references = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        lifted.push_str(before);
        match after.split_once('}') {
            Some((inside, remaining)) if !inside.contains('\n') => {
                let (name, default) = match inside.split_once(":-") {
                    Some((name, default)) => (name, Some(default.to_owned())),
                    None => (inside, None),
                };
                lifted.push_str(&format!("{MARK}{}{MARK}", references.len()));
                references.push(Reference { name: name.trim().to_owned(), default });
                rest = remaining;
            }
            Some(_) | None => {
                lifted.push_str("${");
                rest = after;
            }
        }
    }
    lifted.push_str(rest);
    (lifted, references)
}

fn expand(
    spanned: Spanned<Scalar>,
    references: &[Reference],
    env: &dyn Fn(&str) -> Option<String>,
) -> Node {
    let line = to_usize(spanned.referenced.line());
    let kind = match spanned.value {
        Scalar::Null => Kind::Null,
        Scalar::Bool(value) => Kind::Bool(value),
        Scalar::Int(value) => Kind::Int(value),
        Scalar::Float(value) => Kind::Float(value),
        Scalar::Text(value) => expand_text(value, references, env),
        Scalar::List(items) => {
            Kind::List(items.into_iter().map(|item| expand(item, references, env)).collect())
        }
        Scalar::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = Key { line: to_usize(key.referenced.line()), name: key.value };
                    (key, expand(value, references, env))
                })
                .collect(),
        ),
    };
    Node { line, kind }
}

fn expand_text(
    text: String,
    references: &[Reference],
    env: &dyn Fn(&str) -> Option<String>,
) -> Kind {
    if !text.contains(MARK) {
        return Kind::Text(text);
    }
    let mut expanded = String::new();
    // Marks come in pairs, so every odd piece is the number of a reference.
    for (place, piece) in text.split(MARK).enumerate() {
        let reference = piece.parse::<usize>().ok().and_then(|number| references.get(number));
        match reference {
            Some(reference) if place % 2 == 1 => {
                let value = env(&reference.name).filter(|value| !value.is_empty());
                match value.or_else(|| reference.default.clone()) {
                    Some(value) => expanded.push_str(&value),
                    None => return Kind::Unset(reference.name.clone()),
                }
            }
            Some(_) | None => expanded.push_str(piece),
        }
    }
    Kind::Expanded(expanded)
}

/// What the YAML parser gives, before the environment is read.
enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_none<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        Scalar::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(i64::try_from(value).map_or_else(|_| Scalar::Text(value.to_string()), Scalar::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Scalar, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Scalar::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Scalar, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Scalar::Map(entries))
    }
}

fn to_usize(line: u64) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX)
}
