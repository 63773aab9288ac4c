//! The client libraries that people use against the real binary: `tests/sdk/run.py` with each script in `tests/sdk/clients`.

#![expect(clippy::expect_used, reason = "helpers of tests may fail like tests")]

use std::path::Path;
use std::process::Command;

use crate::shipped::{ROOT, python};
use crate::skip::{report, skip};

/// A Python package and the script that uses it.
fn python_client(package: &str, script: &str) {
    let Some(python) = python(package) else {
        let remedy = "make a virtual environment with the client libraries, then run the tests again:\n  \
             python3 -m venv .venv && .venv/bin/pip install -r tests/sdk/requirements.txt\n\
             or name an interpreter that has them in SEMROUTE_TEST_PYTHON";
        return skip(&format!("the Python package {package} against the gateway"), remedy);
    };
    run(&python, script);
}

/// A package of Node and the script that uses it.
fn node_client(package: &str, script: &str) {
    let modules = Path::new(ROOT).join("tests/sdk/node_modules");
    let is_there = [package, ".bin/node"].iter().all(|part| modules.join(part).exists());
    let Some(python) = python("http.server").filter(|_| is_there) else {
        let remedy = "install the client libraries and the Node that they want, then run the tests again:\n  \
             npm ci --prefix tests/sdk && python3 -m venv .venv";
        return skip(&format!("the package {package} of Node against the gateway"), remedy);
    };
    run(&python, script);
}

fn run(python: &str, script: &str) {
    let mut client = Command::new(python);
    client.args(["tests/sdk/run.py", env!("CARGO_BIN_EXE_semroute")]);
    client.arg(format!("tests/sdk/clients/{script}")).current_dir(ROOT);
    let output = client.output().expect("an interpreter");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    report(said.trim());
}

#[test]
fn openai_for_python_is_content() {
    python_client("openai", "openai_chat.py");
}

#[test]
fn anthropic_for_python_is_content() {
    python_client("anthropic", "anthropic_messages.py");
}

#[test]
fn langchain_is_content() {
    python_client("langchain_openai", "langchain_chat.py");
}

#[test]
fn mistral_for_python_is_content() {
    python_client("mistralai", "mistral_chat.py");
}

#[test]
fn openai_for_node_is_content() {
    node_client("openai", "openai_chat.mjs");
}

#[test]
fn anthropic_for_node_is_content() {
    node_client("@anthropic-ai/sdk", "anthropic_messages.mjs");
}

#[test]
fn the_ai_package_is_content() {
    node_client("ai", "ai_chat.mjs");
}
