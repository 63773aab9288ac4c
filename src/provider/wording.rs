//! What translators do alike: they note what a dialect has no word for, keep numbers in its ranges, and put into instructions what no
//! field says.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::dialect::Recipient;
use crate::chat::{Conversation, Effort, Format, Loss, Losses, Sampling};

/// Asks for JSON where no field does.
pub(super) const JSON_WORDS: &str = "Answer with one JSON object.";
/// Longest id of a call, in characters.
const ID_MAX: usize = 64;
/// Tokens of thinking up to which it is little, and usual.
const BUDGETS: [u64; 2] = [2_048, 8_192];

/// A part of a turn, by the name that callers know it by.
pub(super) fn place(turn: usize, part: usize) -> String {
    format!("messages[{turn}].content[{part}]")
}

/// Asks for JSON of a schema where no field does.
pub(super) fn schema_words(schema: &Value) -> String {
    format!("Answer with one JSON object that fits this JSON schema: {schema}")
}

/// Notes what a caller set that a dialect lacks. `said` are the fields that it has, by OpenAI's names.
///
/// No dialect that is translated has `logprobs`: the pieces of an answer could not carry them back.
pub(super) fn unsaid(sampling: &Sampling, said: &[&str], losses: &mut Losses) {
    let fields = [
        ("temperature", sampling.temperature.is_some()),
        ("top_p", sampling.top_p.is_some()),
        ("top_k", sampling.top_k.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
        ("stop", !sampling.stop.is_empty()),
        ("n", sampling.choices.is_some_and(|choices| choices > 1)),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|others| others > 0)),
    ];
    for (name, is_set) in fields {
        if is_set && !said.contains(&name) {
            losses.add(name, Loss::Dropped);
        }
    }
}

/// The vendor's own fields among what a caller wrote, by the caller's names; the others are noted as lost.
pub(super) fn own<'a>(
    chat: &'a Conversation,
    known: &[&str],
    losses: &mut Losses,
) -> Vec<(&'a str, &'a Value)> {
    let (own, foreign): (Vec<_>, Vec<_>) =
        chat.others.iter().partition(|(name, _)| known.contains(&name.as_str()));
    foreign.into_iter().for_each(|(name, _)| losses.add(name, Loss::Dropped));
    own.into_iter().map(|(name, value)| (name.as_str(), value)).collect()
}

/// Most tokens of the answer: what the caller says, else what the operator says, and never more than the model writes.
pub(super) fn limit(chat: &Conversation, to: &Recipient<'_>, losses: &mut Losses) -> Option<u64> {
    let wanted = chat.max_tokens.or(to.default_max_tokens)?;
    let most = to.max_output.unwrap_or(wanted);
    if chat.max_tokens.is_some_and(|asked| asked > most) {
        losses.add("max_completion_tokens", Loss::Clamped);
    }
    Some(wanted.min(most))
}

/// The number in its range; its own digits where it lies there already.
pub(super) fn within(
    number: &Number,
    range: &RangeInclusive<f64>,
    (param, losses): (&str, &mut Losses),
) -> Number {
    let asked = number.as_f64().unwrap_or_else(|| *range.start());
    if range.contains(&asked) {
        return number.clone();
    }
    losses.add(param, Loss::Clamped);
    Number::from_f64(asked.clamp(*range.start(), *range.end())).unwrap_or_else(|| number.clone())
}

/// The first texts to stop at, as many as a dialect takes.
pub(super) fn stops<'a>(
    stop: &'a [String],
    most: usize,
    losses: &mut Losses,
) -> Option<&'a [String]> {
    if stop.len() > most {
        losses.add("stop", Loss::Clamped);
    }
    stop.get(..most.min(stop.len())).filter(|kept| !kept.is_empty())
}

/// The word for a number of tokens of thinking.
pub(super) fn effort_of(budget: u64) -> Effort {
    match budget {
        0 => Effort::None,
        few if few <= BUDGETS[0] => Effort::Low,
        some if some <= BUDGETS[1] => Effort::Medium,
        _ => Effort::High,
    }
}

/// A schema with what the caller says that it is for, which no dialect has a field for.
pub(super) fn described(format: &Format) -> Option<Value> {
    let Format::Schema { schema, description, .. } = format else { return None };
    let mut schema = schema.clone();
    if let (Some(fields), Some(words)) = (schema.as_object_mut(), description) {
        fields.entry("description").or_insert_with(|| Value::from(words.as_str()));
    }
    Some(schema)
}

/// An id of letters, digits, `_` and `-`, at most 64 of them: the same id always becomes the same other one, so that calls and their
/// results still belong together.
pub(super) fn plain_id(id: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.len() <= ID_MAX && id.chars().all(is_plain) {
        return Cow::Borrowed(id);
    }
    let hash = Sha256::digest(id.as_bytes());
    Cow::Owned(hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect())
}

/// Letters, digits and `-._~` as they are, every other byte as `%XX`: RFC 3986, section 2.1.
pub(super) fn percent_encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if is_plain || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_inside_their_range() {
        for (asked, expected, lost) in [
            ("0.70", "0.7", ""),
            ("3", "2.0", "t clamped"),
            ("-1", "0.0", "t clamped"),
            ("2", "2", ""),
        ] {
            let number: Number = serde_json::from_str(asked).expect("a number");
            let mut losses = Losses::default();
            let found = within(&number, &(0.0..=2.0), ("t", &mut losses));
            assert_eq!((found.to_string().as_str(), losses.to_string().as_str()), (expected, lost));
        }
    }

    #[test]
    fn names_are_encoded_byte_by_byte() {
        assert_eq!(percent_encoded("a:b/é", b""), "a%3Ab%2F%C3%A9");
        assert_eq!(percent_encoded("a:b/é", b"/"), "a%3Ab/%C3%A9");
    }
}
