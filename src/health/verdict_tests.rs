//! The shipped table against the errors of `tests/golden/errors.jsonl`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::config::{self, OutcomeRow};
use crate::health::{Event, Events, Next};
use crate::provider::retry_after;

/// A line of `tests/golden/errors.jsonl`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    provider: String,
    /// Nothing: the error stands inside an answer.
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A text is the body as it comes; anything else is its JSON.
    body: Value,
    outcome: String,
    #[serde(default)]
    hint: Option<f64>,
}

fn table() -> OutcomeTable {
    OutcomeTable::new(config::shipped_outcomes().expect("the shipped table has no problem"))
}

fn corpus() -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/errors.jsonl");
    let text = std::fs::read_to_string(path).expect("the corpus");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

impl Row {
    fn body(&self) -> String {
        self.body.as_str().map_or_else(|| self.body.to_string(), str::to_owned)
    }

    fn verdict(&self, table: &OutcomeTable) -> (Verdict, Option<Duration>) {
        let error = ProviderError::parse(&self.body(), None);
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        let retry_after = retry_after(&header, table.limits(), Duration::ZERO);
        let evidence = Evidence {
            dialect: Dialect::OpenAi,
            status: self.status.or(error.status),
            error: &error,
            header: &header,
            retry_after,
        };
        (table.classify(&evidence), retry_after.or(error.retry_after))
    }
}

#[test]
fn every_error_of_the_corpus_is_classified() {
    let (table, rows) = (table(), corpus());
    let providers: BTreeSet<&str> = rows.iter().map(|row| row.provider.as_str()).collect();
    assert!(rows.len() >= 300 && providers.len() >= 20, "{} of {providers:?}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let (verdict, hint) = row.verdict(&table);
        let found = (verdict.outcome.label(), hint.map(|hint| hint.as_secs_f64()));
        if found != (row.outcome.as_str(), row.hint) {
            wrong.push(format!("line {} gives {found:?}: {row:?}", verdict.line));
        }
        if let Outcome::RateLimited { retry_after } = verdict.outcome {
            assert_eq!(retry_after, hint, "{row:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_row_is_without_an_error_of_the_corpus() {
    let table = table();
    let hit: BTreeSet<usize> = corpus().iter().map(|row| row.verdict(&table).0.line).collect();
    let dead: Vec<usize> =
        table.outcomes.rows.iter().map(|row| row.line).filter(|line| !hit.contains(line)).collect();
    assert!(dead.is_empty(), "lines of rules/outcomes.yaml that nothing hits: {dead:?}");
}

#[test]
fn no_word_of_a_row_is_without_an_error_of_the_corpus() {
    let (table, rows) = (table(), corpus());
    let errors = rows.iter().map(|row| {
        let ProviderError { message, kind, code, reasons, .. } =
            ProviderError::parse(&row.body(), None);
        let words = reasons.into_iter().chain(kind).chain(code).chain([message]);
        (row.verdict(&table).0.line, words.collect::<Vec<String>>().join("\n").to_lowercase())
    });
    let errors: Vec<(usize, String)> = errors.collect();
    let mut unused = Vec::new();
    for OutcomeRow { line, when, .. } in &table.outcomes.rows {
        let words = [&when.codes, &when.kinds, &when.beginnings, &when.phrases];
        let is_said = |word: &&String| {
            errors.iter().any(|(at, said)| at == line && said.contains(&word.to_lowercase()))
        };
        unused.extend(words.into_iter().flatten().filter(|word| !is_said(word)));
    }
    assert!(unused.is_empty(), "words that no error of the corpus says: {unused:?}");
}

/// Whatever a caller writes into a request, and a provider repeats, nobody else's target is shut for it.
#[test]
fn words_that_a_caller_made_a_provider_repeat_shut_no_target() {
    let table = table();
    let words = table.outcomes.rows.iter().flat_map(|row| {
        let signs = &row.when;
        signs.phrases.iter().chain(&signs.beginnings).chain(&signs.codes).chain(&signs.kinds)
    });
    for word in words {
        for status in [400, 413, 422] {
            let message = format!("Invalid value: '{word}'. Try again in 300s. {word}");
            let body = serde_json::json!({"error": {"message": message, "type": "invalid_request_error",
                "param": word, "code": "invalid_value"}});
            let error = ProviderError::parse(&body.to_string(), None);
            let evidence = Evidence {
                dialect: Dialect::OpenAi,
                status: Some(status),
                error: &error,
                header: &|_| None,
                retry_after: None,
            };
            let outcome = table.classify(&evidence).outcome;
            let Events { credential, deployment, .. } = outcome.events();
            let undecided = (Event::Undecided, Event::Undecided);
            assert_eq!((credential, deployment), undecided, "{status} {word} gives {outcome:?}");
        }
    }
}

#[test]
fn a_refusal_is_never_sent_on_whatever_stands_beside_it() {
    let table = table();
    for status in (200..600).map(Some).chain([None]) {
        for code in ["content_filter", "data_inspection_failed", "content_policy_violation"] {
            let body = serde_json::json!({"error": {"message": "prompt is too long", "code": code,
                "type": "insufficient_quota", "status": "RESOURCE_EXHAUSTED"}});
            let error = ProviderError::parse(&body.to_string(), None);
            let evidence = Evidence {
                dialect: Dialect::OpenAi,
                status,
                error: &error,
                header: &|_| Some("ThrottlingException"),
                retry_after: Some(Duration::ZERO),
            };
            assert_eq!(
                table.classify(&evidence).outcome.next(),
                Next::Refused,
                "{status:?} {code}"
            );
        }
    }
}

proptest! {
    /// Any body with any status gets a row, and never one that says an answer came.
    #[test]
    fn no_body_and_no_status_make_it_panic(
        status in proptest::option::of(any::<u16>()),
        text in ".{0,80}",
        cut in 0_usize..400,
        which in any::<proptest::sample::Index>(),
    ) {
        let (table, rows) = (table(), corpus());
        let whole = rows[which.index(rows.len())].body();
        let truncated: String = whole.chars().take(cut).chain(text.chars()).collect();
        for body in [text, truncated] {
            let error = ProviderError::parse(&body, None);
            let evidence = Evidence {
                dialect: Dialect::OpenAi,
                status,
                error: &error,
                header: &|_| Some("0"),
                retry_after: None,
            };
            let verdict = table.classify(&evidence);
            prop_assert!(verdict.line > 0 && verdict.outcome != Outcome::Served);
        }
    }
}
