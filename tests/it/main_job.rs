//! The main job on real input: every prompt of a labelled benchmark through HTTP and the real binary, with the first provider of
//! every tier dead. Nobody may notice but the log.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

use crate::http::{Answer, chat, post};
use crate::process::{Gateway, serve};
use crate::shipped::{self, ROOT, brain, environment};
use crate::skip::{report, skip};

const PROMPTS: usize = 800;
/// Callers at a time.
const CALLERS: usize = 4;
/// Share of prompts that have to reach a tier which the benchmark accepts.
const ACCEPTED_MIN: f64 = 0.70;
/// How long the shipped rules let the embedder take.
const SHIPPED_DEADLINE_MS: u64 = 500;

#[derive(Deserialize)]
struct Row {
    text: String,
    label: String,
    accept: Vec<String>,
}

/// A whole answer, and where it came from.
struct Served {
    row: usize,
    tier: String,
    target: String,
    attempts: u32,
    reason: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_prompt_is_answered_while_the_first_provider_of_every_tier_is_dead() {
    let Some(rows) = rows() else {
        let remedy = "put the evaluation data beside the project, as ../shared/data, or name its folder \
             in SEMROUTE_DATA";
        return skip("the main job on real prompts (tier_dev.jsonl)", remedy);
    };
    assert_eq!(rows.len(), PROMPTS);
    let rows = Arc::new(rows);
    let dead = first_providers();
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(command(&dead, folder.path())).await;

    let served = ask_all(&rows, &gateway.url).await;
    gateway.terminate().await;
    let ended = gateway.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    assert_eq!(served.len(), PROMPTS);
    let dead_answers = served.iter().filter(|one| dead.iter().any(|name| one.is_from(name)));
    assert_eq!(dead_answers.count(), 0);
    let failed: Vec<&Served> =
        served.iter().filter(|one| one.reason == "embedder_failed").collect();
    assert_eq!(failed.len(), 0, "the embedder was late or busy");
    for tier in &brain().snapshot.config().tiers {
        let walked = served.iter().any(|one| one.tier == tier.name && one.attempts > 1);
        assert!(walked, "no failover in tier {}", tier.name);
    }
    let log = Log::parse(&ended.stderr);
    assert_eq!(log.endings, BTreeMap::from([("served".to_owned(), PROMPTS)]));
    let accepted = judge(&rows, &served, &log);
    assert!(accepted >= ACCEPTED_MIN, "{accepted}");
}

/// A gateway with the shipped rules but for the embedder's deadline: a debug build that shares its processors with other tests is
/// sometimes late for the shipped one, and a prompt that was not read proves nothing about the rules.
fn command(dead: &BTreeSet<String>, folder: &Path) -> Command {
    let deadline = format!("deadline_ms: {SHIPPED_DEADLINE_MS}");
    let rules = shipped::rules();
    assert!(rules.contains(&deadline));
    let path = folder.join("rules.yaml");
    std::fs::write(&path, rules.replace(&deadline, "deadline_ms: 60000")).unwrap();
    let mut command = serve(&["--config", path.to_str().unwrap()]);
    command.args(dead.iter().flat_map(|name| ["--sandbox-down", name]));
    command.env("LOG_FORMAT", "json");
    command
}

impl Served {
    fn is_from(&self, provider: &str) -> bool {
        self.target.split('/').next() == Some(provider)
    }
}

/// The prompts, where this machine has them.
fn rows() -> Option<Vec<Row>> {
    let folder = environment("SEMROUTE_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(ROOT).join("../shared/data"));
    let text = std::fs::read_to_string(folder.join("tier_dev.jsonl")).ok()?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn first_providers() -> BTreeSet<String> {
    let first = brain().snapshot.config().tiers.iter().map(|tier| &tier.targets[0]);
    first.map(|target| target.provider.name.clone()).collect()
}

/// Every second prompt is streamed.
async fn ask_all(rows: &Arc<Vec<Row>>, url: &str) -> Vec<Served> {
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (rows, url) = (Arc::clone(rows), format!("{url}/chat/completions"));
            tokio::spawn(async move {
                let mut served = Vec::new();
                for at in (caller..rows.len()).step_by(CALLERS) {
                    let mode =
                        if (at / CALLERS).is_multiple_of(2) { Mode::Stream } else { Mode::Whole };
                    served.push(ask(at, &rows[at].text, &url, mode).await);
                }
                served
            })
        })
        .collect();
    let mut all = Vec::new();
    for caller in callers {
        all.extend(caller.await.unwrap());
    }
    all
}

/// How a prompt is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Whole,
    Stream,
}

