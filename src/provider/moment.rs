//! Moments as feeds write them, as times since 1970.

use std::time::Duration;

use super::hints::{days_since_epoch, rfc3339};

/// RFC 3339, as in Atom, or RFC 822, as in RSS.
#[must_use]
pub fn moment(text: &str) -> Option<Duration> {
    rfc3339(text.trim()).or_else(|| rfc822(text.trim()))
}

/// `Wed, 25 Mar 2026 13:10:09 +0000`. The day of the week is not looked at: it may be left out, and some feeds err.
fn rfc822(text: &str) -> Option<Duration> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let text = text.split_once(',').map_or(text, |(_, rest)| rest).to_ascii_lowercase();
    let mut parts = text.split_ascii_whitespace();
    let day = parts.next()?.parse::<u8>().ok().filter(|day| (1..=31).contains(day))?;
    let name = parts.next()?;
    let month = (1..).zip(MONTHS).find(|(_, known)| name.starts_with(known))?.0;
    let year = parts.next()?.parse::<u16>().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = parts.next()?.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let east = minutes_east(parts.next().unwrap_or("gmt"))?;
    let minutes = days_since_epoch(year.into(), month, day.into()) * 24 * 60
        + i64::from(hour) * 60
        + i64::from(minute);
    let seconds = (minutes - east) * 60 + i64::from(second);
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

/// A zone of RFC 822 in lower case: an offset such as `-0730`, or one of the names that it knows.
fn minutes_east(zone: &str) -> Option<i64> {
    let hours = match zone {
        "gmt" | "utc" | "ut" | "z" => 0,
        "edt" => -4,
        "est" | "cdt" => -5,
        "cst" | "mdt" => -6,
        "mst" | "pdt" => -7,
        "pst" => -8,
        _ => {
            let (sign, digits) = zone.split_at_checked(1)?;
            let digits = digits.parse::<u16>().ok().filter(|_| digits.len() == 4)?;
            let minutes = i64::from(digits / 100) * 60 + i64::from(digits % 100);
            return match sign {
                "+" => Some(minutes),
                "-" => Some(-minutes),
                _ => None,
            };
        }
    };
    Some(hours * 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_of_feeds_are_read() {
        for (text, seconds) in [
            ("Wed, 25 Mar 2026 13:10:09 +0000", Some(1_774_444_209)),
            ("Wed, 25 Mar 2026 14:10:09 +0100", Some(1_774_444_209)),
            ("Wed, 25 Mar 2026 05:40:09 -0730", Some(1_774_444_209)),
            ("Mon, 25 March 2026 13:10:09 GMT", Some(1_774_444_209)),
            ("25 Mar 2026 06:10:09 PDT", Some(1_774_444_209)),
            ("25 Mar 2026 13:10 -0000", Some(1_774_444_200)),
            (" 2026-03-25T13:10:09.907Z\n", Some(1_774_444_209)),
            ("Sun, 6 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("25 Mar 2026 13:10:09 CET", None),
            ("32 Mar 2026 13:10:09 GMT", None),
            ("25 Mar 26 13:10:09 GMT", None),
            ("25 Mar 2026 24:10:09 GMT", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(moment(text).map(|since| since.as_secs()), seconds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in prop_oneof![".{0,40}", "[0-9]{1,2} [A-Z][a-z]{2} [0-9]{1,5} [0-9:]{0,8} [+A-Z-][0-9A-Z]{0,5}"]) {
            let year_10000 = Duration::from_secs(253_402_300_800);
            prop_assert!(moment(&text).is_none_or(|since| since < year_10000 + Duration::from_secs(200_000)));
        }
    }
}
