//! YAML text to a tree whose every value knows its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use super::problem::Problems;
use super::variables::{Filled, Variables};

/// A value, and the line of its key or, in a list, its own. It has no `Debug`, because it holds secrets.
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

/// What a value is.
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A text that came from the environment, whole or in part; it may stand for a number or a boolean.
    Expanded {
        text: String,
        /// Shown instead of the text, which may be a secret.
        variable: String,
    },
    /// `${NAME}` without a default, and `NAME` is not set.
    Unset(String),
    /// Has a reference to the environment that cannot be read.
    Malformed,
    List(Vec<Node>),
    /// In file order; a key that is written twice is in here twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value at `path`, or nothing. A step is a map's key or a list's place, such as `[0]`.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        let child = match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(key, _)| key == first).map(|(_, at)| at),
            Kind::List(items) => {
                let place = first.strip_prefix('[').and_then(|first| first.strip_suffix(']'));
                place.and_then(|place| items.get(place.parse::<usize>().ok()?))
            }
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Expanded { .. }
            | Kind::Unset(_)
            | Kind::Malformed => None,
        };
        child?.at(rest)
    }

    /// The line of the value at `path`, or of the nearest one around it that is written.
    pub(super) fn line_of(&self, path: &[&str]) -> usize {
        let mut around = path;
        loop {
            if let Some(node) = self.at(around) {
                return node.line;
            }
            let Some((_, outer)) = around.split_last() else { return 0 };
            around = outer;
        }
    }
}

/// Parses a document. A syntax error is one problem and no tree.
pub(super) fn parse(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems<'_>,
) -> Option<Node> {
    let (lifted, variables) = Variables::lift(text, env);
    // Both are reported by the walk along the schema, beside everything else.
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Scalar>>(&lifted, options) {
        Ok(root) => Some(node(root, &variables)),
        Err(error) => {
            let line = error.location().map_or(0, |at| to_usize(at.line()));
            problems.error(line, "", format!("not valid YAML: {}", said(&error)));
            None
        }
    }
}

/// What the parser says, without the place (the problem has it) and the text around it (there may be a key in it).
fn said(error: &serde_saphyr::Error) -> String {
    let rendered = error.to_string();
    let first = rendered.lines().next().unwrap_or_default();
    // `error: line 3 column 4: unclosed quote`
    let reason = first.splitn(3, ": ").last().unwrap_or(first);
    if reason.contains("found a tab") || reason.contains("tabs disallowed") {
        return "a tab where only spaces may stand; replace it by spaces".to_owned();
    }
    if reason.contains("multiple YAML documents") {
        return "a second document begins here; remove the `---`".to_owned();
    }
    if reason.contains("null into string") || reason.contains("expected string scalar") {
        return "a key has to be text".to_owned();
    }
    reason.to_owned()
}

fn node(spanned: Spanned<Scalar>, variables: &Variables<'_>) -> Node {
    let line = to_usize(spanned.referenced.line());
    let kind = match spanned.value {
        Scalar::Null => Kind::Null,
        Scalar::Bool(value) => Kind::Bool(value),
        Scalar::Int(value) => Kind::Int(value),
        Scalar::Float(value) => Kind::Float(value),
        Scalar::Text(value) => match variables.fill(value) {
            Filled::Plain(text) => Kind::Text(text),
            Filled::Expanded { text, variable } => Kind::Expanded { text, variable },
            Filled::Unset(variable) => Kind::Unset(variable),
            Filled::Malformed => Kind::Malformed,
        },
        Scalar::List(items) => {
            Kind::List(items.into_iter().map(|item| node(item, variables)).collect())
        }
        Scalar::Map(entries) => {
            Kind::Map(entries.into_iter().map(|entry| keyed(entry, variables)).collect())
        }
    };
    Node { line, kind }
}

fn keyed(
    (key, value): (Spanned<String>, Spanned<Scalar>),
    variables: &Variables<'_>,
) -> (String, Node) {
    let line = to_usize(key.referenced.line());
    let kind = node(value, variables).kind;
    (variables.written(&key.value), Node { line, kind })
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

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

    /// A number that no limit of this format reaches needs no exact form.
    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(i64::try_from(value).map_or(Scalar::Float(value as f64), Scalar::Int))
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
