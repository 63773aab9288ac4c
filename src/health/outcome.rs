//! What happened to an attempt, as data: whether the next target is tried, and whether this one is to blame.
//!
//! The body's error code is looked at before the status, because providers answer 400 for a key that is invalid and 429 for
//! an account without money.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::breaker::Event;

/// Error codes of a request that no other provider should be asked to answer: the provider refused its content.
const POLICY_CODES: [&str; 4] = [
    "content_filter",
    "content_policy_violation",
    "data_inspection_failed",
    "ResponsibleAIPolicyViolation",
];
/// Error codes and types of an account that has no money or quota left, whatever the status.
const QUOTA_CODES: [&str; 6] = [
    "insufficient_quota",
    "billing_error",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
];
/// Error codes and types of a key that is not accepted, whatever the status.
const CREDENTIAL_CODES: [&str; 4] =
    ["invalid_api_key", "authentication_error", "permission_error", "API_KEY_INVALID"];
/// How long a key without money is left alone.
const QUOTA_REST: Duration = Duration::from_secs(300);
/// Most of a provider's message that is passed on.
const MESSAGE_CHARS_MAX: usize = 600;

/// Which wait ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// TCP and TLS.
    Connect,
    /// The response head of an unstreamed answer.
    Answer,
    /// The first content of a streamed answer.
    FirstContent,
    /// Between two pieces of an answer.
    Idle,
    /// Everything together.
    Total,
}

/// What happened to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A whole answer.
    Served,
    /// No connection, or it broke before an answer began.
    Unreachable,
    /// A wait ran out.
    TimedOut(Phase),
    /// 429, or its code.
    RateLimited {
        /// The provider's hint.
        retry_after: Option<Duration>,
    },
    /// The account has no money or quota left.
    QuotaGone,
    /// The key is not accepted.
    CredentialRefused,
    /// The provider does not have this model.
    ModelMissing,
    /// 5xx, 408 or a redirect.
    ServerError,
    /// 200, but not an answer: HTML, broken JSON, empty.
    BadReply,
    /// An error object inside a stream that began well.
    InBandError,
    /// The answer began and then ended without its end.
    CutOff,
    /// The request itself is at fault.
    CallerFault,
    /// The provider refuses this content.
    Policy,
    /// The caller left.
    ClientGone,
}

/// What the executor does after an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another target may do better.
    TryNext,
    /// Nobody would do better, or the answer is there.
    Stop,
}

impl Outcome {
    /// Whether another target may do better.
    #[must_use]
    pub fn next(self) -> Next {
        match self {
            Self::Unreachable
            | Self::TimedOut(Phase::Connect | Phase::Answer | Phase::FirstContent | Phase::Idle)
            | Self::RateLimited { .. }
            | Self::QuotaGone
            | Self::CredentialRefused
            | Self::ModelMissing
            | Self::ServerError
            | Self::BadReply
            | Self::InBandError
            | Self::CutOff => Next::TryNext,
            Self::Served
            | Self::TimedOut(Phase::Total)
            | Self::CallerFault
            | Self::Policy
            | Self::ClientGone => Next::Stop,
        }
    }

    /// Whether the target may work again without anybody's help. A key, a bill or a model's name is for the operator to mend.
    #[must_use]
    pub fn heals(self) -> bool {
        !matches!(self, Self::CredentialRefused | Self::QuotaGone | Self::ModelMissing)
    }

    /// What the target's breaker hears.
    #[must_use]
    pub fn event(self) -> Event {
        match self {
            Self::Served => Event::Succeeded,
            Self::RateLimited { retry_after } => Event::RateLimited { retry_after },
            Self::QuotaGone => Event::RateLimited { retry_after: Some(QUOTA_REST) },
            Self::Unreachable
            | Self::TimedOut(Phase::Connect | Phase::Answer | Phase::FirstContent | Phase::Idle)
            | Self::CredentialRefused
            | Self::ModelMissing
            | Self::ServerError
            | Self::BadReply
            | Self::InBandError
            | Self::CutOff => Event::Failed,
            // The caller sets the total, so a caller in a hurry must not be able to shut a target.
            Self::TimedOut(Phase::Total) | Self::CallerFault | Self::Policy | Self::ClientGone => {
                Event::Undecided
            }
        }
    }

