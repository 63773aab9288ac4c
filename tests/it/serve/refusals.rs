//! What stops a start: exit code 3, the thing at fault and the remedy, and no panic.

use std::path::{Path, PathBuf};

use semroute::embed::fetch;
use semroute::embed::manifest::Manifest;

use super::OPEN_TO_STRANGERS;
use crate::process::{Ended, run, semroute, serve};
use crate::shipped::{self, brain, fetch_env};

#[tokio::test]
async fn a_port_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--listen", "--admin-listen"] {
        let mut command = semroute(&["serve", flag, &address]);
        let other = if flag == "--listen" { "--admin-listen" } else { "--listen" };
        command.args([other, "127.0.0.1:0"]);
        run(command).await.refused(&[&address, flag]);
    }
}

#[tokio::test]
async fn a_missing_configuration() {
    let ended = run(serve(&["--config", "nowhere/rules.yaml"])).await;
    ended.refused(&["nowhere/rules.yaml", "--config"]);
}

#[tokio::test]
async fn a_configuration_that_is_not_yaml() {
    check_rules("version: 1\nproviders: {openai: [}\n", &[":2:"]).await;
}

#[tokio::test]
async fn a_configuration_with_several_mistakes() {
    let rules = shipped::rules()
        .replace("default_tier: general", "default_teir: general")
        .replace("total_ms: 600000", "total_ms: soon");
    let line = |word: &str| {
        let at = rules.lines().position(|line| line.contains(word)).unwrap() + 1;
        format!(":{at}:")
    };
    let (mistyped, not_a_number) = (line("default_teir"), line("soon"));
    let words = [&mistyped, "did you mean `default_tier`?", &not_a_number, "timers.total_ms"];
    check_rules(&rules, &words).await;
}

#[tokio::test]
async fn a_tier_that_does_not_exist() {
    let rules = shipped::rules()
        .replace("medical:          {tier: safety", "medical:          {tier: safty");
    check_rules(&rules, &["query_types.medical.tier", "`safty`", "did you mean `safety`?"]).await;
}

#[tokio::test]
async fn an_address_that_strangers_can_reach_without_a_key() {
    let ended = run(semroute(&OPEN_TO_STRANGERS)).await;
    ended.refused(&["0.0.0.0:0", "SEMROUTE_API_KEY", "server.allow_open"]);
}

#[tokio::test]
async fn a_model_that_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let ended = start_with_cache(home.path()).await;
    ended.refused(&["model.safetensors", "tokenizer.json", "HF_HUB_OFFLINE", &shown(home.path())]);
}

#[tokio::test]
async fn weights_that_are_cut_off() {
    let home = tempfile::tempdir().unwrap();
    let weights = copy_model(home.path());
    let file = std::fs::OpenOptions::new().write(true).open(&weights).unwrap();
    file.set_len(1_000_000).unwrap();
    let ended = start_with_cache(home.path()).await;
    ended.refused(&["model.safetensors", "HF_HUB_OFFLINE", &shown(home.path())]);
    assert!(!ended.stderr.contains("tokenizer.json"), "that file is good: {}", ended.stderr);
}

#[tokio::test]
async fn weights_with_one_wrong_byte() {
    let home = tempfile::tempdir().unwrap();
    let weights = copy_model(home.path());
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    start_with_cache(home.path()).await.refused(&["model.safetensors", "HF_HUB_OFFLINE"]);
}

/// Starts with these rules and expects a refusal that names the file and all these words.
async fn check_rules(rules: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad-rules.yaml");
    std::fs::write(&path, rules).unwrap();
    let ended = run(serve(&["--config", path.to_str().unwrap()])).await;
    ended.refused(&[&["bad-rules.yaml"], words].concat());
}

/// Starts with all caches in this folder and no network.
async fn start_with_cache(home: &Path) -> Ended {
    let mut command = serve(&[]);
    command.env("SEMROUTE_CACHE", home).env("HF_HUB_CACHE", home.join("hub"));
    run(command).await
}

/// Puts the model's files where a cache in this folder has them, and returns the weights.
fn copy_model(home: &Path) -> PathBuf {
    brain();
    let manifest = Manifest::builtin().unwrap();
    let model = manifest.find("minilm").unwrap();
    let files = fetch::ensure(model, &fetch_env(), &()).unwrap();
    let mut env = fetch_env();
    env.cache = home.to_owned();
    let folder = env.model_dir(model);
    std::fs::create_dir_all(&folder).unwrap();
    for path in [&files.weights, &files.tokenizer, &files.config] {
        std::fs::copy(path, folder.join(path.file_name().unwrap())).unwrap();
    }
    folder.join(files.weights.file_name().unwrap())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
