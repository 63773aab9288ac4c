//! Takes keys out of what a provider says: some repeat the `Authorization` header in their error.

use crate::config::Secret;

const REDACTED: &str = "[redacted]";
/// A shorter key, such as the `none` of a local server, would make every text unreadable.
const KEY_CHARS_MIN: usize = 6;
/// Words before a credential in an `Authorization` header (RFC 9110 section 11.6.2).
const SCHEMES: [&str; 2] = ["bearer ", "basic "];
/// How keys of known kinds begin, those of other accounts included.
const PREFIXES: [&str; 11] =
    ["sk-", "sk_", "pk-", "gsk_", "csk-", "hf_", "nvapi-", "pplx-", "AIza", "ya29.", "eyJ"];
/// What follows a prefix in a real key; fewer characters are a word.
const TAIL_CHARS_MIN: usize = 8;

/// The text without this key, and without anything else that looks like one.
pub(super) fn scrub(text: &str, key: Option<&Secret>) -> String {
    let key = key.map(Secret::expose).filter(|key| key.len() >= KEY_CHARS_MIN);
    let without_key = key.map(|key| text.replace(key, REDACTED));
    let mut rest = without_key.as_deref().unwrap_or(text);
    let mut scrubbed = String::with_capacity(rest.len());
    let mut in_word = false;
    while let Some(next) = rest.chars().next() {
        let secret = if in_word { None } else { key_length(rest) };
        let (piece, after) = rest.split_at(secret.unwrap_or_else(|| next.len_utf8()));
        scrubbed.push_str(if secret.is_some() { REDACTED } else { piece });
        in_word = next.is_alphanumeric();
        rest = after;
    }
    scrubbed
}

/// Bytes of the key with which a text begins, its scheme included.
fn key_length(text: &str) -> Option<usize> {
    let scheme = SCHEMES.iter().find(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if let Some(scheme) = scheme {
        let token = token(text.get(scheme.len()..)?);
        // `Bearer authentication is required` holds no key.
        let is_key = token.len() >= TAIL_CHARS_MIN && token.contains(|c: char| c.is_ascii_digit());
        return is_key.then_some(scheme.len() + token.len());
    }
    let prefix = PREFIXES.iter().find(|prefix| text.starts_with(**prefix))?;
    let length = token(text).len();
    (length >= prefix.len() + TAIL_CHARS_MIN).then_some(length)
}

/// The characters of RFC 6750's token with which a text begins, and the stars of a key that is half hidden already.
fn token(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._~+/=*".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.split_at(end).0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let key = Secret::new("own-key-0123".to_owned());
        assert_eq!(scrub(text, Some(&key)), expected, "{text}");
    }

    #[test]
    fn keys_are_taken_out_and_words_stay() {
        check("key own-key-0123 is wrong", "key [redacted] is wrong");
        check("got 'Authorization: Bearer abc.def-12345'", "got 'Authorization: [redacted]'");
        check("bearer own-key-0123", "bearer [redacted]");
        check("Basic dXNlcjpwYXNz0w==.", "[redacted]");
        check("sk-proj-********abcd, then", "[redacted], then");
        check("at /v1?key=AIzaSyA0123456789", "at /v1?key=[redacted]");
        check("(gsk_0123456789abc)", "([redacted])");
        for harmless in [
            "",
            "ask-me-anything-now-please",
            "Bearer authentication is required",
            "sk-1 é漢🙂",
            "the model claude-3-5-sonnet-20241022 is overloaded, req_011CafqBB5WP2Jwk",
        ] {
            check(harmless, harmless);
        }
    }

    #[test]
    fn a_key_that_is_hardly_one_does_not_blot_out_the_text() {
        let key = Secret::new("none".to_owned());
        assert_eq!(scrub("none of them", Some(&key)), "none of them");
        assert_eq!(scrub("none of them", None), "none of them");
    }

    proptest! {
        #[test]
        fn the_own_key_never_survives(
            before in ".{0,40}", after in ".{0,40}", key in "[!-~]{6,40}",
        ) {
            prop_assume!(!REDACTED.contains(&key) && !"Bearer ".contains(&key));
            let scrubbed = scrub(&format!("{before}{key}{after}"), Some(&Secret::new(key.clone())));
            prop_assert!(!scrubbed.contains(&key), "{} has {}", scrubbed, key);
        }
    }
}
