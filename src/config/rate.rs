//! What a token costs, exactly: whole numbers, so that no price of a list changes by being read and written.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// Most that a million tokens may cost, in US dollars; more is a mistake.
const USD_MAX: u64 = 1_000_000;
/// Digits after the point of dollars for a million tokens.
const DIGITS: u32 = 6;
/// Digits after the point of dollars for one token.
const TOKEN_DIGITS: u32 = 12;

/// What a token costs: US dollars for a million of them, exact to a millionth of a dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Millionths of a dollar for a million tokens, which are millionths of a millionth for one.
    micros: u64,
}

impl Rate {
    /// Of so many US dollars for a million tokens, to the nearest millionth of a dollar; nothing where that is no price.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "in range by the filter, and a float holds whole numbers of this size exactly"
    )]
    pub fn of_million(usd: f64) -> Option<Self> {
        let priced = Some(usd).filter(|usd| (0.0..=USD_MAX as f64).contains(usd))?;
        Some(Self { micros: (priced * 1e6).round() as u64 })
    }

    /// From a decimal number of US dollars for one token, such as `0.0000025` or `2.5e-06`. Nothing where that is no price:
    /// lists write a negative number where a price depends on something else.
    #[must_use]
    pub fn of_token(text: &str) -> Option<Self> {
        let micros = scaled(text.trim(), TOKEN_DIGITS)?;
        (micros <= USD_MAX * 10_u64.pow(DIGITS)).then_some(Self { micros })
    }

    /// US dollars for one token, such as `0.0000025`.
    #[must_use]
    pub fn for_token(self) -> String {
        decimal(self.micros, TOKEN_DIGITS)
    }

    /// US dollars for a million tokens.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a price is below 2^53 millionths")]
    pub fn for_million(self) -> f64 {
        self.micros as f64 / 1e6
    }

    /// Nothing at all.
    #[must_use]
    pub fn is_free(self) -> bool {
        self.micros == 0
    }

    /// Whether the other is `factor` times as much, or more.
    #[must_use]
    pub fn is_exceeded(self, other: Self, factor: u64) -> bool {
        other.micros >= self.micros.saturating_mul(factor)
    }
}

/// US dollars for a million tokens, such as `2.5`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&decimal(self.micros, DIGITS))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let usd = f64::deserialize(deserializer)?;
        Self::of_million(usd).ok_or_else(|| serde::de::Error::custom("no price"))
    }
}

impl JsonSchema for Rate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0, "maximum": USD_MAX})
    }
}

/// A whole number with its last `digits` behind a point, without zeros at the end.
fn decimal(number: u64, digits: u32) -> String {
    let unit = 10_u64.pow(digits);
    let width = usize::try_from(digits).unwrap_or_default();
    let text = format!("{}.{:0width$}", number / unit, number % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A decimal number times `10^digits`, to the nearest whole one; nothing where it is negative, too large or none.
fn scaled(text: &str, digits: u32) -> Option<u64> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let written = format!("{whole}{fraction}");
    if written.is_empty() || !written.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Every digit has its place counted from the one that stays; 20 digits and more fit no price.
    let length = i32::try_from(whole.len()).ok()?;
    let kept = length.checked_add(exponent)?.checked_add(i32::try_from(digits).ok()?)?;
    let mut value = 0_u64;
    let mut places = written.bytes().map(|byte| u64::from(byte - b'0'));
    for _ in 0..kept.clamp(0, 64) {
        value = value.checked_mul(10)?.checked_add(places.next().unwrap_or_default())?;
    }
    let is_up = kept >= 0 && places.next().is_some_and(|next| next >= 5);
    Some(value + u64::from(is_up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_of_a_token_is_exact_for_a_million() {
        let check = |text: &str, million: &str, token: &str| {
            let rate = Rate::of_token(text).expect("a price");
            assert_eq!((rate.to_string().as_str(), rate.for_token().as_str()), (million, token));
        };
        check("0.0000025", "2.5", "0.0000025");
        check("2.5e-06", "2.5", "0.0000025");
        check("2.5E-6", "2.5", "0.0000025");
        check("25e-07", "2.5", "0.0000025");
        check("1.25e-06", "1.25", "0.00000125");
        check("3e-07", "0.3", "0.0000003");
        check("0.000000000025", "0.000025", "0.000000000025");
        check("1.6666666667e-07", "0.166667", "0.000000166667");
        check("1.6666664e-07", "0.166667", "0.000000166667");
        check("0", "0", "0");
        check("0.0", "0", "0");
        check("1e-13", "0", "0");
        check("5e-13", "0.000001", "0.000000000001");
        check("0.00012", "120", "0.00012");
        check("1", "1000000", "1");
    }

    #[test]
    fn what_is_no_price_is_none() {
        for text in ["", "-1", "-0.000001", "free", "1.2.3", "1e", "e-6", ".", "1e99", "2", "NaN"] {
            assert_eq!(Rate::of_token(text), None, "{text}");
        }
        for usd in [-0.1, f64::NAN, f64::INFINITY, 1_000_001.0] {
            assert_eq!(Rate::of_million(usd), None, "{usd}");
        }
    }

    #[test]
    fn a_written_price_comes_back_as_written() {
        for text in ["0.1", "2.5", "0.28", "0.0028", "1.1", "4.4", "0.000001", "75", "1000000"] {
            let rate = Rate::of_million(text.parse().expect("a number")).expect("a price");
            assert_eq!(rate.to_string(), text);
            assert_eq!(Rate::of_token(&rate.for_token()), Some(rate));
        }
    }
}