    /// A stable word for logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Unreachable => "unreachable",
            Self::TimedOut(Phase::Connect) => "connect_timeout",
            Self::TimedOut(Phase::Answer) => "answer_timeout",
            Self::TimedOut(Phase::FirstContent) => "first_content_timeout",
            Self::TimedOut(Phase::Idle) => "idle_timeout",
            Self::TimedOut(Phase::Total) => "deadline",
            Self::RateLimited { .. } => "rate_limited",
            Self::QuotaGone => "quota_gone",
            Self::CredentialRefused => "credential_refused",
            Self::ModelMissing => "model_missing",
            Self::ServerError => "server_error",
            Self::BadReply => "bad_reply",
            Self::InBandError => "in_band_error",
            Self::CutOff => "cut_off",
            Self::CallerFault => "caller_fault",
            Self::Policy => "policy",
            Self::ClientGone => "client_gone",
        }
    }
}

/// A provider's error in OpenAI's four fields, whatever form it came in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// In the provider's words, shortened.
    pub message: String,
    /// Such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The field that is wrong.
    pub param: Option<String>,
    /// Such as `context_length_exceeded`.
    pub code: Option<String>,
}

impl ProviderError {
    /// Reads an error body; one that is not JSON gives no message, because it is often a page of HTML.
    #[must_use]
    pub fn parse(body: &str) -> Self {
        #[derive(Deserialize, Default)]
        struct Wire {
            #[serde(default)]
            message: Option<Value>,
            #[serde(default, rename = "type", alias = "status")]
            kind: Option<Value>,
            #[serde(default)]
            param: Option<Value>,
            #[serde(default)]
            code: Option<Value>,
        }
        let text = |value: Option<Value>| match value {
            Some(Value::String(word)) => Some(word),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(_) | None => None,
        };
        let Ok(whole) = serde_json::from_str::<Value>(body) else { return Self::default() };
        // Google wraps its error in an array of one.
        let whole = whole.get(0).cloned().unwrap_or(whole);
        let inner = match whole.get("error") {
            Some(Value::String(message)) => {
                return Self { message: shorten(message), ..Self::default() };
            }
            Some(inner) => inner.clone(),
            None => whole,
        };
        let detail = inner.get("detail").map(|detail| match detail {
            Value::String(said) => said.clone(),
            other => other.to_string(),
        });
        let wire: Wire = serde_json::from_value(inner).unwrap_or_default();
        let message = text(wire.message).or(detail).unwrap_or_default();
        Self {
            message: shorten(&message),
            kind: text(wire.kind),
            param: text(wire.param),
            code: text(wire.code),
        }
    }

    /// What the code alone says, whatever the status.
    fn verdict(&self) -> Option<Outcome> {
        if self.is_any_of(&POLICY_CODES) {
            Some(Outcome::Policy)
        } else if self.is_any_of(&QUOTA_CODES) {
            Some(Outcome::QuotaGone)
        } else if self.is_any_of(&CREDENTIAL_CODES) {
            Some(Outcome::CredentialRefused)
        } else {
            None
        }
    }

    fn is_any_of(&self, known: &[&str]) -> bool {
        let said = [self.code.as_deref(), self.kind.as_deref()];
        said.into_iter().flatten().any(|word| known.contains(&word))
    }
}

