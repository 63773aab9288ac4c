//! `semroute prices`: lists into the catalogue, and what is shown of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::process::{Ended, run, semroute};
use crate::shipped::ROOT;

const LITELLM: &str = "tests/it/fixtures/prices/litellm.json";
const OPENROUTER: &str = "tests/it/fixtures/prices/openrouter.json";

/// A copy of the catalogue to change.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap() };
        let original = PathBuf::from(ROOT).join("tests/it/fixtures/prices/catalog.yaml");
        std::fs::copy(original, copy.path()).unwrap();
        copy
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("catalog.yaml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    async fn update(&self, args: &[&str]) -> Ended {
        let path = self.path();
        let catalog = ["prices", "update", "--catalog", path.to_str().unwrap()];
        run(semroute(&[&catalog, args].concat())).await
    }
}

#[tokio::test]
async fn lists_change_what_they_contradict_and_nothing_else() {
    let copy = Copy::new();
    let before = copy.text();
    let lists = ["--from-litellm", LITELLM, "--from-openrouter", OPENROUTER, "--json"];
    let ended = copy.update(&lists).await;
    assert_eq!(ended.code, Some(1), "two rows are refused: {ended:?}");
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(said["written"], true);
    let names = |key: &str| -> Vec<String> {
        let rows = said[key].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("changed"), ["small", "big"]);
    assert_eq!(names("refused"), ["dear", "gone"]);
    assert_eq!(
        said["changed"][0]["fields"][0],
        json!({"key": "price.input", "old": "2", "new": "2.5"})
    );

    let today = copy
        .text()
        .lines()
        .find(|line| line.contains("as_of: 20") && !line.contains("2026-01-01"))
        .unwrap()
        .to_owned();
    let small = "  small:
    price: {input: 2, output: 10}   # per million
    as_of: 2026-01-01
    source: https://example.com/prices
";
    let new_small = format!(
        "  small:
    price: {{input: 2.5, output: 10, cache_read: 0.25}}   # per million
    context: 64000
    max_output: 8000
    input: [text, image]
    output: [text]
    tools: true
    json_schema: true
{today}
    source: openrouter.json
"
    );
    let big = "    price: {input: 0.3, output: 1.5,
            cache_read: 0.03}
    prefill: true
    as_of: 2026-01-01
    source: https://example.com/prices   # by hand
";
    let new_big = format!(
        "    price: {{input: 0.3, output: 1.5, cache_read: 0.03, long: {{above: 200000, input: 0.6, output: 2.25}}}}
    prefill: true
    max_output: 32000
    input: [text, image]
    tools: true
    deprecated: 2027-03-01
{today}
    source: litellm.json   # by hand
"
    );
    assert_eq!(copy.text(), before.replace(small, &new_small).replace(big, &new_big));

    // Once more, and nothing is left to do.
    let again = copy.update(&lists[..4]).await;
    assert!(again.stdout.ends_with("0 rows changed, 2 refused\n"), "{again:?}");
    assert!(
        again
            .stdout
            .contains("dear (litellm.json) refused: price.input 1 → 10 is ten times as much")
    );
    assert!(again.stdout.contains("gone (litellm.json) refused: price.input 1 → 0 is nothing"));
}

