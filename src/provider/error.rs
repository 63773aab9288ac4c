//! A provider's error, whatever form it came in.

use std::time::Duration;

use serde_json::Value;

use super::hints;
use super::scrub::scrub;
use crate::config::Secret;

/// Most of a provider's text that is passed on.
const MESSAGE_CHARS_MAX: usize = 600;

/// A provider's error in OpenAI's four fields, and what else it says about its cause.
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
    /// Inner codes, reasons and the names of exceeded quotas.
    pub reasons: Vec<String>,
    /// The status that the body itself names, which inside a 200 is the only one.
    pub status: Option<u16>,
    /// How long to stay away, where the body says so.
    pub retry_after: Option<Duration>,
}

impl ProviderError {
    /// Reads an error body. `key` and whatever else looks like one is taken out of every text before anybody sees it.
    ///
    /// A page of HTML or a piece of JSON gives no message, because neither helps a caller.
    #[must_use]
    pub fn parse(body: &str, key: Option<&Secret>) -> Self {
        let clean = |text: String| shorten(&scrub(&text, key));
        let Ok(whole) = serde_json::from_str::<Value>(body) else {
            let is_text = !body.trim_start().starts_with(['<', '{', '[', '"']);
            let message = if is_text { clean(body.trim().to_owned()) } else { String::new() };
            return Self {
                retry_after: hints::wait_in_words(&message),
                message,
                ..Self::default()
            };
        };
        // Google wraps its error in an array of one.
        let whole = whole.get(0).unwrap_or(&whole);
        let inner = whole.get("error").filter(|error| error.is_object()).unwrap_or(whole);
        let message = said(inner).map(clean).unwrap_or_default();
        let mut words = words(inner).map(clean);
        Self {
            kind: words.next(),
            param: word(inner.get("param")).map(clean),
            code: word(inner.get("code")).map(clean),
            reasons: words.chain(reasons(inner).map(clean)).collect(),
            status: own_status(inner),
            retry_after: retry_delay(inner).or_else(|| hints::wait_in_words(&message)),
            message,
        }
    }
}

