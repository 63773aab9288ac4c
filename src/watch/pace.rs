//! When a source is asked again. Pure: chance comes in as a number from 0 to 1.
//!
//! A check or probe that fails has done its work, and keeps its pace: its next success should be seen at once. A source that
//! says nothing (a feed that cannot be read, a probe that is asked to stay away) is asked ever more rarely.

use std::time::Duration;

/// Longest wait for a source that says nothing, unless its own interval is longer.
const BACK_OFF_MAX: Duration = Duration::from_secs(600);
/// How far an interval strays, so that many gateways do not ask at once: a fifth, either way.
const JITTER: f64 = 0.2;
/// Intervals for which an observation holds: a source may miss two and come late to the third.
const INTERVALS_HELD: u32 = 3;
/// Longest wait before the first look.
const FIRST_MAX: Duration = Duration::from_secs(1);

/// The pace of one source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    every: Duration,
    /// Looks in a row that said nothing.
    silences: u32,
}

impl Pace {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, silences: 0 }
    }

    /// For how long an observation holds.
    pub(super) fn holds(self) -> Duration {
        self.every.saturating_mul(INTERVALS_HELD)
    }

    /// Before the first look; soon, because a gateway that starts knows nothing yet.
    pub(super) fn first(self, chance: f64) -> Duration {
        self.every.min(FIRST_MAX).mul_f64(chance.clamp(0.0, 1.0))
    }

    /// Until the next look, after one that said something.
    pub(super) fn after_word(&mut self, chance: f64) -> Duration {
        self.silences = 0;
        self.wait(chance)
    }

    /// Until the next look, after one that said nothing.
    pub(super) fn after_silence(&mut self, chance: f64) -> Duration {
        self.silences = self.silences.saturating_add(1);
        self.wait(chance)
    }

    fn wait(self, chance: f64) -> Duration {
        let factor = 1_u32.checked_shl(self.silences).unwrap_or(u32::MAX);
        let longest = BACK_OFF_MAX.max(self.every);
        let wait = self.every.saturating_mul(factor).min(longest);
        wait.mul_f64(1.0 + JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0))
    }

    /// Whether the source has just fallen silent, which is worth a line in the log; later silences are not.
    pub(super) fn fell_silent(self) -> bool {
        self.silences == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    #[test]
    fn intervals_stray_by_a_fifth() {
        for (chance, seconds) in [(0.0, 24.0), (0.5, 30.0), (1.0, 36.0), (7.0, 36.0)] {
            let wait = Pace::new(EVERY).after_word(chance).as_secs_f64();
            assert!((wait - seconds).abs() < 1e-6, "{chance}: {wait}");
        }
        assert_eq!(Pace::new(EVERY).holds(), EVERY * 3);
        assert_eq!(Pace::new(EVERY).first(1.0), FIRST_MAX);
        assert_eq!(Pace::new(EVERY).first(0.0), Duration::ZERO);
        assert_eq!(Pace::new(Duration::from_millis(10)).first(1.0), Duration::from_millis(10));
    }

    #[test]
    fn silence_makes_it_slower_up_to_a_limit() {
        let mut pace = Pace::new(EVERY);
        let waits: Vec<u64> = (0..6).map(|_| pace.after_silence(0.5).as_secs()).collect();
        assert_eq!(waits, [60, 120, 240, 480, 600, 600]);
        for _ in 0..100 {
            assert!(pace.after_silence(1.0) <= BACK_OFF_MAX.mul_f64(1.2));
        }
        assert_eq!(pace.after_word(0.5), EVERY);
        assert_eq!(pace.after_silence(0.5), EVERY * 2);
        assert!(pace.fell_silent());
        let hour = Duration::from_secs(3600);
        assert_eq!(Pace::new(hour).after_silence(0.5), hour, "longer than any back-off");
    }
}
