//! A day of the calendar.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// A day, in the calendar of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Days after the first of January 1970.
    days: i64,
}

impl Date {
    /// The first of January 1970.
    pub const EPOCH: Self = Self { days: 0 };

    /// From `YYYY-MM-DD`; nothing where there is no such day, or it is before 1970.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut part = |width: usize| {
            let digits = parts.next().filter(|part| part.len() == width)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
        };
        let (year, month, day) = (part(4)?, part(2)?, part(2)?);
        let date = Self { days: days_of(year, month, day) };
        // A day that the calendar lacks, such as the 30th of February, comes back as another one.
        let is_real = date.to_string() == text && date.days >= 0;
        is_real.then_some(date)
    }

    /// The day of a moment.
    #[must_use]
    pub fn of(moment: SystemTime) -> Self {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { days: i64::try_from(since.as_secs() / DAY).unwrap_or(i64::MAX) }
    }

    /// Days until another; negative where that is past.
    #[must_use]
    pub fn days_until(self, other: Self) -> i64 {
        other.days - self.days
    }
}

/// Days from the first of January 1970 to a day of the Gregorian calendar. Years begin in March here, so that the leap day
/// is their last, and the months before it have a regular length.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `YYYY-MM-DD`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shifted = self.days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        let check = |text: &str, days: i64| {
            let date = Date::parse(text).expect("a day");
            assert_eq!((date.days, date.to_string().as_str()), (days, text));
        };
        check("1970-01-01", 0);
        check("1970-12-31", 364);
        check("2000-02-29", 11_016);
        check("2000-03-01", 11_017);
        check("2026-11-24", 20_781);
        check("2100-03-01", 47_541);
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-01",
            "1969-12-31",
            "+026-01-01",
            "",
            "2026-01-01-01",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_has_its_day() {
        let late = UNIX_EPOCH + Duration::from_secs(20_781 * DAY + DAY - 1);
        let date = Date::of(late);
        assert_eq!(date.to_string(), "2026-11-24");
        assert_eq!(date.days_until(Date::parse("2026-12-01").expect("a day")), 7);
    }
}