/// The text of an error: `message`, the error itself, `detail`, or, of a list, all of them.
fn said(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().filter_map(said).collect();
            (!texts.is_empty()).then(|| texts.join("; "))
        }
        Value::Object(fields) => {
            let keys = ["message", "Message", "error", "detail", "msg", "title"];
            let text = keys.iter().find_map(|key| said(fields.get(*key)?))?;
            if let Some(Value::Array(place)) = fields.get("loc") {
                let steps: Vec<String> = place.iter().filter_map(|step| word(Some(step))).collect();
                return Some(format!("{}: {text}", steps.join(".")));
            }
            // An aggregator's own message says only that somebody behind it failed.
            let behind = value.pointer("/metadata/raw").and_then(Value::as_str);
            let behind = behind.map(|raw| {
                let parsed: Option<Value> = serde_json::from_str(raw).ok();
                parsed.as_ref().and_then(said).unwrap_or_else(|| raw.to_owned())
            });
            Some(match behind {
                Some(behind) => format!("{text}: {behind}"),
                None => text,
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The words with which the error names its own kind, the most usual first.
fn words(error: &Value) -> impl Iterator<Item = String> {
    let keys = ["type", "status", "error_type", "__type"];
    let found = keys.into_iter().filter_map(|key| error.get(key)?.as_str());
    // AWS puts a namespace before it: `com.amazon.coral.service#AccessDeniedException`.
    found.map(|word| word.rsplit('#').next().unwrap_or(word).to_owned())
}

fn reasons(error: &Value) -> impl Iterator<Item = String> {
    let inner = ["/innererror/code", "/inner_error/code", "/metadata/error_type"];
    let inner = inner.into_iter().filter_map(|path| word(error.pointer(path)));
    // https://cloud.google.com/apis/design/errors: `ErrorInfo.reason`, `QuotaFailure.violations`.
    let details = details(error).flat_map(|detail| {
        let violations = detail.get("violations").and_then(Value::as_array).into_iter().flatten();
        let quotas = violations.filter_map(|violation| word(violation.get("quotaId")));
        word(detail.get("reason")).into_iter().chain(quotas)
    });
    inner.chain(details)
}

fn own_status(error: &Value) -> Option<u16> {
    let said = ["code", "status", "status_code"].into_iter().filter_map(|key| error.get(key));
    let mut numbers = said.filter_map(|value| word(Some(value))?.parse::<u16>().ok());
    numbers.find(|number| (400..600).contains(number))
}

/// `google.rpc.RetryInfo`.
fn retry_delay(error: &Value) -> Option<Duration> {
    details(error).find_map(|detail| hints::go_duration(detail.get("retryDelay")?.as_str()?))
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error.get("details").and_then(Value::as_array).into_iter().flatten()
}

fn word(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(word) => Some(word.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (r#"{"Message":"m"}"#, "m", None),
            (r#"{"object":"error","message":"m","code":"1500"}"#, "m", Some("1500")),
            (r#"{"error":"m"}"#, "m", None),
            (r#"{"code":"c","error":"m"}"#, "m", Some("c")),
            (r#"{"error":["m","n"]}"#, "m; n", None),
            (r#"{"detail":"m"}"#, "m", None),
            (r#"{"detail":[{"loc":["body","n",0],"msg":"m"}]}"#, "body.n.0: m", None),
            (r#"{"message":{"detail":[{"loc":["n"],"msg":"m"}]}}"#, "n: m", None),
            (
                r#"{"error":{"message":"a","metadata":{"raw":"{\"error\":{\"message\":\"b\"}}"}}}"#,
                "a: b",
                None,
            ),
            (r#"{"error":{"message":"a","metadata":{"raw":"<b>"}}}"#, "a: <b>", None),
            (r#""m""#, "m", None),
            ("m\n", "m", None),
            ("<html>m</html>", "", None),
            (r#"{"error":{"message":"m"#, "", None),
            ("", "", None),
            ("17", "", None),
        ] {
            let error = ProviderError::parse(body, None);
            assert_eq!((error.message.as_str(), error.code.as_deref()), (message, code), "{body}");
        }
    }

    #[test]
    fn kinds_reasons_status_and_wait_are_found_wherever_they_stand() {
        let body = r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[
            {"reason":"RATE","violations":[{"quotaId":"PerDay"}]},{"retryDelay":"37s"}]}}]"#;
        let error = ProviderError::parse(body, None);
        assert_eq!(error.kind.as_deref(), Some("RESOURCE_EXHAUSTED"));
        assert_eq!(error.reasons, ["RATE", "PerDay"]);
        assert_eq!((error.status, error.retry_after), (Some(429), Some(Duration::from_secs(37))));

        let nested = r#"{"__type":"a.b#C","type":"T","code":7,"innererror":{"code":"I"}}"#;
        let inner = ProviderError::parse(nested, None);
        assert_eq!((inner.kind.as_deref(), inner.status), (Some("T"), None));
        assert_eq!(inner.reasons, ["C", "I"]);
    }

    #[test]
    fn no_field_of_a_body_shows_the_key() {
        let secret = "own-key-0123";
        let key = Secret::new(secret.to_owned());
        let padding = "x".repeat(MESSAGE_CHARS_MAX - 4);
        let header = format!("Authorization: Bearer {secret}");
        for body in [
            serde_json::json!({"error": {"message": header, "code": header, "type": header,
                "param": header, "innererror": {"code": header}, "metadata": {"raw": header}}})
            .to_string(),
            serde_json::json!({"message": format!("{padding}{secret}")}).to_string(),
            header.clone(),
        ] {
            let shown = format!("{:?}", ProviderError::parse(&body, Some(&key)));
            assert!(!shown.contains(secret) && !shown.contains("own-"), "{shown}");
        }
    }
}
