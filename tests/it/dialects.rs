//! Every surface against every dialect: `tests/sdk/matrix.py`, which starts the real binary before scripted providers that are as
//! strict as the APIs that they stand for.

use std::process::Command;

use crate::shipped::{ROOT, python};
use crate::skip::{report, skip};

#[test]
fn every_surface_speaks_to_every_dialect() {
    let Some(python) = python("http.server") else {
        let remedy = "make a virtual environment, then run the tests again:\n  python3 -m venv .venv\n\
             or name a Python in SEMROUTE_TEST_PYTHON; nothing has to be installed in it";
        return skip("the matrix of surfaces and dialects", remedy);
    };
    let mut script = Command::new(python);
    script.arg("tests/sdk/matrix.py").arg(env!("CARGO_BIN_EXE_semroute")).current_dir(ROOT);
    let output = script.output().expect("an interpreter");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    report(said.trim());
}