async fn ask(row: usize, text: &str, url: &str, mode: Mode) -> Served {
    let mut body = chat(text);
    body["stream"] = (mode == Mode::Stream).into();
    let answer = post(url, &body).await;
    assert_eq!(answer.status, 200, "row {row}: {}", answer.body);
    match mode {
        Mode::Stream => assert_whole_stream(row, &answer),
        Mode::Whole => assert_whole_answer(row, &answer),
    }
    Served {
        row,
        tier: answer.header("tier"),
        target: answer.header("target"),
        attempts: answer.header("attempts").parse().unwrap(),
        reason: answer.header("reason"),
    }
}

fn assert_whole_answer(row: usize, answer: &Answer) {
    let choice = &answer.json()["choices"][0];
    assert_eq!(choice["finish_reason"], "stop", "row {row}: {choice}");
    let text = choice["message"]["content"].as_str().unwrap();
    assert!(!text.is_empty(), "row {row}: {choice}");
}

/// A stream is whole when it has content, a finish reason and the sentinel, and no error.
fn assert_whole_stream(row: usize, answer: &Answer) {
    let body = &answer.body;
    let events: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (sentinel, chunks) = events.split_last().unwrap();
    assert_eq!(*sentinel, "[DONE]", "row {row}: {body}");
    let chunks: Vec<Value> =
        chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    assert!(chunks.iter().all(|chunk| chunk.get("error").is_none()), "row {row}: {body}");
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert!(!text.is_empty(), "row {row}: {body}");
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop", "row {row}: {body}");
}

/// What the gateway's log says about its requests.
struct Log {
    endings: BTreeMap<String, usize>,
    decisions_us: Vec<u64>,
}

impl Log {
    fn parse(stderr: &str) -> Self {
        let mut log = Self { endings: BTreeMap::new(), decisions_us: Vec::new() };
        let lines = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        for line in lines.filter(|line| line["target"] == "semroute::receipt") {
            let ending = line["ending"].as_str().unwrap().to_owned();
            *log.endings.entry(ending).or_default() += 1;
            let took = |field: &str| line[field].as_u64().unwrap();
            log.decisions_us.push(took("embed_us") + took("decide_us"));
        }
        log.decisions_us.sort_unstable();
        log
    }

    fn percentile_ms(&self, percent: usize) -> u64 {
        let rank = (self.decisions_us.len() * percent).div_ceil(100).max(1);
        self.decisions_us[rank - 1] / 1000
    }
}

/// Prints the figures and returns the accepted share.
fn judge(rows: &[Row], served: &[Served], log: &Log) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let share = |count: usize| number(count) / number(rows.len());
    let right = served.iter().filter(|one| rows[one.row].label == one.tier).count();
    let accepted = served.iter().filter(|one| {
        let row = &rows[one.row];
        row.label == one.tier || row.accept.contains(&one.tier)
    });
    let (right, accepted) = (share(right), share(accepted.count()));
    let walked = served.iter().filter(|one| one.attempts > 1).count();
    let late = log.decisions_us.iter().filter(|took| **took > SHIPPED_DEADLINE_MS * 1000).count();
    report(&format!(
        "main job: {PROMPTS} prompts, {} answers, 0 errors; {walked} answers needed a failover\n\
         tier accuracy {right:.3}, accepted {accepted:.3}; decision p50 {} ms, p95 {} ms \
         ({CALLERS} callers, this build), {late} above the shipped {SHIPPED_DEADLINE_MS} ms",
        served.len(),
        log.percentile_ms(50),
        log.percentile_ms(95),
    ));
    accepted
}
