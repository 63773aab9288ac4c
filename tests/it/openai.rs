//! The official `openai` Python package against the real binary: `tests/openai/test_sdk.py`, run by the interpreter that has it.

use std::process::Command;

use crate::shipped::{ROOT, brain, fetch_env, python};
use crate::skip::{report, skip};

#[test]
fn the_official_client_is_content() {
    let Some(python) = python("openai") else {
        let remedy = "make a virtual environment with the official client, then run the tests again:\n  \
             python3 -m venv .venv && .venv/bin/pip install -r tests/openai/requirements.txt\n\
             or name an interpreter that has it in SEMROUTE_TEST_PYTHON";
        return skip("the official openai client against the gateway", remedy);
    };
    brain();
    let env = fetch_env();
    let mut script = Command::new(python);
    script.arg("tests/openai/test_sdk.py").arg(env!("CARGO_BIN_EXE_semroute")).current_dir(ROOT);
    script.env("SEMROUTE_CACHE", env.cache).env("HF_HUB_CACHE", env.hub_cache);
    // Everything is on this machine, whatever proxy it uses for the rest.
    script.env("NO_PROXY", "127.0.0.1");
    let output = script.output().expect("an interpreter");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    report(said.trim());
}
