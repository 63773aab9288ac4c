//! A view of texts through their labels: vectors to one score a label.
//!
//! A language model places texts by what they are about, and labels ask for something else: what is to be done. So the
//! labels are regressed on the features, one score a label, and examples and prompts are compared by their scores. This is
//! flexible discriminant analysis (Hastie, Tibshirani and Buja, 1994, "Flexible discriminant analysis by optimal scoring"):
//! ridge regression of label indicators on the features themselves and on their nearness to some of the examples, the
//! landmarks (Nyström's approximation of a Gaussian kernel; Williams and Seeger, 2001).

use serde::{Deserialize, Serialize};

use super::matrix::{Factor, Matrix, count};
use super::ridge::{Labels, Ridge, spread};
use super::taps::Taps;
use crate::index::{Query, Rows};
use crate::simd::Simd;

/// What the kernel of the landmarks is stiffened by. It keeps near-equal ones from making it singular, and weights so small
/// that landmarks and prompts may be compared by one byte a component.
const JITTER: f32 = 1e-2;

/// Where features lie among labelled examples.
#[derive(Serialize, Deserialize)]
pub(super) struct Space {
    taps: Taps,
    /// As `Taps::prepare` leaves them.
    landmarks: Rows,
    /// The examples' mean features and mean nearness.
    means: Vec<f32>,
    /// For each label, the weights of the features and then of the landmarks, by their direction and their length.
    directions: Rows,
    lengths: Vec<f32>,
    #[serde(skip, default = "Simd::best")]
    simd: Simd,
}

impl Space {
    /// Fits a space to examples. `stops` are the ends of the taps in the features; so many examples, spread over the labels,
    /// serve as landmarks. Returns the space and each example's scores in it had it not been among them; nothing for features
    /// that are not finite.
    pub(super) fn fit(
        features: &[&[f32]],
        stops: &[usize],
        labels: Labels<'_>,
        landmarks_max: usize,
    ) -> Option<(Self, Matrix)> {
        let simd = Simd::best();
        let taps = Taps::fit(simd, features, stops);
        let width = taps.width();
        let rows = Matrix::of(features.len(), width, |at, row| {
            row.copy_from_slice(&features[at][..width]);
            taps.prepare(simd, row);
        });
        let marks = spread(labels, landmarks_max);
        let landmarks = Landmarks::new(simd, &rows, &marks)?;
        let mut near = Matrix::of(rows.len(), marks.len(), |at, nearness| {
            nearness_to(simd, &landmarks.rows, rows.row(at), nearness);
        });
        landmarks.kernel.forward(&mut near);
        let basis = Matrix::of(rows.len(), width + marks.len(), |at, row| {
            let (prepared, nearness) = row.split_at_mut(width);
            prepared.copy_from_slice(rows.row(at));
            nearness.copy_from_slice(near.row(at));
        });
        drop(near);
        let ridge = Ridge::fit(simd, basis, labels)?;
        let weights = landmarks.unfold(&ridge.weights, width);
        let means = means(simd, &rows, &landmarks.rows, width + marks.len());
        let mut directions = Rows::with_capacity(weights.width(), weights.len());
        let length = |row: &[f32]| {
            directions.push_or_zero(row);
            simd.dot(row, row).sqrt()
        };
        let lengths = weights.rows().map(length).collect();
        let landmarks = landmarks.rows;
        Some((Self { taps, landmarks, means, directions, lengths, simd }, ridge.without))
    }

    /// One score a label for a prompt's features; of longer ones the beginning counts.
    pub(super) fn scores(&self, features: &[f32]) -> Vec<f32> {
        let width = self.taps.width();
        let mut row = features.get(..width).map_or_else(|| vec![0.0; width], <[f32]>::to_vec);
        self.taps.prepare(self.simd, &mut row);
        let mut basis = vec![0.0; self.means.len()];
        let (on_features, on_landmarks) = basis.split_at_mut(width);
        on_features.copy_from_slice(&row);
        nearness_to(self.simd, &self.landmarks, &row, on_landmarks);
        self.simd.add(&mut basis, &self.means, -1.0);
        let length = self.simd.dot(&basis, &basis).sqrt();
        let mut scores = vec![0.0; self.lengths.len()];
        // At the examples' very mean all scores are zero.
        if let Ok(query) = self.directions.query(&basis) {
            self.directions.cosines(&query, |first, cosines| {
                let labels = scores.iter_mut().zip(&self.lengths).skip(first);
                for ((score, weight), cosine) in labels.zip(cosines) {
                    *score = cosine * weight * length;
                }
            });
        }
        scores
    }
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (landmarks, labels) = (self.landmarks.len(), self.lengths.len());
        write!(f, "Space({} components, {landmarks} landmarks, {labels} labels)", self.taps.width())
    }
}

/// While fitting.
struct Landmarks {
    rows: Rows,
    kernel: Factor,
}

impl Landmarks {
    fn new(simd: Simd, rows: &Matrix, marks: &[usize]) -> Option<Self> {
        let mut quantised = Rows::with_capacity(rows.width(), marks.len());
        for mark in marks {
            // A landmark without a direction is near to nothing.
            quantised.push_or_zero(rows.row(*mark));
        }
        let kernel = Matrix::of(marks.len(), marks.len(), |at, line| {
            for (value, mark) in line.iter_mut().zip(marks).take(at + 1) {
                *value = 2.0 * (simd.dot(rows.row(marks[at]), rows.row(*mark)) - 1.0);
            }
            simd.exp(line);
        });
        Some(Self { rows: quantised, kernel: Factor::of(simd, kernel, JITTER)? })
    }

