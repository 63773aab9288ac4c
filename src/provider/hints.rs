//! How long a provider asks to be left alone: from its headers, or from the words of its error.
//!
//! A time that is negative or past is zero; one that is not a number is no hint. Nothing is clamped here, because the
//! breaker has its own limits. Moments are times since 1970.

use std::time::{Duration, UNIX_EPOCH};

use crate::config::LimitHeaders;

/// Looks a header up by its lower-case name.
pub type Headers<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// Plain numbers from here on are a moment in Unix seconds, and not a wait.
const UNIX_SECONDS_MIN: f64 = 1e9;
/// Plain numbers from here on are a moment in Unix milliseconds.
const UNIX_MILLIS_MIN: f64 = 1e11;

/// How long to stay away, from the headers: `retry-after-ms`, then `Retry-After` in seconds or as a date, then the reset of every exhausted limit, the latest of them.
/// `now` is used only where the provider does not say what time it has, so that either clock may be wrong.
#[must_use]
pub fn retry_after(
    header: Headers<'_>,
    limits: &[LimitHeaders],
    now: Duration,
) -> Option<Duration> {
    let now = header("date").and_then(date).unwrap_or(now);
    let milliseconds = header("retry-after-ms").and_then(number).map(|value| value / 1000.0);
    let said = header("retry-after").map(str::trim);
    let seconds = milliseconds.or_else(|| said.and_then(number));
    if let Some(seconds) = seconds {
        return duration(seconds);
    }
    let until = said.and_then(date).map(|until| until.saturating_sub(now));
    until.or_else(|| limits.iter().filter_map(|limit| reset(limit, header, now)).max())
}

/// How long nothing is left, from the headers of a good answer: the reset of every exhausted limit, the latest of them.
#[must_use]
pub(super) fn exhausted(
    header: Headers<'_>,
    limits: &[LimitHeaders],
    now: Duration,
) -> Option<Duration> {
    let now = header("date").and_then(date).unwrap_or(now);
    let resets = limits.iter().filter_map(|limit| reset(limit, header, now));
    resets.max().filter(|wait| !wait.is_zero())
}

/// The wait that the words of an error ask for: `Please try again in 6m0s`, `retry after 20 seconds`.
pub(super) fn wait_in_words(message: &str) -> Option<Duration> {
    const BEFORE: [&str; 4] = ["try again in ", "retry in ", "retry after ", "try again after "];
    let message = message.to_ascii_lowercase();
    let (_, after) = BEFORE.iter().find_map(|before| message.split_once(before))?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let mut words = after.split(|c| !is_part(c));
    let first = words.next()?.trim_end_matches('.');
    if let Some(wait) = go_duration(first) {
        return Some(wait);
    }
    let unit = match words.next()?.trim_end_matches(['.', 's']) {
        "millisecond" => 0.001,
        "second" | "sec" => 1.0,
        "minute" | "min" => 60.0,
        "hour" => 3600.0,
        _ => return None,
    };
    duration(number(first)? * unit)
}

/// Go's form of a duration, which also Google's errors use: `6m0s`, `1h2m3.5s`, `12ms`, `37s`.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let factor = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number(digits)? * factor;
        rest = after;
    }
    duration(total).filter(|_| !text.trim().is_empty())
}

/// When a limit of which nothing is left is full again. A negative remainder means that the provider does not know.
fn reset(limit: &LimitHeaders, header: Headers<'_>, now: Duration) -> Option<Duration> {
    let remaining = header(&limit.remaining)?.trim().parse::<i64>().ok()?;
    let reset = header(&limit.reset)?.trim();
    if remaining != 0 {
        return None;
    }
    if let Some(value) = number(reset) {
        let since_1970 = if value >= UNIX_MILLIS_MIN { value / 1000.0 } else { value };
        let is_moment = value >= UNIX_SECONDS_MIN;
        return duration(since_1970).map(|at| if is_moment { at.saturating_sub(now) } else { at });
    }
    let until = || rfc3339(reset).map(|until| until.saturating_sub(now));
    go_duration(reset).or_else(until)
}

/// A moment as RFC 3339 writes it, such as `2026-11-23T04:21:00Z` or with `+01:00`; parts of a second are left out.
pub(super) fn rfc3339(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let offset_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, offset) = time.split_at(offset_at);
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock.split('.').next()?, ':')?;
    let is_valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_valid {
        return None;
    }
    let local = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    let east = match offset.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, rest) => {
            let (hours, minutes) = rest.split_once(':')?;
            let [hours, minutes] = [hours, minutes].map(|part| part.parse::<u8>().ok());
            let seconds = (i64::from(hours?) * 60 + i64::from(minutes?)) * 60;
            if sign == "-" { -seconds } else { seconds }
        }
    };
    let since_epoch = u64::try_from(local - east).ok()?;
    Some(Duration::from_secs(since_epoch))
}

/// Howard Hinnant's `days_from_civil`: https://howardhinnant.github.io/date_algorithms.html.
pub(super) fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| part.parse::<u32>().ok().map(i64::from));
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

