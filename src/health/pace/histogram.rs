//! Counts by size, in steps of a fifth: enough to tell three times as slow from twice as slow, in 256 bytes.

/// Steps.
const BUCKETS: usize = 64;
/// Each is so much more than the one before; 64 of them span 1 to 97,000.
const STEP: f32 = 1.2;

/// How often which value was seen. Values are milliseconds, or characters a second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    counts: [f32; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0.0; BUCKETS] }
    }
}

impl Histogram {
    /// What was counted before.
    #[must_use]
    pub(super) fn recall(counts: &[f32]) -> Self {
        let mut recalled = Self::default();
        for (count, known) in recalled.counts.iter_mut().zip(counts) {
            *count = if known.is_finite() { known.max(0.0) } else { 0.0 };
        }
        recalled
    }

    /// The counts, to be kept.
    #[must_use]
    pub(super) fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// Counts a value. One that is no number would spoil every figure, and is left out.
    pub(super) fn add(&mut self, value: f32) {
        if value.is_finite()
            && let Some(count) = self.counts.get_mut(bucket(value))
        {
            *count += 1.0;
        }
    }

    /// Adds another one, weighted.
    pub(super) fn add_all(&mut self, other: &Self, weight: f32) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more * weight;
        }
    }

    /// Makes everything count less.
    pub(super) fn fade(&mut self, factor: f32) {
        self.counts.iter_mut().for_each(|count| *count *= factor);
    }

    /// How much was counted.
    #[must_use]
    pub(super) fn total(&self) -> f32 {
        self.counts.iter().sum()
    }

    /// The value that this share of what was counted does not exceed, to a tenth; nothing of nothing.
    #[must_use]
    pub(super) fn quantile(&self, share: f32) -> Option<f32> {
        let wanted = self.total() * share;
        let mut below = 0.0;
        let found = self.counts.iter().position(|count| {
            below += count;
            *count > 0.0 && below >= wanted
        })?;
        Some(middle(found))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 64 by `min`")]
fn bucket(value: f32) -> usize {
    let steps = value.max(1.0).ln() / STEP.ln();
    (steps as usize).min(BUCKETS - 1)
}

fn middle(bucket: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "below 64")]
    let bucket = bucket as f32;
    STEP.powf(bucket + 0.5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_and_what_is_no_number_count_for_nothing() {
        let mut counted = Histogram::default();
        assert_eq!(counted.quantile(0.5), None);
        [f32::NAN, f32::INFINITY].into_iter().for_each(|value| counted.add(value));
        assert_eq!(counted.quantile(0.5), None);
        counted.add(-5.0);
        assert!(counted.quantile(0.5).is_some_and(|value| value < 1.2));
    }

    proptest! {
        /// A quantile is one of the values, to a tenth.
        #[test]
        fn quantiles_are_right_to_a_step(mut values in proptest::collection::vec(1.0_f32..90_000.0, 1..200),
                                         share in 0.01_f32..1.0) {
            let mut counted = Histogram::default();
            values.iter().for_each(|value| counted.add(*value));
            values.sort_by(f32::total_cmp);
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 200")]
            let rank = ((values.len() as f32 * share).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let found = counted.quantile(share).expect("not empty");
            prop_assert!(found / exact < 1.21 && exact / found < 1.21, "{found} instead of {exact}");
        }
    }
}
