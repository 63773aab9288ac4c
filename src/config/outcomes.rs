//! What a user may write in `rules/outcomes.yaml`, and its check: the ordered table of what a provider's error means.
//!
//! The shipped table is part of the program. A file beside the configuration replaces it as a whole.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::node::{self, Kind, Node};
use super::problem::{Problems, join};
use super::raw_dialects::RawProtocol;
use super::{Dialect, Environment, shape};

/// The shipped table.
pub(super) const SHIPPED: &str = include_str!("../../rules/outcomes.yaml");
/// The only version of the format so far.
const VERSION: u64 = 1;
/// What HTTP can answer.
const STATUSES: RangeInclusive<u16> = 100..=599;
/// Stands in a list of statuses for an error inside an answer that names no status of its own.
const IN_BAND: &str = "in_band";

/// What providers' errors and headers mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcomes {
    /// The first row that fits counts, and the last one fits everything.
    pub rows: Vec<OutcomeRow>,
    /// Where providers report how much is left.
    pub limits: Vec<LimitHeaders>,
}

/// The lower-case names of two headers about one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitHeaders {
    /// How much is left.
    pub remaining: String,
    /// When all of it is there again.
    pub reset: String,
}

/// One row: what has to hold, and what the error then means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRow {
    /// Its line in the file, counted from 1.
    pub line: usize,
    /// What has to hold.
    pub when: Signs,
    /// What the error then means.
    pub meaning: Meaning,
}

/// What an error is recognised by. Every kind of sign that is named has to be there; of several values one is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// What the provider speaks; any dialect when empty.
    pub dialect: Option<Dialect>,
    /// Statuses.
    pub statuses: Vec<Status>,
    /// Error codes, and the reasons and quotas that some providers name beside them.
    pub codes: Vec<String>,
    /// Error types, and the words that some providers have instead.
    pub kinds: Vec<String>,
    /// How the message begins, in lower case.
    pub beginnings: Vec<String>,
    /// What the message or one of the reasons contains, in lower case.
    pub phrases: Vec<String>,
    /// Headers by lower-case name, and what their value contains, in lower case.
    pub headers: Vec<(String, String)>,
    /// The provider says how long to stay away.
    pub hinted: bool,
}

/// A status in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// One of these, as the response or the error itself says.
    Number(RangeInclusive<u16>),
    /// An error inside an answer that names no status of its own.
    InBand,
}

/// What an error means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Too many requests; waiting helps.
    RateLimited,
    /// No money or quota left; waiting a little does not help.
    QuotaGone,
    /// The key is not accepted.
    CredentialRefused,
    /// The key may not use this model, or not from here.
    Forbidden,
    /// The provider does not have this model.
    ModelMissing,
    /// This target cannot do what the request asks for; another one may.
    Unsupported,
    /// The provider's own trouble.
    ServerError,
    /// The provider has more to do than it can.
    Overloaded,
    /// Not an answer.
    BadReply,
    /// An error inside an answer that says nothing about its cause.
    InBandError,
    /// Longer than the model can read.
    ContextTooLong,
    /// The provider refuses this content.
    Policy,
    /// The request itself is at fault.
    CallerFault,
}

impl Meaning {
    /// Whether a target with such an error is set aside, at once or when it repeats.
    fn blames_target(self) -> bool {
        match self {
            Self::RateLimited
            | Self::QuotaGone
            | Self::CredentialRefused
            | Self::Forbidden
            | Self::ModelMissing
            | Self::ServerError
            | Self::Overloaded
            | Self::BadReply
            | Self::InBandError => true,
            Self::Unsupported | Self::ContextTooLong | Self::Policy | Self::CallerFault => false,
        }
    }
}

/// The whole file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawOutcomes {
    /// Version of this format; always 1.
    #[schemars(example = 1)]
    version: u64,
    /// From the most special to the row for everything else; the first that fits counts.
    #[schemars(example = json!([{"outcome": "caller_fault"}]))]
    rows: Vec<RawRow>,
    /// Headers in which providers report how much of a limit is left.
    #[serde(default)]
    limits: Vec<RawLimit>,
}

/// Two headers about one limit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawLimit {
    #[schemars(example = &"x-ratelimit-remaining-tokens")]
    remaining: String,
    #[schemars(example = &"x-ratelimit-reset-tokens")]
    reset: String,
}

/// What has to hold, and what the error then means.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawRow {
    #[serde(default)]
    dialect: Option<RawProtocol>,
    #[serde(default)]
    status: Vec<RawStatus>,
    #[serde(default)]
    code: Vec<String>,
    #[serde(default)]
    kind: Vec<String>,
    #[serde(default)]
    begins: Vec<String>,
    #[serde(default)]
    phrase: Vec<String>,
    #[serde(default)]
    header: BTreeMap<String, String>,
    #[serde(default)]
    hinted: bool,
    #[schemars(example = &"caller_fault")]
    outcome: Meaning,
}

/// `429`, `500-599` or `in_band`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("type" = ["integer", "string"]))]
struct RawStatus(Value);

