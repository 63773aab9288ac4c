//! Fields of a body, and what is said of wrong ones.

use serde_json::{Number, Value};

use crate::chat::BadRequest;

/// What is wrong, in the words of this surface: `max_tokens: Field required`.
pub(super) fn wrong(param: &str, reason: &str) -> BadRequest {
    BadRequest {
        message: format!("{param}: {reason}"),
        param: Some(param.to_owned()),
        code: "invalid_value",
    }
}

/// The text under a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// The text under a key that has to be there.
pub(super) fn needed<'a>(value: &'a Value, here: &str, key: &str) -> Result<&'a str, BadRequest> {
    text(value, key).ok_or_else(|| wrong(&format!("{here}.{key}"), "Field required"))
}

/// A count.
pub(super) fn whole(value: &Value, place: &str) -> Result<u64, BadRequest> {
    value.as_u64().ok_or_else(|| wrong(place, "Input should be a valid integer, 0 or more"))
}

/// Any number, with its own digits.
pub(super) fn number(value: &Value, place: &str) -> Result<Number, BadRequest> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    number.ok_or_else(|| wrong(place, "Input should be a valid number"))
}
