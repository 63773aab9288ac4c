//! `semroute tune eval` and `semroute bench decide` through the real binary. What the figures mean is tested beside them; here
//! it is which rows are judged, by what, and how mistakes are answered.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{run, semroute};

/// Prompts of two kinds that any embedder tells apart, each with the file's other keys.
const RECIPES: [&str; 6] = [
    "How long do I boil an egg?",
    "What goes into a tomato soup?",
    "How do I knead bread dough?",
    "Which pan is best for pancakes?",
    "How much salt belongs in pasta water?",
    "Can I freeze a lasagne?",
];
const CODE: [&str; 6] = [
    "Why does my Rust loop never end?",
    "Write a Python function that sorts a list of tuples",
    "What does a segmentation fault mean?",
    "Refactor this JavaScript class into functions",
    "How do I join two tables in SQL?",
    "Explain this compiler error about lifetimes",
];

/// A file of rows: the first four of a kind are for training.
fn rows(folder: &Path) -> String {
    let of = |label: &'static str, texts: [&'static str; 6]| {
        texts.into_iter().enumerate().map(move |(at, text)| {
            let split = if at < 4 { "train" } else { "dev" };
            json!({"text": text, "label": label, "split": split, "source": at % 2})
        })
    };
    let strange = [json!({"text": "zxqv 9981 ffff", "label": null, "split": "dev"})];
    let lines = of("cooking", RECIPES).chain(of("coding", CODE)).chain(strange);
    let path = folder.join("rows.jsonl");
    let text: Vec<String> = lines.map(|row| row.to_string()).collect();
    std::fs::write(&path, text.join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn eval(args: &[&str]) -> Value {
    let ended = run(semroute(&[&["tune", "eval", "--json"], args].concat())).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[tokio::test]
async fn the_configuration_judges_by_tiers_and_query_types() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.jsonl");
    let conversation = json!([
        {"role": "user", "content": "Write a limerick about a lighthouse"},
        {"role": "assistant", "content": "There once was a light by the sea"},
        {"role": "user", "content": "Can I take ibuprofen with my blood thinner?"},
    ]);
    let rows = [
        json!({"text": "Can I take aspirin with my blood thinner?", "label": "medical"}),
        json!({"text": "Translate this letter into French: Dear Sir", "label": "bulk", "lang": "en"}),
        json!({"messages": conversation, "label": "safety"}),
        json!({"text": "Why does my loop never end?", "label": "no_such_tier"}),
    ];
    std::fs::write(&file, rows.map(|row| row.to_string()).join("\n")).unwrap();
    let file = file.to_str().unwrap();

    let ended = run(semroute(&["tune", "eval", "--json", "--test", file, "--slice", "lang"])).await;
    assert!(ended.stderr.contains("`no_such_tier`"), "{}", ended.stderr);
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&said["n"], &said["accuracy"]), (&4.into(), &0.75.into()));
    assert_eq!(said["per_label"]["safety"]["recall"], 1.0);
    assert_eq!(said["slices"]["lang"]["en"]["predicted_share"], json!({"bulk": 1.0}));
    assert_eq!(said["slices"]["lang"]["-"]["n"], 3);

    let text = run(semroute(&["tune", "eval", "--test", file])).await.stdout;
    for word in ["4 rows", "accuracy            0.7500", "safety", "p95", "full"] {
        assert!(text.contains(word), "no `{word}` in {text}");
    }
}

