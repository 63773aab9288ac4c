//! Ridge regression of labels: what is known of examples to one score a label, and each example's scores had it not been
//! among them.

use super::matrix::{Factor, Matrix, count};
use crate::simd::Simd;

/// Penalty on the weights. From 0.1 to 1 accuracy on held-out prompts changes by less than half a point.
const PENALTY: f32 = 0.3;
/// Nearest to one that a leverage may come: a row that alone decides its own score has no score without itself.
const LEVERAGE_MAX: f32 = 0.999;

/// Labels of examples as numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels<'a> {
    /// One for each example, below `count`.
    pub(super) of: &'a [usize],
    /// How many there are.
    pub(super) count: usize,
}

/// What was fitted.
#[derive(Debug)]
pub(super) struct Ridge {
    /// A row for each label.
    pub(super) weights: Matrix,
    /// For each label, what is added so that the examples' mean score is zero.
    pub(super) offsets: Vec<f32>,
    /// A row for each example: the scores it would have had, had it not been fitted to. In-sample scores repeat the labels,
    /// and no prompt would ever be near to them.
    pub(super) without: Matrix,
}

impl Ridge {
    /// Regresses the indicators of labels, without their means, on rows. Nothing when the rows are not finite.
    pub(super) fn fit(simd: Simd, mut rows: Matrix, labels: Labels<'_>) -> Option<Self> {
        let means = rows.centre(simd);
        let factor = Factor::of(simd, rows.gram(simd), PENALTY)?;
        let mut weights = sums_by_label(simd, &rows, labels);
        factor.forward(&mut weights);
        factor.backward(&mut weights);
        let mut offsets = vec![0.0; labels.count];
        weights.times(simd, &means, &mut offsets);
        offsets.iter_mut().for_each(|offset| *offset = -*offset);
        let fitted = Matrix::of(rows.len(), labels.count, |at, scores| {
            weights.times(simd, rows.row(at), scores);
        });
        let without = leave_one_out(simd, rows, fitted, &factor, labels);
        Some(Self { weights, offsets, without })
    }
}

/// For each label, the sum of its rows. The rows are centred, so the means of the indicators cancel out.
fn sums_by_label(simd: Simd, rows: &Matrix, labels: Labels<'_>) -> Matrix {
    let mut sums = Matrix::zeros(labels.count, rows.width());
    for (row, label) in rows.rows().zip(labels.of) {
        simd.add(sums.row_mut(*label), row, 1.0);
    }
    sums
}

/// Where each row would be had it not been fitted to: its residual grows by what it pulled the fit towards itself. Exact for
/// ridge regression (Allen, 1974, "The relationship between variable selection and data augmentation").
fn leave_one_out(
    simd: Simd,
    mut rows: Matrix,
    mut fitted: Matrix,
    factor: &Factor,
    labels: Labels<'_>,
) -> Matrix {
    let mut shares = vec![0.0; labels.count];
    for label in labels.of {
        shares[*label] += 1.0 / count(labels.of.len());
    }
    factor.forward(&mut rows);
    fitted.change(|at, scores| {
        let pulled = rows.row(at);
        let leverage = simd.dot(pulled, pulled) + 1.0 / count(labels.of.len());
        let stretch = 1.0 / (1.0 - leverage.min(LEVERAGE_MAX));
        for (label, (score, share)) in scores.iter_mut().zip(&shares).enumerate() {
            let target = f32::from(u8::from(labels.of[at] == label)) - share;
            *score = target - (target - *score) * stretch;
        }
    });
    fitted
}

/// Rows spread evenly over each label's rows, `most` at most: files list alike examples one after the other.
pub(super) fn spread(labels: Labels<'_>, most: usize) -> Vec<usize> {
    let mut of_label: Vec<Vec<usize>> = vec![Vec::new(); labels.count];
    for (row, label) in labels.of.iter().enumerate() {
        of_label[*label].push(row);
    }
    let share = (most / labels.count.max(1)).max(1);
    let spread = of_label.iter().flat_map(|of_one| {
        let taken = share.min(of_one.len());
        (0..taken).map(move |turn| of_one[turn * of_one.len() / taken])
    });
    spread.take(most).collect()
}
