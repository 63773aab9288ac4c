//! What the project promises about its own text, held by tests. Every rule returns its violations, so that each can be
//! shown to fail on a small bad input.
//!
//! `source` reads Rust without its comments and tests, `tables` reads ARCHITECTURE.md. The rules are in `shape` (lengths,
//! imports, limits), `absences` (what the program does not do) and `docs` (everything beside the program).

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod absences;
mod docs;
mod shape;
mod source;
mod tables;

/// Fails with every violation on its own line.
fn assert_none(violations: &[String]) {
    if !violations.is_empty() {
        panic!("{} violations:\n  {}", violations.len(), violations.join("\n  "));
    }
}

fn program() -> Vec<source::Source> {
    source::Source::below("src")
}

/// The shipped configuration, with every variable set.
fn rules() -> semroute::config::Loaded {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/semroute.yaml");
    semroute::config::load(&file, &|_| Some("set".to_owned()), None).expect("a good configuration")
}

/// A file of the project, as text.
fn read(path: &str) -> String {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{path}: {error}"))
}
