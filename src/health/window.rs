//! Exact counts over the last half minute, in ten slots.
//!
//! Counted and not averaged: an average that decays by time between arrivals gives a tight burst of failures almost no weight, and can
//! hide a total outage (linkerd2-proxy moved from one to the other for that reason).

use std::time::Duration;

use tokio::time::Instant;

/// Slots of a window.
const SLOTS: usize = 10;
/// Length of one of them.
const SLOT: Duration = Duration::from_secs(3);

/// How attempts of one slot ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered.
    pub ok: u32,
    /// Failed.
    pub failed: u32,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn all(self) -> u32 {
        self.ok.saturating_add(self.failed)
    }
}

/// The last 30 seconds.
#[derive(Debug, Clone, Default)]
pub struct Window {
    slots: [Counts; SLOTS],
    /// When the newest slot began; nothing while nothing has been counted.
    newest: Option<Instant>,
}

impl Window {
    /// The time that it covers.
    pub const SPAN: Duration = Duration::from_secs(3 * 10);

    /// Counts an answer.
    pub fn answered(&mut self, now: Instant) {
        self.slot(now).ok += 1;
    }

    /// Counts a failure.
    pub fn failed(&mut self, now: Instant) {
        self.slot(now).failed += 1;
    }

    /// What was counted in the last 30 seconds.
    pub fn sum(&mut self, now: Instant) -> Counts {
        self.slot(now);
        self.slots.iter().fold(Counts::default(), |sum, slot| Counts {
            ok: sum.ok + slot.ok,
            failed: sum.failed + slot.failed,
        })
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The slot of this moment; those before the window are emptied on the way.
    fn slot(&mut self, now: Instant) -> &mut Counts {
        let newest = *self.newest.get_or_insert(now);
        let passed = now.saturating_duration_since(newest).as_millis() / SLOT.as_millis();
        if passed > 0 {
            let steps = usize::try_from(passed).unwrap_or(SLOTS).min(SLOTS);
            self.slots.rotate_right(steps);
            self.slots.iter_mut().take(steps).for_each(|slot| *slot = Counts::default());
            let whole = u32::try_from(passed).unwrap_or(u32::MAX);
            self.newest = Some(newest + SLOT.saturating_mul(whole).min(now - newest));
        }
        let [first, ..] = &mut self.slots;
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn counts_are_exact_and_leave_with_their_slot() {
        let start = Instant::now();
        let mut window = Window::default();
        for second in 0..40 {
            let now = start + Duration::from_secs(second);
            window.answered(now);
            if second % 10 == 0 {
                window.failed(now);
            }
        }
        let end = start + Duration::from_secs(39);
        assert_eq!(window.sum(end), Counts { ok: 28, failed: 2 });
        assert_eq!(window.sum(end + Window::SPAN), Counts::default());
    }

    #[tokio::test]
    async fn a_clock_that_stands_still_or_jumps_far_loses_nothing_else() {
        let now = Instant::now();
        let mut window = Window::default();
        (0..100).for_each(|_| window.failed(now));
        assert_eq!(window.sum(now).failed, 100);
        let far = now + Duration::from_secs(400 * 24 * 3600);
        window.answered(far);
        assert_eq!(window.sum(far), Counts { ok: 1, failed: 0 });
    }
}