#[tokio::test]
async fn what_is_hard_to_believe_needs_a_word_of_somebody() {
    let copy = Copy::new();
    let before = copy.text();
    let dry = copy.update(&["--from-litellm", LITELLM, "--accept", "--dry-run"]).await;
    assert_eq!((dry.code, copy.text()), (Some(0), before), "{dry:?}");
    assert!(dry.stdout.ends_with("3 rows would change, 0 refused\n"), "{dry:?}");
    let ended = copy.update(&["--from-litellm", LITELLM, "--accept"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let text = copy.text();
    assert!(text.contains("price: {input: 10, output: 2}\n"), "{text}");
    assert!(text.contains("price: {input: 0, output: 0}\n"), "{text}");
}

#[tokio::test]
async fn new_models_come_only_when_they_are_asked_for() {
    let copy = Copy::new();
    let args = ["--from-openrouter", OPENROUTER, "--add", "maker/small*", "--add", "router/*"];
    let ended = copy.update(&args).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let text = copy.text();
    for row in [
        "\n  maker/small:\n",
        "\n  maker/small:free:\n",
        "\n  router/auto:\n    context: 2000000\n    as_of",
    ] {
        let quoted = row.replace("maker/small:free", "\"maker/small:free\"");
        assert!(text.contains(row) || text.contains(&quoted), "{row} in {text}");
    }
    assert!(!text.contains("other/twin"), "{text}");
}

#[tokio::test]
async fn a_list_is_fetched_from_where_it_is_published() {
    let copy = Copy::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/models", listener.local_addr().unwrap());
    let body = std::fs::read_to_string(PathBuf::from(ROOT).join(OPENROUTER)).unwrap();
    tokio::spawn(async move {
        for head in ["200 OK", "503 Busy"] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /models HTTP/1.1"));
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let ended = copy.update(&["--from-openrouter", &url]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(copy.text().contains(&format!("source: {url}\n")), "{}", copy.text());
    let before = copy.text();
    let busy = copy.update(&["--from-openrouter", &url]).await;
    assert!(busy.stderr.contains("it answered 503"), "{busy:?}");
    assert_eq!((busy.code, copy.text()), (Some(3), before));
}

#[tokio::test]
async fn what_cannot_be_read_changes_nothing() {
    let copy = Copy::new();
    let before = copy.text();
    let check = async |args: &[&str], words: &[&str]| {
        copy.update(args).await.refused(words);
        assert_eq!(copy.text(), before);
    };
    check(&["--from-litellm", "Cargo.toml"], &["`Cargo.toml` is no such list of models"]).await;
    check(&["--from-litellm", "nowhere.json"], &["cannot read `nowhere.json`"]).await;
    let one_line = before.replace(
        "  dear:\n    price: {input: 1, output: 2}\n    as_of: 2026-01-01\n    source: https://example.com/prices\n",
        "  dear: {price: {input: 1, output: 2}, as_of: 2026-01-01, source: x}\n",
    );
    assert_ne!(one_line, before);
    std::fs::write(copy.path(), &one_line).unwrap();
    let ended = copy.update(&["--from-litellm", LITELLM, "--accept"]).await;
    ended.refused(&["`dear` is written on one line"]);
    assert_eq!(copy.text(), one_line);
}

#[tokio::test]
async fn prices_are_shown_for_targets_and_for_models() {
    let shown = run(semroute(&["prices", "show", "--json"])).await;
    let rows: Vec<Value> = serde_json::from_str(&shown.stdout).unwrap();
    let luna = rows.iter().find(|row| row["model"] == "openai/gpt-6-luna").unwrap();
    assert_eq!(luna["price"]["input"], 0.1);
    assert_eq!(luna["price"]["long"]["above"], 272_000);
    assert_eq!(luna["catalog"]["row"], "gpt-6-luna");
    assert!(rows.len() > 20 && shown.code == Some(0), "{shown:?}");

    let named =
        run(semroute(&["prices", "show", "claude-opus-4.5", "groq/openai/gpt-oss-120b"])).await;
    assert_eq!(named.code, Some(0), "{named:?}");
    let lines: Vec<&str> = named.stdout.lines().collect();
    let opus = "claude-opus-4.5\t{input: 5, output: 25, cache_read: 0.5, cache_write: 6.25}\tcontext 200000\toutput 64000";
    assert!(lines[0].starts_with(opus), "{lines:?}");
    assert!(
        lines[1].starts_with("groq/openai/gpt-oss-120b\t{input: 0.15, output: 0.6}"),
        "{lines:?}"
    );
    let unknown = run(semroute(&["prices", "show", "no-such-model"])).await;
    assert_eq!(
        (unknown.code, unknown.stdout.as_str()),
        (Some(1), "no-such-model\tprice unknown\n")
    );
}