/// Turns a response that is not 200 into an outcome. `retry_after` is the provider's hint, already read.
#[must_use]
pub fn classify(status: u16, error: &ProviderError, retry_after: Option<Duration>) -> Outcome {
    if let Some(verdict) = error.verdict() {
        return verdict;
    }
    match status {
        402 => Outcome::QuotaGone,
        429 => Outcome::RateLimited { retry_after },
        503 if retry_after.is_some() => Outcome::RateLimited { retry_after },
        401 | 403 => Outcome::CredentialRefused,
        404 => Outcome::ModelMissing,
        408 | 409 | 300..=399 | 500.. => Outcome::ServerError,
        400..=499 => Outcome::CallerFault,
        _ => Outcome::BadReply,
    }
}

/// The same for an error inside a response that began with 200. Some providers give it the status it should have had.
#[must_use]
pub fn classify_in_band(error: &ProviderError) -> (Outcome, Option<u16>) {
    let code = error.code.as_deref().and_then(|code| code.parse::<u16>().ok());
    match code.filter(|code| (400..600).contains(code)) {
        Some(status) => (classify(status, error, None), Some(status)),
        None => (error.verdict().unwrap_or(Outcome::InBandError), None),
    }
}

fn shorten(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str, expected: Outcome) {
        assert_eq!(
            classify(status, &ProviderError::parse(body), None),
            expected,
            "{status} {body}"
        );
    }

    #[test]
    fn the_body_says_more_than_the_status() {
        let limited = Outcome::RateLimited { retry_after: None };
        check(429, r#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#, limited);
        check(
            429,
            r#"{"error":{"message":"pay","type":"insufficient_quota"}}"#,
            Outcome::QuotaGone,
        );
        check(402, "{}", Outcome::QuotaGone);
        check(401, r#"{"error":{"message":"key"}}"#, Outcome::CredentialRefused);
        check(400, r#"{"error":{"code":"invalid_api_key"}}"#, Outcome::CredentialRefused);
        check(400, r#"{"error":{"code":"content_filter"}}"#, Outcome::Policy);
        check(400, r#"{"error":{"code":"context_length_exceeded"}}"#, Outcome::CallerFault);
        check(422, r#"{"detail":[{"msg":"bad"}]}"#, Outcome::CallerFault);
        check(404, "", Outcome::ModelMissing);
        check(500, "<html>", Outcome::ServerError);
        check(529, r#"{"type":"error","error":{"type":"overloaded_error"}}"#, Outcome::ServerError);
        check(302, "", Outcome::ServerError);
        check(204, "", Outcome::BadReply);
    }

    #[test]
    fn an_error_without_a_status_is_known_by_its_code() {
        for (code, expected) in [
            ("503", Outcome::ServerError),
            ("400", Outcome::CallerFault),
            (r#""content_filter""#, Outcome::Policy),
            (r#""insufficient_quota""#, Outcome::QuotaGone),
            (r#""invalid_api_key""#, Outcome::CredentialRefused),
            (r#""overloaded""#, Outcome::InBandError),
            ("7", Outcome::InBandError),
            ("null", Outcome::InBandError),
        ] {
            let error = ProviderError::parse(&format!(r#"{{"error":{{"code":{code}}}}}"#));
            assert_eq!(classify_in_band(&error).0, expected, "{code}");
        }
    }

    #[test]
    fn error_bodies_of_every_form_give_their_message() {
        for (body, message, code) in [
            (r#"{"error":{"message":"m","code":"c","param":"p","type":"t"}}"#, "m", Some("c")),
            (r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#, "m", None),
            (
                r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
                "m",
                Some("429"),
            ),
            (r#"{"message":"m","id":"1"}"#, "m", None),
            (r#"{"object":"error","message":"m","code":"1500"}"#, "m", Some("1500")),
            (r#"{"error":"m"}"#, "m", None),
            (r#"{"detail":"m"}"#, "m", None),
            ("<html>m</html>", "", None),
            ("", "", None),
        ] {
            let error = ProviderError::parse(body);
            assert_eq!((error.message.as_str(), error.code.as_deref()), (message, code), "{body}");
        }
    }
}
