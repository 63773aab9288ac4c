//! References to the environment, `${NAME}` and `${NAME:-default}`: lifted out of the text before the YAML parser sees it
//! and filled in afterwards.
//!
//! Two reasons: `{key: ${X}}` is not valid YAML, and a value from the environment must never be read as YAML itself.

use std::fmt::Write as _;

/// Marks a lifted reference; a private-use character that no configuration needs.
const MARK: char = '\u{E000}';

/// The references of one file, and where their values come from.
pub(super) struct Variables<'a> {
    references: Vec<Reference>,
    env: &'a dyn Fn(&str) -> Option<String>,
}

/// A text after its references were looked up.
pub(super) enum Filled {
    /// Had none.
    Plain(String),
    /// Has the values of all; `variable` is the first, for messages that must not show a value.
    Expanded { text: String, variable: String },
    /// One without a default is not set.
    Unset(String),
    /// Begins a reference and does not end it well.
    Malformed,
}

struct Reference {
    written: String,
    name: String,
    default: Option<String>,
}

impl Reference {
    fn parse(inside: &str) -> Self {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (inside, None),
        };
        Self { written: format!("${{{inside}}}"), name: name.trim().to_owned(), default }
    }

    fn is_well_formed(&self) -> bool {
        let digit_first = self.name.starts_with(|first: char| first.is_ascii_digit());
        let plain = self.name.chars().all(|each| each.is_ascii_alphanumeric() || each == '_');
        let nested = self.default.as_ref().is_some_and(|default| default.contains("${"));
        plain && !self.name.is_empty() && !digit_first && !nested
    }
}

impl<'a> Variables<'a> {
    /// Replaces every reference by a marked number. A reference does not span lines, so lines keep their numbers.
    pub(super) fn lift(text: &str, env: &'a dyn Fn(&str) -> Option<String>) -> (String, Self) {
        let mut lifted = String::with_capacity(text.len());
        let mut references = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            lifted.push_str(before);
            let Some((inside, remaining)) = split_at_closing_brace(after) else {
                lifted.push_str("${");
                rest = after;
                continue;
            };
            write!(lifted, "{MARK}{}{MARK}", references.len()).unwrap_or_default();
            references.push(Reference::parse(inside));
            rest = remaining;
        }
        lifted.push_str(rest);
        (lifted, Self { references, env })
    }

    /// Puts values in the place of marks.
    pub(super) fn fill(&self, lifted: String) -> Filled {
        if lifted.contains("${") {
            return Filled::Malformed;
        }
        let mut text = String::new();
        let mut variable = None;
        for piece in self.pieces(&lifted) {
            let reference = match piece {
                Piece::Plain(plain) => {
                    text.push_str(plain);
                    continue;
                }
                Piece::Reference(reference) => reference,
            };
            if !reference.is_well_formed() {
                return Filled::Malformed;
            }
            let set = (self.env)(&reference.name).filter(|value| !value.is_empty());
            let Some(value) = set.or_else(|| reference.default.clone()) else {
                return Filled::Unset(reference.name.clone());
            };
            text.push_str(&value);
            variable.get_or_insert_with(|| reference.name.clone());
        }
        match variable {
            Some(variable) => Filled::Expanded { text, variable },
            None => Filled::Plain(lifted),
        }
    }

    /// What the user wrote; a key is not filled in.
    pub(super) fn written(&self, lifted: &str) -> String {
        let original = |piece| match piece {
            Piece::Plain(plain) => plain,
            Piece::Reference(reference) => reference.written.as_str(),
        };
        self.pieces(lifted).map(original).collect()
    }

    /// Marks come in pairs, so every odd piece is the number of a reference.
    fn pieces<'s>(&'s self, lifted: &'s str) -> impl Iterator<Item = Piece<'s>> {
        lifted.split(MARK).enumerate().map(|(place, piece)| {
            let number = piece.parse::<usize>().ok().filter(|_| place % 2 == 1);
            let reference = number.and_then(|number| self.references.get(number));
            reference.map_or(Piece::Plain(piece), Piece::Reference)
        })
    }
}

enum Piece<'a> {
    Plain(&'a str),
    Reference(&'a Reference),
}

/// Splits behind `${` at the `}` that closes it on the same line; braces inside come in pairs.
fn split_at_closing_brace(after: &str) -> Option<(&str, &str)> {
    let mut open = 1_usize;
    for (at, each) in after.char_indices() {
        match each {
            '{' => open += 1,
            '}' => open -= 1,
            '\n' => return None,
            _ => {}
        }
        if open == 0 {
            let (inside, closing) = after.split_at(at);
            return closing.strip_prefix('}').map(|remaining| (inside, remaining));
        }
    }
    None
}