/// Reads and checks a table; nothing when there is at least one error among the problems.
pub(super) fn check(
    text: &str,
    env: Environment<'_>,
    problems: &mut Problems<'_>,
) -> Option<Outcomes> {
    let before = problems.errors();
    let root = node::parse(text, env, problems)?;
    if matches!(root.kind, Kind::Null) {
        problems.error(0, "", "the file is empty; remove it, and the shipped table is used");
        return None;
    }
    let schema = schemars::schema_for!(RawOutcomes).to_value();
    let fitted = shape::fit(&root, &schema, problems);
    let raw: RawOutcomes = match serde_json::from_value(fitted) {
        Ok(raw) => raw,
        Err(_) if problems.errors() > before => return None,
        Err(error) => {
            problems.error(0, "", format!("not a table of outcomes: {error}"));
            return None;
        }
    };
    if raw.version != VERSION {
        let message = format!("version `{}` is not known; write {VERSION}", raw.version);
        problems.error(root.line_of(&["version"]), "version", message);
    }
    let mut check = Check { root: &root, problems };
    let rows: Vec<OutcomeRow> =
        raw.rows.iter().enumerate().map(|(place, row)| check.row(row, place)).collect();
    let limits = raw.limits.iter().enumerate().map(|(place, limit)| check.limit(limit, place));
    let outcomes = Outcomes { limits: limits.collect(), rows };
    check.last(&outcomes.rows);
    // A row that lost a sign to a problem would seem to fit more than it does.
    if check.problems.errors() == before {
        check.order(&outcomes.rows);
    }
    (check.problems.errors() == before).then_some(outcomes)
}

/// The shipped table, for tests of what it says.
#[cfg(test)]
pub(crate) fn shipped() -> Option<Outcomes> {
    check(SHIPPED, &|_| None, &mut Problems::new(std::path::Path::new("outcomes.yaml")))
}

struct Check<'a, 'p, 'f> {
    root: &'a Node,
    problems: &'p mut Problems<'f>,
}

impl Check<'_, '_, '_> {
    fn row(&mut self, raw: &RawRow, place: usize) -> OutcomeRow {
        let dialect = raw.dialect.map(RawProtocol::dialect);
        let when = Signs {
            dialect,
            statuses: self.statuses(&raw.status, place),
            codes: self.words(&raw.code, place, "code"),
            kinds: self.words(&raw.kind, place, "kind"),
            beginnings: self.words(&raw.begins, place, "begins"),
            phrases: self.words(&raw.phrase, place, "phrase"),
            headers: self.headers(&raw.header, place),
            hinted: raw.hinted,
        };
        if raw.outcome.blames_target() && can_be_forged(&when) {
            let message = "providers repeat a caller's words in errors of status 400, 413 and 422, so \
                           any caller could shut a target with them; write `begins`, a code or another status";
            self.error(place, "phrase", message);
        }
        let line = self.root.line_of(&["rows", &step(place)]);
        OutcomeRow { line, when, meaning: raw.outcome }
    }

    fn statuses(&mut self, raw: &[RawStatus], place: usize) -> Vec<Status> {
        let mut statuses = Vec::new();
        for RawStatus(written) in raw {
            match status(written) {
                Some(status) => statuses.push(status),
                None => {
                    let message =
                        format!("`{written}` is none; write `429`, `500-599` or `in_band`");
                    self.error(place, "status", message.replace('"', ""));
                }
            }
        }
        statuses
    }

    fn words(&mut self, raw: &[String], place: usize, key: &str) -> Vec<String> {
        if raw.iter().any(|word| word.trim().is_empty()) {
            self.error(place, key, "empty text fits every error; remove it");
        }
        raw.iter().map(|word| word.trim().to_lowercase()).collect()
    }

    fn headers(&mut self, raw: &BTreeMap<String, String>, place: usize) -> Vec<(String, String)> {
        let mut headers = Vec::new();
        for (name, value) in raw {
            let name = self.header(name, &["rows", &step(place), "header"]);
            headers.push((name, value.to_lowercase()));
        }
        headers
    }

    fn limit(&mut self, raw: &RawLimit, place: usize) -> LimitHeaders {
        let step = step(place);
        LimitHeaders {
            remaining: self.header(&raw.remaining, &["limits", &step, "remaining"]),
            reset: self.header(&raw.reset, &["limits", &step, "reset"]),
        }
    }

    fn header(&mut self, name: &str, path: &[&str]) -> String {
        // RFC 9110 section 5.6.2.
        let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_part) {
            self.error_at(path, format!("`{name}` is no name of a header"));
        }
        name.to_ascii_lowercase()
    }

    /// Something fits whatever comes.
    fn last(&mut self, rows: &[OutcomeRow]) {
        if rows.last().is_none_or(|last| last.when != Signs::default()) {
            let message = "the last row has to fit everything; end with `- {outcome: bad_reply}`";
            self.problems.error(self.root.line_of(&["rows"]), "rows", message);
        }
    }

    /// Every row can be reached.
    fn order(&mut self, rows: &[OutcomeRow]) {
        for (place, row) in rows.iter().enumerate() {
            let earlier = rows
                .iter()
                .take(place)
                .find(|earlier| earlier.when == row.when || earlier.when == Signs::default());
            if let Some(earlier) = earlier {
                let message = format!(
                    "never reached, because the row on line {} fits first; remove one of them",
                    earlier.line
                );
                self.error(place, "", message);
            }
        }
    }

    fn error(&mut self, place: usize, key: &str, message: impl Into<String>) {
        let step = step(place);
        let path: Vec<&str> =
            ["rows", &step, key].into_iter().filter(|step| !step.is_empty()).collect();
        self.error_at(&path, message);
    }

    fn error_at(&mut self, path: &[&str], message: impl Into<String>) {
        let shown = path.iter().fold(String::new(), |shown, step| join(&shown, step));
        self.problems.error(self.root.line_of(path), &shown, message);
    }
}

