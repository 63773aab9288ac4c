//! The figures of `tune eval` against those of scikit-learn: `tests/sklearn/check_figures.py`, run by an interpreter that has it.

use std::process::Command;

use crate::shipped::{ROOT, brain, fetch_env, python};
use crate::skip::{report, skip};

#[test]
fn scikit_learn_counts_the_same_figures() {
    let Some(python) = python("sklearn") else {
        let remedy = "make a virtual environment with scikit-learn, then run the tests again:\n  \
             python3 -m venv .venv && .venv/bin/pip install -r tests/sklearn/requirements.txt\n\
             or name an interpreter that has it in SEMROUTE_TEST_PYTHON";
        return skip("the figures of `tune eval` against those of scikit-learn", remedy);
    };
    brain();
    let env = fetch_env();
    let mut script = Command::new(python);
    script.arg("tests/sklearn/check_figures.py").arg(env!("CARGO_BIN_EXE_semroute"));
    script.current_dir(ROOT).env("SEMROUTE_CACHE", env.cache).env("HF_HUB_CACHE", env.hub_cache);
    let output = script.output().expect("an interpreter");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    report(said.trim());
}
