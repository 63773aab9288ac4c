//! Several views' scores to probabilities: each view weighs as much as makes the examples' own labels likeliest.
//!
//! Weights are fitted to scores that the examples would have had, had they not been among the examples, so that what comes
//! out is calibrated (stacking; Wolpert, 1992, "Stacked generalization"). The loss is convex in so few weights, and Newton's
//! method finds its minimum in some ten steps.

use rayon::prelude::*;

use super::matrix::Matrix;
use super::ridge::{Labels, spread};

/// Examples that weights are fitted to, spread over the labels: four numbers do not need more.
const SAMPLE_MAX: usize = 4_096;
/// Steps of Newton's method; it has converged long before.
const STEPS: usize = 40;
/// Times that a step is halved until it lowers the loss.
const HALVINGS: usize = 20;
/// A step that changes no weight by more is the last one.
const SETTLED: f64 = 1e-5;
/// Added to the curvature, for views that say the same.
const STIFF: f64 = 1e-9;

/// The most views there are.
pub(super) const VIEWS_MAX: usize = 4;

/// A weight for each view.
pub(super) type Weights = [f64; VIEWS_MAX];

/// The weights, none of them negative, that make the labels likeliest. Views are matrices of one score a label for each
/// example; a view that does not exist has no weight.
pub(super) fn weigh(views: &[&Matrix], labels: Labels<'_>) -> Weights {
    let sample = spread(labels, SAMPLE_MAX);
    let mut weights = start(views.len());
    let mut here = Slope::at(views, labels, &sample, &weights);
    for _ in 0..STEPS {
        let step = here.step(&weights, views.len());
        let Some((next, there)) = halved(&weights, &step, |tried| {
            let slope = Slope::at(views, labels, &sample, tried);
            (slope.loss < here.loss).then_some(slope)
        }) else {
            break;
        };
        let moved = next.iter().zip(&weights).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        (weights, here) = (next, there);
        if moved < SETTLED {
            break;
        }
    }
    weights
}

/// Scores are shares of one, so that sensible weights are larger than one.
fn start(views: usize) -> Weights {
    std::array::from_fn(|view| if view < views { 2.0 } else { 0.0 })
}

/// The largest part of a step that is accepted.
fn halved<T>(
    from: &Weights,
    step: &Weights,
    accept: impl Fn(&Weights) -> Option<T>,
) -> Option<(Weights, T)> {
    let mut part = 1.0;
    for _ in 0..HALVINGS {
        let tried: Weights = std::array::from_fn(|view| (from[view] + part * step[view]).max(0.0));
        if let Some(accepted) = accept(&tried) {
            return Some((tried, accepted));
        }
        part /= 2.0;
    }
    None
}

/// The loss at some weights, its slope and its curvature.
#[derive(Clone, Copy, Default)]
struct Slope {
    loss: f64,
    slope: Weights,
    curvature: [Weights; VIEWS_MAX],
}

impl Slope {
    fn at(views: &[&Matrix], labels: Labels<'_>, sample: &[usize], weights: &Weights) -> Self {
        let each = |row: &usize| Self::of_row(views, labels.of[*row], *row, weights);
        sample.par_iter().map(each).reduce(Self::default, Self::plus)
    }

    fn of_row(views: &[&Matrix], label: usize, row: usize, weights: &Weights) -> Self {
        let scores: Vec<&[f32]> = views.iter().map(|view| view.row(row)).collect();
        let count = scores.first().map_or(0, |first| first.len());
        let blended = |at: usize| -> f64 {
            scores.iter().zip(weights).map(|(view, weight)| weight * f64::from(view[at])).sum()
        };
        let mut chances: Vec<f64> = (0..count).map(blended).collect();
        let of_label = chances[label];
        let most = chances.iter().copied().fold(f64::MIN, f64::max);
        chances.iter_mut().for_each(|chance| *chance = (*chance - most).exp());
        let total: f64 = chances.iter().sum();
        let mut here = Self { loss: total.ln() + most - of_label, ..Self::default() };
        let mean = |view: &[f32]| -> f64 {
            view.iter().zip(&chances).map(|(x, p)| f64::from(*x) * p / total).sum()
        };
        let means: Vec<f64> = scores.iter().map(|view| mean(view)).collect();
        for (at, view) in scores.iter().enumerate() {
            here.slope[at] = means[at] - f64::from(view[label]);
            for (other, second) in scores.iter().enumerate() {
                let both: f64 = (0..count)
                    .map(|i| f64::from(view[i]) * f64::from(second[i]) * chances[i] / total)
                    .sum();
                here.curvature[at][other] = both - means[at] * means[other];
            }
        }
        here
    }

