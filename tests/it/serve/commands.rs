//! The commands that end by themselves: what they print and how they exit.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::process::{Ended, run, semroute};

#[tokio::test]
async fn check_finds_the_shipped_rules_good() {
    let ended = well(&["check"]).await;
    assert!(ended.stdout.starts_with("good: "), "{}", ended.stdout);
    let said = json(&["check", "--json"]).await;
    assert_eq!(said["ok"], true);
    let errors = said["problems"].as_array().unwrap().iter();
    assert_eq!(errors.filter(|problem| problem["severity"] == "error").count(), 0, "{said}");
}

#[tokio::test]
async fn check_says_who_serves_while_a_target_is_down() {
    let mut command = semroute(&["check"]);
    command.env("OPENAI_API_KEY", "k").env("GROQ_API_KEY", "k");
    let ended = run(command).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = "bulk: with groq/openai/gpt-oss-20b down, openai/gpt-6-luna serves";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
}

#[tokio::test]
async fn check_exits_1_when_it_finds_faults() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    std::fs::write(&rules, "version: 2\n").unwrap();
    let ended = run(semroute(&["check", "--json", "--config", rules.to_str().unwrap()])).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(said["ok"], false);
    assert!(!said["problems"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn the_schema_is_json_schema() {
    let said = json(&["schema"]).await;
    assert!(said["$schema"].is_string(), "{said}");
    assert!(said["properties"]["tiers"].is_object(), "{said}");
}

#[tokio::test]
async fn explain_gives_decision_and_plan_for_an_argument_and_for_standard_input() {
    let prompt = "Translate this contract clause into Spanish";
    let said = json(&["explain", "--json", prompt]).await;
    assert!(said["decision"]["nearest"].as_array().is_some_and(|nearest| nearest.len() == 5));
    assert!(said["decision"]["because"].is_string(), "{said}");
    assert_eq!(said["attempts"], Value::Array(Vec::new()), "nobody is called");

    let mut command = semroute(&["explain", "--json", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(prompt.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let piped: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(piped["decision"], said["decision"]);
}

#[tokio::test]
async fn the_model_is_listed_and_verified() {
    let listed = json(&["models", "list", "--json"]).await;
    assert_eq!((&listed[0]["name"], &listed[0]["present"]), (&"minilm".into(), &true.into()));
    let verified = json(&["models", "verify", "--json"]).await;
    let states: Vec<&Value> =
        verified.as_array().unwrap().iter().map(|file| &file["state"]).collect();
    assert_eq!(states, ["verified"; 3]);
}

#[tokio::test]
async fn usage_errors_exit_2_and_name_the_word_at_fault() {
    for (args, word) in [
        (["serv", ""].as_slice(), "serve"),
        (&["serve", "--listn", "127.0.0.1:0"], "--listen"),
        (&["serve", "--listen", "here"], "here"),
        (&["explain"], "PROMPT"),
        (&[], "Usage"),
    ] {
        let ended = run(semroute(args)).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
}

/// Runs a command that has to succeed.
async fn well(args: &[&str]) -> Ended {
    let ended = run(semroute(args)).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

/// Runs a command that has to print one JSON value.
async fn json(args: &[&str]) -> Value {
    serde_json::from_str(&well(args).await.stdout).unwrap()
}
