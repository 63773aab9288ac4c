//! How sure a shallow reading has to be to be the last one.
//!
//! A bar is the lowest confidence at which all that clears it loses no more than a stated share of what the deepest reading
//! gets right. It is found exactly, in one pass over the examples sorted by confidence, on scores that they would have had,
//! had they not been among the examples.

use serde::{Deserialize, Serialize};

use super::matrix::count;

/// Share of the examples that may be decided worse for stopping at one depth. A miss of a strict side counts as often as its
/// strictness says.
const LOSS_MAX: f32 = 0.003;
/// Fewest examples that have to clear a bar: with fewer, no loss seen says little about the loss to come.
const CLEARED_MIN: usize = 100;
/// No bar is lower: a reading that is wrong once in ten is never the last one, however little it loses.
const BAR_MIN: f32 = 0.9;
/// No confidence reaches it.
const NEVER: f32 = 2.0;

/// Which side each label is on, and what missing a side costs against a false alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sides {
    /// One for each label.
    pub of_label: Vec<usize>,
    /// One for each side; 1 or more.
    pub strictness: Vec<f32>,
}

impl Sides {
    /// Every label for itself, and all alike.
    #[must_use]
    pub fn of_labels(labels: usize) -> Self {
        Self { of_label: (0..labels).collect(), strictness: vec![1.0; labels] }
    }

    /// Sums up what the labels of each side have.
    #[must_use]
    pub fn sum(&self, shares: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.strictness.len()];
        for (share, side) in shares.iter().zip(&self.of_label) {
            if let Some(sum) = sums.get_mut(*side) {
                *sum += share;
            }
        }
        sums
    }

    /// The side with the least expected cost: its share times what missing it costs is the largest. Of equal ones the first.
    #[must_use]
    pub fn winner(&self, sums: &[f32]) -> Option<usize> {
        let weighed =
            sums.iter().zip(&self.strictness).map(|(share, strictness)| share * strictness);
        let best =
            weighed.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.filter(|(_, weight)| weight.is_finite()).map(|(side, _)| side)
    }

    /// Whether missing one side costs more than missing the other.
    pub(super) fn is_stricter(&self, side: usize, other: usize) -> bool {
        self.strictness.get(side).zip(self.strictness.get(other)).is_some_and(|(a, b)| a > b)
    }

    fn is_strict(&self, side: usize) -> bool {
        self.strictness.get(side).is_some_and(|strictness| *strictness > 1.0)
    }

    pub(super) fn verdict(&self, shares: &[f32]) -> Verdict {
        let sums = self.sum(shares);
        let side = self.winner(&sums).unwrap_or(0);
        Verdict { side, confidence: sums.get(side).copied().unwrap_or(0.0) }
    }
}

/// What a reading says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub(super) side: usize,
    pub(super) confidence: f32,
}

/// The confidence at which a depth is deep enough: for strict sides, which are entered by it, and for all others, by which the
/// strict ones are left.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Bar {
    strict: f32,
    plain: f32,
}

impl Bar {
    /// Fits a bar to examples: what a depth says of each, what the deepest one says, and what is right.
    pub(super) fn fit(
        sides: &Sides,
        here: &[Verdict],
        deepest: &[Verdict],
        right: &[usize],
    ) -> Self {
        let judged = here.iter().zip(deepest).zip(right);
        let losses = judged.map(|((said, finally), truth)| {
            let is_lost = said.side != *truth && finally.side == *truth;
            let cost = sides.strictness.get(*truth).copied().unwrap_or(1.0);
            (*said, if is_lost { cost } else { 0.0 })
        });
        let losses: Vec<(Verdict, f32)> = losses.collect();
        let of_kind = |strict: bool| {
            let of_one = losses.iter().filter(|(said, _)| sides.is_strict(said.side) == strict);
            lowest(of_one.map(|(said, loss)| (said.confidence, *loss)).collect())
        };
        Self { strict: of_kind(true), plain: of_kind(false) }
    }

    pub(super) fn is_cleared(self, sides: &Sides, verdict: Verdict) -> bool {
        let bar = if sides.is_strict(verdict.side) { self.strict } else { self.plain };
        verdict.confidence >= bar
    }
}

/// The lowest confidence above which the losses stay within the limit.
fn lowest(mut losses: Vec<(f32, f32)>) -> f32 {
    losses.sort_by(|a, b| b.0.total_cmp(&a.0));
    let allowed = LOSS_MAX * count(losses.len());
    let (mut lost, mut bar) = (0.0, NEVER);
    for (cleared, (confidence, loss)) in (1..).zip(&losses) {
        lost += loss;
        if lost > allowed || *confidence < BAR_MIN {
            break;
        }
        if cleared >= CLEARED_MIN {
            bar = *confidence;
        }
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides() -> Sides {
        Sides { of_label: vec![0, 0, 1], strictness: vec![4.0, 1.0] }
    }

    #[test]
    fn the_costlier_miss_decides() {
        let check = |shares: [f32; 3], side: usize, confidence: f32| {
            let verdict = sides().verdict(&shares);
            assert_eq!(verdict.side, side, "{shares:?}");
            assert!((verdict.confidence - confidence).abs() < 1e-6, "{verdict:?}");
        };
        check([0.1, 0.05, 0.85], 1, 0.85);
        check([0.15, 0.1, 0.75], 0, 0.25);
        check([0.5, 0.4, 0.1], 0, 0.9);
    }

    /// Examples of side 1 that become surer, the last `wrong` ones from the bottom decided wrongly here.
    fn bar(count: u16, wrong: u16) -> Bar {
        let confidence = |at: u16| 0.9 + 0.1 * f32::from(at) / f32::from(count);
        let here: Vec<Verdict> =
            (0..count).map(|at| Verdict { side: 1, confidence: confidence(at) }).collect();
        let right: Vec<usize> = (0..count).map(|at| usize::from(at >= wrong)).collect();
        let deepest: Vec<Verdict> =
            right.iter().map(|side| Verdict { side: *side, confidence: 1.0 }).collect();
        Bar::fit(&sides(), &here, &deepest, &right)
    }

    #[test]
    fn a_bar_keeps_what_may_be_lost() {
        // Three of a thousand may be lost, and a strict miss counts four times: none may.
        let bar = bar(1_000, 300);
        assert!((bar.plain - 0.93).abs() < 1e-3, "{bar:?}");
        let cleared = |confidence: f32| bar.is_cleared(&sides(), Verdict { side: 1, confidence });
        assert!(cleared(0.931) && !cleared(0.92));
    }

    #[test]
    fn too_few_examples_have_no_bar() {
        let sure = Verdict { side: 1, confidence: 1.0 };
        assert!(!bar(90, 0).is_cleared(&sides(), sure));
        assert!(bar(200, 0).is_cleared(&sides(), sure));
        // No example was entered into the strict side here.
        assert!(!bar(200, 0).is_cleared(&sides(), Verdict { side: 0, confidence: 1.0 }));
    }
}