#[tokio::test]
async fn rows_of_a_file_judge_others_and_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = rows(folder.path());
    let predictions = folder.path().join("said.jsonl");
    let split = ["--train", &file, "--train-where", "split=train", "--test", &file];
    let more = ["--test-where", "split!=train", "--predictions", predictions.to_str().unwrap()];
    let said = eval(&[split.as_slice(), &more].concat()).await;
    assert_eq!(
        (&said["n"], &said["oos_n"], &said["examples_n"]),
        (&4.into(), &1.into(), &8.into())
    );
    // Better than chance; how much better is not this test's business.
    assert!(said["accuracy"].as_f64() > Some(0.5), "{said}");
    assert!(said["oos_auroc"].as_f64() > Some(0.5), "{said}");
    assert_eq!(said["folds"], json!([]));
    let lines = std::fs::read_to_string(&predictions).unwrap();
    assert_eq!(lines.lines().count(), 5, "{lines}");
    assert!(lines.contains(r#"rows.jsonl:13","#), "{lines}");

    let few =
        eval(&[split.as_slice(), &["--test-where", "split=dev", "--shot", "2"]].concat()).await;
    assert_eq!(few["examples_n"], 4);
    let seen = eval(&split).await;
    assert_eq!((&seen["n"], &seen["seen_n"]), (&12.into(), &8.into()));

    let folds = eval(&["--train", &file, "--folds", "3"]).await;
    assert_eq!(
        (&folds["n"], &folds["oos_n"], &folds["seen_n"]),
        (&12.into(), &1.into(), &0.into())
    );
    assert_eq!(folds["folds"].as_array().unwrap().len(), 3);
    let groups = eval(&["--train", &file, "--group-by", "source"]).await;
    let held_out: Vec<&Value> =
        groups["folds"].as_array().unwrap().iter().map(|fold| &fold["held_out"]).collect();
    assert_eq!(held_out, [&json!(["0"]), &json!(["1"]), &json!(["-"])]);
}

#[tokio::test]
async fn a_bad_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = rows(folder.path());
    let bad = folder.path().join("bad.jsonl");
    std::fs::write(&bad, "{\"text\":\"a\",\"label\":\"b\"}\n{\"text\":\"a\"}\n").unwrap();
    let bad = bad.to_str().unwrap();
    let refused = async |args: &[&str], words: &[&str]| {
        run(semroute(&[&["tune", "eval"], args].concat())).await.refused(words);
    };
    refused(&["--test", bad], &["bad.jsonl:2", "missing field `label`"]).await;
    refused(&["--train", &file, "--test", bad], &["bad.jsonl:2"]).await;
    refused(&["--test", "nowhere.jsonl"], &["cannot read `nowhere.jsonl`"]).await;
    refused(&["--test", &file, "--test-where", "split=test"], &["no row is left", "rows.jsonl"])
        .await;
    refused(&["--train", &file, "--group-by", "nothing"], &["`nothing` has one value"]).await;
}

#[tokio::test]
async fn options_that_do_not_go_together_exit_2() {
    for (args, word) in [
        (["--json"].as_slice(), "--test"),
        (&["--train", "a"], "--folds"),
        (&["--test", "a", "--folds", "3"], "--folds"),
        (&["--train", "a", "--test", "b", "--group-by", "c"], "--group-by"),
        (&["--test", "a", "--shot", "3"], "--train"),
        (&["--train", "a", "--folds", "1"], "1"),
        (&["--train", "a", "--folds", "2", "--test-where", "a=b"], "--test-where"),
        (&["--test", "a", "--test-where", "split"], "FIELD=VALUE"),
    ] {
        let ended = run(semroute(&[&["tune", "eval"], args].concat())).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(word), "{args:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn decisions_are_timed_as_they_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompts.jsonl");
    let line = |number: usize| json!({"text": format!("Count {number} sheep")}).to_string();
    // The last ones come twice and are measured once.
    let lines: Vec<String> = (0..6).chain(3..6).map(line).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let file = file.to_str().unwrap();
    let ended = run(semroute(&["bench", "decide", "--json", "--prompts", file])).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(said["prompts"], 6);
    let time = |name: &str, key: &str| said[name][key].as_f64().unwrap();
    for name in ["decide_us", "embed_us", "search_and_vote_us", "forward_us", "candle_us"] {
        assert!(time(name, "mean") > 0.0 && time(name, "p50") <= time(name, "p99"), "{said}");
    }
    assert_eq!(said["depths"]["full"]["share"], 1.0);

    std::fs::write(file, "").unwrap();
    run(semroute(&["bench", "decide", "--prompts", file])).await.refused(&["no prompt"]);
}