fn date(text: &str) -> Option<Duration> {
    httpdate::parse_http_date(text.trim()).ok()?.duration_since(UNIX_EPOCH).ok()
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: u64 = 784_111_777;

    fn check(headers: &[(&str, &str)], expected: Option<f64>) {
        let header =
            |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let now = Duration::from_secs(NOW);
        let limits = ["requests", "tokens"].map(|each| LimitHeaders {
            remaining: format!("left-{each}"),
            reset: format!("reset-{each}"),
        });
        let found = retry_after(&header, &limits, now).map(|wait| wait.as_secs_f64());
        assert_eq!(found, expected, "{headers:?}");
    }

    #[test]
    fn retry_after_is_read_in_every_form_and_nonsense_is_none() {
        check(&[], None);
        check(&[("retry-after", "2")], Some(2.0));
        check(&[("retry-after", "0.5")], Some(0.5));
        check(&[("retry-after", "9"), ("retry-after-ms", "250")], Some(0.25));
        check(&[("retry-after", "-5")], Some(0.0));
        for nonsense in ["NaN", "inf", "", "soon", "1e400"] {
            check(&[("retry-after", nonsense)], None);
        }
        check(&[("retry-after", "1e9")], Some(1e9));
        let date = ("date", "Sun, 06 Nov 1994 09:49:37 GMT");
        check(&[date, ("retry-after", "Sun, 06 Nov 1994 09:49:44 GMT")], Some(7.0));
        check(&[date, ("retry-after", "Sun, 06 Nov 1994 09:49:30 GMT")], Some(0.0));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60.0));
    }

    #[test]
    fn only_exhausted_limits_give_their_reset_and_the_latest_one_counts() {
        let requests = |left| ("left-requests", left);
        let tokens = |left| ("left-tokens", left);
        let requests_reset = ("reset-requests", "6m0s");
        let tokens_reset = ("reset-tokens", "12ms");
        check(&[requests("0"), requests_reset, tokens("5"), tokens_reset], Some(360.0));
        check(&[requests("9"), requests_reset, tokens("0"), tokens_reset], Some(0.012));
        check(&[requests("0"), requests_reset, tokens("0"), tokens_reset], Some(360.0));
        check(&[requests("9"), requests_reset, tokens("5"), tokens_reset], None);
        check(&[requests("-1"), requests_reset], None);
        check(&[requests("0"), ("reset-requests", "NaN")], None);
        check(&[requests("0"), requests_reset, ("retry-after", "1")], Some(1.0));
        check(&[tokens("0"), ("reset-tokens", "27")], Some(27.0));
        check(&[tokens("0"), ("reset-tokens", "-3")], Some(0.0));
        for (at, seconds) in [
            ("1741305600000", Some(957_193_823.0)),
            ("1741305600", Some(957_193_823.0)),
            ("1994-11-06T08:50:07Z", Some(30.0)),
            ("1994-11-06T09:50:07.25+01:00", Some(30.0)),
            ("1994-11-06T08:49:07Z", Some(0.0)),
            ("1994-13-06T08:49:07Z", None),
        ] {
            check(&[tokens("0"), ("reset-tokens", at)], seconds);
        }
    }

    #[test]
    fn a_good_answer_says_when_there_is_something_left_again() {
        for (headers, expected) in [
            (vec![("left-requests", "0"), ("reset-requests", "1m0s")], Some(60)),
            (vec![("left-requests", "1"), ("reset-requests", "1m0s")], None),
            (vec![("left-requests", "0"), ("reset-requests", "0s")], None),
            (vec![("left-requests", "0")], None),
            (vec![("retry-after", "5")], None),
            (
                vec![
                    ("date", "Sun, 06 Nov 1994 09:49:37 GMT"),
                    ("left-tokens", "0"),
                    ("reset-tokens", "1994-11-06T09:50:07Z"),
                ],
                Some(30),
            ),
        ] {
            let header =
                |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, v)| *v);
            let limits = ["requests", "tokens"].map(|each| LimitHeaders {
                remaining: format!("left-{each}"),
                reset: format!("reset-{each}"),
            });
            let found = exhausted(&header, &limits, Duration::from_secs(NOW));
            assert_eq!(found, expected.map(Duration::from_secs), "{headers:?}");
        }
    }

    #[test]
    fn words_of_a_message_give_a_wait() {
        for (message, seconds) in [
            ("Please try again in 6m0s. Visit us", Some(360.0)),
            ("Please try again in 1.5s.", Some(1.5)),
            ("Please retry in 37.25s.", Some(37.25)),
            ("please retry after 20 seconds.", Some(20.0)),
            ("Try again in 450ms", Some(0.45)),
            ("Please try again after 2 minutes", Some(120.0)),
            ("Please try again in a moment", None),
            ("Please try again later", None),
            ("", None),
        ] {
            let found = wait_in_words(message).map(|wait| wait.as_secs_f64());
            assert_eq!(found, seconds, "{message}");
        }
    }

    #[test]
    fn moments_are_days_apart_as_in_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600)),
            ("2026-11-23T04:21:00-02:30", Some(1_795_416_660)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-11-23", None),
            ("T", None),
        ] {
            assert_eq!(rfc3339(text).map(|since| since.as_secs()), seconds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![".{0,40}", "[0-9TZ:+.-]{0,30}"]) {
            let header = |name: &str| Some(if name == "left" { "0" } else { text.as_str() });
            let limit =
                LimitHeaders { remaining: "left".to_owned(), reset: "reset".to_owned() };
            let dateless = |name: &str| if name == "reset" || name == "left" { header(name) } else { None };
            for found in [
                retry_after(&header, &[], Duration::ZERO),
                retry_after(&dateless, &[limit], Duration::ZERO),
                wait_in_words(&format!("retry in {text}")),
                go_duration(&text),
            ] {
                prop_assert!(found.is_none_or(|wait| wait >= Duration::ZERO));
            }
        }
    }
}
