//! One mistake in a file, with the place and the remedy.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Whether a configuration with this problem may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Refused.
    Error,
    /// Used, but somebody should look.
    Warning,
}

/// One mistake in a file, with the place and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether the configuration is refused.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// Counted from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Such as `tiers.bulk.targets[0]`; empty when the file itself is meant.
    pub key: String,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        f.write_str(" ")?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub(super) struct Problems<'a> {
    pub(super) file: &'a Path,
    pub(super) found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(file: &'a Path) -> Self {
        Self { file, found: Vec::new() }
    }

    pub(super) fn error(&mut self, line: usize, key: &str, message: impl Into<String>) {
        self.push(Severity::Error, line, key, message.into());
    }

    pub(super) fn warning(&mut self, line: usize, key: &str, message: impl Into<String>) {
        self.push(Severity::Warning, line, key, message.into());
    }

    /// How many of them refuse the configuration.
    pub(super) fn errors(&self) -> usize {
        self.found.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    fn push(&mut self, severity: Severity, line: usize, key: &str, message: String) {
        let (file, key) = (self.file.to_owned(), key.to_owned());
        self.found.push(Problem { severity, file, line, key, message });
    }
}

/// A key path with one more step: a map's key, or a list's place such as `[0]`.
pub(super) fn join(path: &str, step: &str) -> String {
    let dot = if path.is_empty() || step.starts_with('[') { "" } else { "." };
    format!("{path}{dot}{step}")
}

/// The nearest of `known` to a mistyped word, or the list itself when nothing is near.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    /// Jaro-Winkler similarity above which a suggestion helps more than it misleads.
    const NEAR: f64 = 0.75;
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((similarity, candidate)) if similarity >= NEAR => {
            format!("did you mean `{candidate}`?")
        }
        Some(_) => format!("known here: {}", known.join(", ")),
        None => "nothing is known here".to_owned(),
    }
}
