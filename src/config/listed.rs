//! Text to the raw form of a file of data that stands beside the configuration.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::node::{self, Kind, Node};
use super::problem::Problems;
use super::{Environment, shape};

/// The tree of a file and what it says; nothing only when a problem was added.
pub(super) fn read<T: DeserializeOwned + JsonSchema>(
    text: &str,
    env: Environment<'_>,
    what: &str,
    problems: &mut Problems<'_>,
) -> Option<(Node, T)> {
    let before = problems.errors();
    let root = node::parse(text, env, problems)?;
    if matches!(root.kind, Kind::Null) {
        problems.error(0, "", "the file is empty; remove it, or write `version: 1` and `models`");
        return None;
    }
    let schema = schemars::schema_for!(T).to_value();
    let fitted = shape::fit(&root, &schema, problems);
    match serde_json::from_value(fitted) {
        Ok(raw) => Some((root, raw)),
        Err(_) if problems.errors() > before => None,
        Err(error) => {
            problems.error(0, "", format!("not {what}: {error}"));
            None
        }
    }
}

/// Complains unless a file's version is the known one.
pub(super) fn check_version(
    root: &Node,
    (written, known): (u64, u64),
    problems: &mut Problems<'_>,
) {
    if written != known {
        let message = format!("version `{written}` is not known; write {known}");
        problems.error(root.line_of(&["version"]), "version", message);
    }
}
