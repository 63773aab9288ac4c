//! Proofs that need something which a machine may lack. Without it they pass, but never quietly; where completeness is promised,
//! as in continuous integration, they fail.

#![expect(clippy::panic, reason = "helpers of tests may fail like tests")]

use std::io::Write;

use crate::shipped::environment;

/// Says that `what` did not run and how to make it run.
pub(crate) fn skip(what: &str, remedy: &str) {
    let is_set = |name| environment(name).is_some_and(|value| !value.is_empty() && value != "0");
    if ["CI", "SEMROUTE_REQUIRE_ALL"].into_iter().any(is_set) {
        panic!("{what} cannot run, and CI or SEMROUTE_REQUIRE_ALL allows no skipping: {remedy}");
    }
    let line = "=".repeat(100);
    report(&format!("{line}\nSKIPPED: {what}\n{remedy}\n{line}"));
}

/// Writes where people see it: the test harness shows what a test prints only when it fails.
pub(crate) fn report(text: &str) {
    drop(writeln!(std::io::stderr(), "\n{text}"));
}
