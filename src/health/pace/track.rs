//! One figure of one target: the last minute, and what it is used to.

use std::time::Duration;

use tokio::time::Instant;

use super::histogram::Histogram;

/// Slots of the last minute.
const SLOTS: usize = 6;
/// Length of one of them.
const SLOT: Duration = Duration::from_secs(10);
/// After so long a memory counts half.
const HALF_LIFE: Duration = Duration::from_secs(6 * 3600);
/// A slot so many times off the usual is hardly learned, or a slow drift would become the usual before anybody notices.
const ODD: f32 = 1.5;
/// How much it is learned.
const ODD_WEIGHT: f32 = 0.1;
/// Values from which on there is a usual.
const KNOWN_MIN: f32 = 20.0;

/// One figure over time.
#[derive(Debug, Default)]
pub(super) struct Track {
    recent: [Histogram; SLOTS],
    newest: Option<Instant>,
    usual: Histogram,
}

impl Track {
    /// What it was used to before.
    #[must_use]
    pub(super) fn recall(usual: Histogram) -> Self {
        Self { usual, ..Self::default() }
    }

    /// What it is used to, to be kept.
    #[must_use]
    pub(super) fn usual(&self) -> &Histogram {
        &self.usual
    }

    /// Counts a value.
    pub(super) fn add(&mut self, value: f32, now: Instant) {
        self.slide(now);
        let [first, ..] = &mut self.recent;
        first.add(value);
    }

    /// What was seen in the last minute.
    #[must_use]
    pub(super) fn minute(&mut self, now: Instant) -> Histogram {
        self.slide(now);
        sum(self.recent.iter())
    }

    /// A quantile of what it is used to: of the memory, or, as long as that is thin, of the oldest of the last minute.
    #[must_use]
    pub(super) fn expected(&self, share: f32) -> Option<f32> {
        let mut known = self.usual.clone();
        for slot in self.recent.iter().rev() {
            if known.total() >= KNOWN_MIN {
                break;
            }
            known.add_all(slot, 1.0);
        }
        known.quantile(share).filter(|_| known.total() >= KNOWN_MIN)
    }

    /// The median of the last minute, or else of the memory.
    #[must_use]
    pub(super) fn typical(&mut self, now: Instant) -> Option<f32> {
        self.minute(now).quantile(0.5).or_else(|| self.usual.quantile(0.5))
    }

    /// Moves what is older than a minute into the memory.
    fn slide(&mut self, now: Instant) {
        let newest = *self.newest.get_or_insert(now);
        let passed = now.saturating_duration_since(newest).as_millis() / SLOT.as_millis();
        if passed == 0 {
            return;
        }
        let steps = usize::try_from(passed).unwrap_or(SLOTS).min(SLOTS);
        let span = SLOT.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
        self.recent.rotate_right(steps);
        let left: Vec<Histogram> = self.recent.iter_mut().take(steps).map(std::mem::take).collect();
        self.usual.fade(0.5_f32.powf(span.as_secs_f32() / HALF_LIFE.as_secs_f32()));
        left.iter().for_each(|slot| self.learn(slot));
        self.newest = Some(newest + span.min(now - newest));
    }

    fn learn(&mut self, slot: &Histogram) {
        let known = self.usual.quantile(0.5).filter(|_| self.usual.total() >= KNOWN_MIN);
        let is_odd = slot
            .quantile(0.5)
            .zip(known)
            .is_some_and(|(here, usual)| here > usual * ODD || here * ODD < usual);
        self.usual.add_all(slot, if is_odd { ODD_WEIGHT } else { 1.0 });
    }
}

fn sum<'a>(slots: impl Iterator<Item = &'a Histogram>) -> Histogram {
    slots.fold(Histogram::default(), |mut all, slot| {
        all.add_all(slot, 1.0);
        all
    })
}