    /// Weights of what the kernel's factor made of the nearness, as weights of the nearness itself.
    fn unfold(&self, weights: &Matrix, width: usize) -> Matrix {
        let on_landmarks = weights.width() - width;
        let mut unfolded = Matrix::of(weights.len(), on_landmarks, |label, row| {
            row.copy_from_slice(&weights.row(label)[width..]);
        });
        self.kernel.backward(&mut unfolded);
        Matrix::of(weights.len(), weights.width(), |label, row| {
            let (features, landmarks) = row.split_at_mut(width);
            features.copy_from_slice(&weights.row(label)[..width]);
            landmarks.copy_from_slice(unfolded.row(label));
        })
    }
}

/// What the examples have on average, so that only what sets a text apart is rounded to bytes.
fn means(simd: Simd, rows: &Matrix, landmarks: &Rows, width: usize) -> Vec<f32> {
    let mut means = vec![0.0; width];
    let mut basis = vec![0.0; width];
    for row in rows.rows() {
        let (features, nearness) = basis.split_at_mut(rows.width());
        features.copy_from_slice(row);
        nearness_to(simd, landmarks, row, nearness);
        simd.add(&mut means, &basis, 1.0 / count(rows.len()));
    }
    means
}

/// A Gaussian kernel of rows of length one: `exp(-|x - y|²) = exp(2 (x·y - 1))`.
fn nearness_to(simd: Simd, landmarks: &Rows, row: &[f32], out: &mut [f32]) {
    let Ok(query) = landmarks.query(row) else {
        // Without a direction it is as near to all as to none.
        out.fill((-2.0_f32).exp());
        return;
    };
    fill(landmarks, &query, out);
    simd.exp(out);
}

fn fill(landmarks: &Rows, query: &Query, out: &mut [f32]) {
    landmarks.cosines(query, |first, cosines| {
        for (value, cosine) in out.iter_mut().skip(first).zip(cosines) {
            *value = 2.0 * (cosine - 1.0);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible rows of two taps. The label is whether two coordinates have the same sign, which no line can tell; all
    /// others are noise as strong.
    fn rows(count: usize) -> (Vec<Vec<f32>>, Vec<usize>) {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            f32::from(state.to_le_bytes()[0]) / 127.5 - 1.0
        };
        let rows: Vec<Vec<f32>> = (0..count).map(|_| (0..8).map(|_| next()).collect()).collect();
        let labels = rows.iter().map(|row| usize::from(row[0] * row[5] > 0.0)).collect();
        (rows, labels)
    }

    fn fit(rows: &[Vec<f32>], labels: &[usize]) -> (Space, Matrix) {
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        Space::fit(&rows, &[4, 8], Labels { of: labels, count: 2 }, 512).expect("a fit")
    }

    fn best(scores: &[f32]) -> usize {
        usize::from(scores[1] > scores[0])
    }

    fn right<'a>(scores: impl Iterator<Item = &'a [f32]>, labels: &[usize]) -> f32 {
        let hits = scores.zip(labels).filter(|(place, label)| best(place) == **label);
        count(hits.count()) / count(labels.len())
    }

    #[test]
    fn unseen_rows_lie_with_their_label_even_where_no_line_tells_them_apart() {
        let (all, labels) = rows(900);
        let (space, _) = fit(&all[..600], &labels[..600]);
        let scores: Vec<Vec<f32>> = all[600..].iter().map(|row| space.scores(row)).collect();
        let share = right(scores.iter().map(Vec::as_slice), &labels[600..]);
        assert!(share > 0.85, "{share}");
    }

    #[test]
    fn an_example_lies_where_a_fit_without_it_puts_it() {
        let (all, labels) = rows(60);
        let (_, scores) = fit(&all, &labels);
        for out in [0, 7, 31] {
            let mut others = all.clone();
            let mut their_labels = labels.clone();
            let left_out = others.remove(out);
            their_labels.remove(out);
            let (space, _) = fit(&others, &their_labels);
            // Landmarks, means and shares move by one row of sixty, the rest is exact.
            let apart = (space.scores(&left_out)[0] - scores.row(out)[0]).abs();
            assert!(apart < 0.15, "{apart}");
        }
    }

    #[test]
    fn labels_without_meaning_are_not_found_again() {
        let (all, _) = rows(400);
        let labels: Vec<usize> = (0..400).map(|at| at * 7 % 13 % 2).collect();
        let (_, scores) = fit(&all, &labels);
        let share = right(scores.rows(), &labels);
        assert!((0.38..0.62).contains(&share), "{share}");
    }

    #[test]
    fn equal_and_empty_examples_do_not_spoil_a_fit() {
        let (mut all, mut labels) = rows(200);
        for at in 0..100 {
            all.push(all[at].clone());
            labels.push(labels[at]);
        }
        all.push(vec![0.0; 8]);
        labels.push(0);
        let (space, scores) = fit(&all, &labels);
        assert!(scores.rows().flatten().chain(&space.scores(&all[0])).all(|x| x.is_finite()));
        assert!(space.scores(&[0.0; 8]).iter().all(|x| x.is_finite()));
    }
}
