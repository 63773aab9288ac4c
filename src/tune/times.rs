//! Times in microseconds.

use std::time::Duration;

use serde::Serialize;

/// Mean, middle and tail of times, in microseconds. No times give zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Their sum by their number.
    pub mean: f64,
    /// Half are at or below.
    pub p50: f64,
    /// 95 of 100 are at or below.
    pub p95: f64,
    /// 99 of 100 are at or below.
    pub p99: f64,
}

impl Spread {
    /// By nearest rank: the smallest time with at least that share at or below it.
    #[must_use]
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut sorted: Vec<Duration> = times.into_iter().collect();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).map_or(0.0, |time| micros(*time))
        };
        let total: Duration = sorted.iter().sum();
        let mean = if sorted.is_empty() { 0.0 } else { micros(total) / count(sorted.len()) };
        Self { mean, p50: at(50), p95: at(95), p99: at(99) }
    }
}

/// Microseconds to the nanosecond.
pub(super) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A count as a number to divide by; exact up to 2^53.
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_taken_as_by_hand() {
        let close = |found: f64, expected: f64| {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        };
        let hundred = Spread::of((1..=100).rev().map(Duration::from_micros));
        close(hundred.mean, 50.5);
        close(hundred.p50, 50.0);
        close(hundred.p95, 95.0);
        close(hundred.p99, 99.0);
        let three = Spread::of([1_500, 500, 1_000].map(Duration::from_nanos));
        close(three.p50, 1.0);
        close(three.p95, 1.5);
        assert_eq!(Spread::of([]), Spread::default());
    }
}
