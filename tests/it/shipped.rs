//! What the project ships, loaded once for the whole test process: its rules, its examples and the real model.

#![expect(clippy::expect_used, reason = "helpers of tests may fail like tests")]

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use semroute::config::{self, Config};
use semroute::embed::fetch::FetchEnv;
use semroute::gateway::{self, Brain};

/// The project's folder, which the commands' default paths are relative to.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

static BRAIN: OnceLock<Brain> = OnceLock::new();

/// The shipped rules and the model.
///
/// The first call fetches the model where needed and reads every example. It also leaves both in the user's cache, so that the
/// processes which tests start afterwards start as quickly as a second start on a user's machine.
pub(crate) fn brain() -> &'static Brain {
    BRAIN.get_or_init(load)
}

fn load() -> Brain {
    gateway::load_brain(Arc::new(config()), &fetch_env(), &mut |_, _| {})
        .expect("the model can be had")
}

/// The shipped rules, checked.
pub(crate) fn config() -> Config {
    let rules = Path::new(ROOT).join("rules/semroute.yaml");
    let no_keys = |_: &str| None;
    config::load(&rules, &no_keys, None).expect("the shipped rules are good").config
}

/// The text of the shipped rules, fit to be changed and to lie in any folder.
pub(crate) fn rules() -> String {
    let rules = std::fs::read_to_string(Path::new(ROOT).join("rules/semroute.yaml"));
    let rules = rules.expect("the shipped rules are there");
    let (before, after) = ("examples: examples", format!("examples: {ROOT}/rules/examples"));
    assert!(rules.contains(before));
    rules.replace(before, &after)
}

/// Where models are kept and come from on this machine.
pub(crate) fn fetch_env() -> FetchEnv {
    FetchEnv::from_map(&environment)
}

/// The interpreter named by the environment, or that of the project's own virtual environment, if it has a package.
pub(crate) fn python(package: &str) -> Option<String> {
    let own = Path::new(ROOT).join(".venv/bin/python").to_str().map(str::to_owned);
    let python = environment("SEMROUTE_TEST_PYTHON").or(own)?;
    let tried = Command::new(&python).args(["-c", &format!("import {package}")]).output();
    tried.is_ok_and(|tried| tried.status.success()).then_some(python)
}

/// The environment of the test process.
#[expect(clippy::disallowed_methods, reason = "the one place where tests read it")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
