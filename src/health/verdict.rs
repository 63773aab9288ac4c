//! What a provider's error means: the rows of `rules/outcomes.yaml`, asked in order.
//!
//! Only failures come here, so a walk over all rows is fast enough.

use std::fmt;
use std::time::Duration;

use super::outcome::Outcome;
use crate::config::{Dialect, LimitHeaders, Meaning, Outcomes, Signs, Status};
use crate::provider::{Headers, ProviderError};

/// Everything known about an error.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// What the provider speaks.
    pub dialect: Dialect,
    /// Of the response, or, inside an answer, the one that the error names itself.
    pub status: Option<u16>,
    /// What the body says.
    pub error: &'a ProviderError,
    /// Looks up a header of the response.
    pub header: Headers<'a>,
    /// How long to stay away, as the headers say.
    pub retry_after: Option<Duration>,
}

impl fmt::Debug for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dialect, status, error, header: _, retry_after } = self;
        f.debug_struct("Evidence")
            .field("dialect", dialect)
            .field("status", status)
            .field("error", error)
            .field("retry_after", retry_after)
            .finish_non_exhaustive()
    }
}

/// What an error means, and which row says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What the error means.
    pub outcome: Outcome,
    /// The line of the row in its file; 0 when no row fits, which a checked table rules out.
    pub line: usize,
}

/// The table in use.
#[derive(Debug)]
pub struct OutcomeTable {
    outcomes: Outcomes,
}

impl OutcomeTable {
    /// Takes a checked table.
    #[must_use]
    pub fn new(outcomes: Outcomes) -> Self {
        Self { outcomes }
    }

    /// The headers in which providers report how much is left.
    #[must_use]
    pub fn limits(&self) -> &[LimitHeaders] {
        &self.outcomes.limits
    }

    /// Names the first row that fits.
    #[must_use]
    pub fn classify(&self, evidence: &Evidence<'_>) -> Verdict {
        let retry_after = evidence.retry_after.or(evidence.error.retry_after);
        let reasons = evidence.error.reasons.iter().map(|reason| reason.to_lowercase());
        let scene = Scene {
            evidence: *evidence,
            message: evidence.error.message.to_lowercase(),
            reasons: reasons.collect(),
            is_hinted: retry_after.is_some(),
        };
        let Some(row) = self.outcomes.rows.iter().find(|row| scene.shows(&row.when)) else {
            return Verdict { outcome: Outcome::BadReply, line: 0 };
        };
        Verdict { outcome: outcome(row.meaning, retry_after), line: row.line }
    }
}

fn outcome(meaning: Meaning, retry_after: Option<Duration>) -> Outcome {
    match meaning {
        Meaning::RateLimited => Outcome::RateLimited { retry_after },
        Meaning::QuotaGone => Outcome::QuotaGone,
        Meaning::CredentialRefused => Outcome::CredentialRefused,
        Meaning::Forbidden => Outcome::Forbidden,
        Meaning::ModelMissing => Outcome::ModelMissing,
        Meaning::Unsupported => Outcome::Unsupported,
        Meaning::ServerError => Outcome::ServerError,
        Meaning::Overloaded => Outcome::Overloaded,
        Meaning::BadReply => Outcome::BadReply,
        Meaning::InBandError => Outcome::InBandError,
        Meaning::ContextTooLong => Outcome::ContextTooLong,
        Meaning::Policy => Outcome::Policy,
        Meaning::CallerFault => Outcome::CallerFault,
    }
}

/// Evidence with its texts in lower case.
struct Scene<'a> {
    evidence: Evidence<'a>,
    message: String,
    reasons: Vec<String>,
    is_hinted: bool,
}

impl Scene<'_> {
    fn shows(&self, signs: &Signs) -> bool {
        signs.dialect.is_none_or(|dialect| dialect == self.evidence.dialect)
            && (signs.statuses.is_empty() || signs.statuses.iter().any(|each| self.has(each)))
            && self.names(&signs.codes, self.evidence.error.code.as_deref())
            && self.names(&signs.kinds, self.evidence.error.kind.as_deref())
            && is_any(&signs.beginnings, |beginning| self.message.starts_with(beginning))
            && is_any(&signs.phrases, |phrase| self.says(phrase))
            && signs.headers.iter().all(|(name, part)| self.sent(name, part))
            && (!signs.hinted || self.is_hinted)
    }

    fn has(&self, status: &Status) -> bool {
        match (status, self.evidence.status) {
            (Status::Number(range), Some(status)) => range.contains(&status),
            (Status::InBand, None) => true,
            (Status::Number(_), None) | (Status::InBand, Some(_)) => false,
        }
    }

    /// Reasons count as codes and as kinds, because providers do not agree which is which.
    fn names(&self, words: &[String], written: Option<&str>) -> bool {
        is_any(words, |word| {
            written.is_some_and(|written| written.eq_ignore_ascii_case(word))
                || self.reasons.iter().any(|reason| reason.eq_ignore_ascii_case(word))
        })
    }

    fn says(&self, phrase: &str) -> bool {
        self.message.contains(phrase) || self.reasons.iter().any(|reason| reason.contains(phrase))
    }

    fn sent(&self, name: &str, part: &str) -> bool {
        let value = (self.evidence.header)(name).unwrap_or_default().to_lowercase();
        value.contains(part)
    }
}

/// Whether one of the words holds, or none is asked for.
fn is_any(words: &[String], holds: impl Fn(&str) -> bool) -> bool {
    words.is_empty() || words.iter().any(|word| holds(word))
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