    fn plus(mut self, other: Self) -> Self {
        self.loss += other.loss;
        for view in 0..VIEWS_MAX {
            self.slope[view] += other.slope[view];
            for second in 0..VIEWS_MAX {
                self.curvature[view][second] += other.curvature[view][second];
            }
        }
        self
    }

    /// Newton's step among the weights that may move: one at zero that would become negative stays.
    fn step(&self, weights: &Weights, views: usize) -> Weights {
        let moves = |view: usize| view < views && (weights[view] > 0.0 || self.slope[view] < 0.0);
        let mut rows = self.curvature;
        let mut right = self.slope.map(|slope| -slope);
        for view in 0..VIEWS_MAX {
            if !moves(view) {
                rows[view] = [0.0; VIEWS_MAX];
                rows.iter_mut().for_each(|row| row[view] = 0.0);
                (rows[view][view], right[view]) = (1.0, 0.0);
            }
            rows[view][view] += STIFF;
        }
        solve(rows, right)
    }
}

/// Gauss's elimination; the matrix is symmetric and positive, so that no pivot need be searched.
fn solve(mut rows: [Weights; VIEWS_MAX], mut right: Weights) -> Weights {
    for at in 0..VIEWS_MAX {
        for below in at + 1..VIEWS_MAX {
            let times = rows[below][at] / rows[at][at];
            let upper = rows[at];
            rows[below].iter_mut().zip(upper).for_each(|(value, above)| *value -= times * above);
            right[below] -= times * right[at];
        }
    }
    for at in (0..VIEWS_MAX).rev() {
        let known: f64 = (at + 1..VIEWS_MAX).map(|column| rows[at][column] * right[column]).sum();
        right[at] = (right[at] - known) / rows[at][at];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two labels: what the first view says is right in three of four rows, what the second one says is noise.
    fn views(count: usize) -> (Matrix, Matrix, Vec<usize>) {
        let labels: Vec<usize> = (0..count).map(|row| row % 2).collect();
        let sign = |is_second: bool| if is_second { 1.0 } else { -1.0 };
        let fill = |said: &dyn Fn(usize) -> bool| {
            let mut view = Matrix::zeros(count, 2);
            for row in 0..count {
                view.row_mut(row).copy_from_slice(&[-sign(said(row)), sign(said(row))]);
            }
            view
        };
        let good = fill(&|row| (row % 2 == 1) != (row / 2 % 4 == 3));
        let noise = fill(&|row| row / 8 % 2 == 1);
        (good, noise, labels)
    }

    #[test]
    fn weights_say_how_often_a_view_is_right() {
        let (good, noise, labels) = views(800);
        let weights = weigh(&[&good, &noise], Labels { of: &labels, count: 2 });
        // Right in three of four: e^2w / (1 + e^2w) = 3/4, so w = ln(3) / 2.
        assert!((weights[0] - 3.0_f64.ln() / 2.0).abs() < 1e-3, "{weights:?}");
        assert!(weights[1].abs() < 1e-3, "{weights:?}");
        assert_eq!(weights[2..], [0.0, 0.0]);
    }

    #[test]
    fn a_view_that_is_always_wrong_has_no_say() {
        let (good, _, labels) = views(400);
        let mut wrong = good.clone();
        wrong.change(|_, row| row.iter_mut().for_each(|score| *score = -*score));
        let weights = weigh(&[&wrong], Labels { of: &labels, count: 2 });
        assert!(weights.iter().all(|weight| weight.abs() < 1e-9), "{weights:?}");
    }

    #[test]
    fn two_views_that_say_the_same_share_the_weight() {
        let (good, _, labels) = views(400);
        let weights = weigh(&[&good, &good], Labels { of: &labels, count: 2 });
        assert!((weights[0] + weights[1] - 3.0_f64.ln() / 2.0).abs() < 1e-3, "{weights:?}");
    }
}