fn status(written: &Value) -> Option<Status> {
    let text = written.as_str().map_or_else(|| written.to_string(), str::to_owned);
    if text == IN_BAND {
        return Some(Status::InBand);
    }
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let is_range = STATUSES.contains(&first) && STATUSES.contains(&last) && first <= last;
    is_range.then_some(Status::Number(first..=last))
}

/// Whether a caller can bring such an error about by writing the phrase into a request.
fn can_be_forged(signs: &Signs) -> bool {
    let in_quoting = |status: &Status| match status {
        Status::Number(range) => [400, 413, 422].iter().any(|quoting| range.contains(quoting)),
        Status::InBand => true,
    };
    let by_words_only =
        signs.codes.is_empty() && signs.beginnings.is_empty() && signs.headers.is_empty();
    let may_quote = signs.statuses.is_empty() || signs.statuses.iter().any(in_quoting);
    by_words_only && may_quote && !signs.phrases.is_empty()
}

fn step(place: usize) -> String {
    format!("[{place}]")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn check_text(text: &str, expected: &[&str]) {
        let mut problems = Problems::new(Path::new("o"));
        let rows = check(text, &|_| None, &mut problems);
        let said: Vec<String> = problems.found.iter().map(|each| each.to_string()).collect();
        assert_eq!(said, expected, "{text}");
        assert_eq!(rows.is_some(), expected.is_empty());
    }

    #[test]
    fn the_shipped_table_has_no_problem() {
        check_text(SHIPPED, &[]);
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_place() {
        check_text(
            "version: 2
rows:
  - {status: [99, 500-400, 4xx], outcome: server_error}
  - {phrase: [''], status: [429], outcome: rate_limited}
  - {phrase: [pay], status: [400-429], outcome: quota_gone}
  - {header: {'a b': x}, outcome: policy}
limits: [{remaining: é, reset: a}]
",
            &[
                "o:1: version: version `2` is not known; write 1",
                "o:3: rows[0].status: `99` is none; write `429`, `500-599` or `in_band`",
                "o:3: rows[0].status: `500-400` is none; write `429`, `500-599` or `in_band`",
                "o:3: rows[0].status: `4xx` is none; write `429`, `500-599` or `in_band`",
                "o:4: rows[1].phrase: empty text fits every error; remove it",
                "o:5: rows[2].phrase: providers repeat a caller's words in errors of status 400, 413 and \
                 422, so any caller could shut a target with them; write `begins`, a code or another status",
                "o:6: rows[3].header: `a b` is no name of a header",
                "o:7: limits[0].remaining: `é` is no name of a header",
                "o:2: rows: the last row has to fit everything; end with `- {outcome: bad_reply}`",
            ],
        );
        check_text(
            "version: 1\nrows:\n  - {statsu: [429], outcome: nothing}\n  - {}\n",
            &[
                "o:3: rows[0].statsu: unknown key; did you mean `status`?",
                "o:3: rows[0].outcome: `nothing` is unknown; known here: rate_limited, quota_gone, \
                 credential_refused, forbidden, model_missing, unsupported, server_error, overloaded, \
                 bad_reply, in_band_error, context_too_long, policy, caller_fault",
                "o:4: rows[1].outcome: missing; write it, such as `outcome: \"caller_fault\"`",
            ],
        );
        check_text("", &["o: the file is empty; remove it, and the shipped table is used"]);
    }

    #[test]
    fn every_row_is_reached_and_one_fits_everything() {
        check_text(
            "version: 1\nrows:\n  - {outcome: policy}\n  - {code: [a], outcome: policy}\n  - {outcome: policy}\n",
            &[
                "o:4: rows[1]: never reached, because the row on line 3 fits first; remove one of them",
                "o:5: rows[2]: never reached, because the row on line 3 fits first; remove one of them",
            ],
        );
        check_text(
            "version: 1
rows:
  - {code: [a], outcome: policy}
  - {code: [A], outcome: caller_fault}
  - {outcome: policy}
",
            &[
                "o:4: rows[1]: never reached, because the row on line 3 fits first; remove one of them",
            ],
        );
    }
}
