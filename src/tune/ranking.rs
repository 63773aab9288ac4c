//! How well a score tells what is out of scope from what is in scope.

use super::times::count;

/// The share of in-scope rows that may be flagged by mistake, as one in so many.
const ONE_FALSE_ALARM_IN: usize = 20;

/// The chance that a row out of scope scores above one in scope, equal scores counted half: the area under the ROC curve,
/// computed from ranks as Mann and Whitney (1947) do. Nothing when either kind is missing.
#[must_use]
pub(super) fn auroc(inside: &[f32], outside: &[f32]) -> Option<f64> {
    if inside.is_empty() || outside.is_empty() {
        return None;
    }
    let mut inside = inside.to_vec();
    inside.sort_unstable_by(f32::total_cmp);
    let below = |score: f32| inside.partition_point(|other| *other < score);
    let up_to = |score: f32| inside.partition_point(|other| *other <= score);
    // Each pair counts 2 when the outer one is above and 1 when both are equal.
    let halves: usize = outside.iter().map(|score| below(*score) + up_to(*score)).sum();
    Some(count(halves) / (2.0 * count(inside.len() * outside.len())))
}

/// The share of rows out of scope that are found when at most one in-scope row in twenty of the same set is flagged with them.
///
/// A row is flagged when its score is strictly above the threshold, and the threshold is the lowest in-scope score that leaves
/// at most `inside / 20` (rounded down) in-scope rows above it. Nothing when either kind is missing.
#[must_use]
pub(super) fn recall_at_5(inside: &[f32], outside: &[f32]) -> Option<f64> {
    let mut highest_first = inside.to_vec();
    highest_first.sort_unstable_by(|a, b| b.total_cmp(a));
    let threshold = *highest_first.get(inside.len() / ONE_FALSE_ALARM_IN)?;
    if outside.is_empty() {
        return None;
    }
    let found = outside.iter().filter(|score| **score > threshold).count();
    Some(count(found) / count(outside.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Option<f64>, expected: f64) {
        let found = found.expect("a figure");
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn the_area_counts_pairs() {
        close(auroc(&[0.1, 0.2], &[0.3, 0.4]), 1.0);
        close(auroc(&[0.3, 0.4], &[0.1, 0.2]), 0.0);
        // Pairs: 0.2 is above 0.1 and below 0.3; 0.3 is above 0.1 and equal to 0.3: 2.5 of 4.
        close(auroc(&[0.1, 0.3], &[0.2, 0.3]), 0.625);
        close(auroc(&[0.5; 3], &[0.5; 2]), 0.5);
        assert_eq!((auroc(&[], &[0.1]), auroc(&[0.1], &[])), (None, None));
    }

    #[test]
    fn one_in_twenty_may_be_flagged() {
        // 0.00 to 0.39: two of 40 may be flagged, so that the threshold is the third highest.
        let inside: Vec<f32> = (0_u8..40).map(|step| f32::from(step) / 100.0).collect();
        close(recall_at_5(&inside, &[0.36, 0.37, 0.38, 0.9]), 0.5);
        // Below twenty, none may be.
        close(recall_at_5(&[0.1, 0.2], &[0.2, 0.3]), 0.5);
        // Of equal scores none is flagged, or all would be.
        close(recall_at_5(&[0.5; 40], &[0.5, 0.6]), 0.5);
        assert_eq!((recall_at_5(&[], &[0.1]), recall_at_5(&[0.1], &[])), (None, None));
    }
}
