//! The other view of a text at a glance: its form, as counts of short character sequences, to one score a label.
//!
//! Labels are regressed on how much a text has in common with some of the examples (Nyström's approximation of a linear
//! kernel). Being linear, all of that folds into one row of scores for each sequence: reading a text adds up as many rows as
//! it has different sequences.

use serde::{Deserialize, Serialize};

use super::matrix::{Factor, Matrix};
use super::ridge::{Labels, Ridge, spread};
use crate::simd::{Isa, Kernel, Simd};

/// Examples that others are compared with while fitting, spread over the labels. 512 lose half a point of this view alone.
const LANDMARKS_MAX: usize = 1_024;
/// What the landmarks' products are stiffened by, so that near-equal ones do not make them singular.
const JITTER: f32 = 1e-3;
/// Largest magnitude of a byte.
const LEVELS: f32 = 127.0;

/// A text's sequences: the number of each, below [`Form`]'s count, and how much of it there is.
pub(super) type Counts = [(u32, f32)];

/// One row of scores for each sequence.
#[derive(Serialize, Deserialize)]
pub(super) struct Form {
    /// For each sequence, a byte for each label.
    bytes: Vec<i8>,
    /// What one step of a byte is worth, for each label.
    steps: Vec<f32>,
    offsets: Vec<f32>,
    #[serde(skip, default = "Simd::best")]
    simd: Simd,
}

impl Form {
    /// Fits scores to examples, whose sequences are numbered below `buckets`. Returns each example's scores had it not been
    /// among them; nothing for counts that are not finite.
    pub(super) fn fit(
        counts: &[&Counts],
        buckets: usize,
        labels: Labels<'_>,
    ) -> Option<(Self, Matrix)> {
        let simd = Simd::best();
        let marks: Vec<&Counts> =
            spread(labels, LANDMARKS_MAX).into_iter().map(|row| counts[row]).collect();
        let postings = Postings::of(&marks, buckets);
        let common = |of: &[&Counts]| {
            Matrix::of(of.len(), marks.len(), |at, row| postings.add_common(of[at], row))
        };
        let kernel = Factor::of(simd, common(&marks), JITTER)?;
        let mut rows = common(counts);
        kernel.forward(&mut rows);
        let ridge = Ridge::fit(simd, rows, labels)?;
        let mut weights = ridge.weights;
        kernel.backward(&mut weights);
        let form = Self::folded(simd, &postings, &weights, ridge.offsets);
        Some((form, ridge.without))
    }

    /// One score a label.
    pub(super) fn scores(&self, counts: &Counts) -> Vec<f32> {
        let mut sums = vec![0.0; self.steps.len()];
        self.simd.run(AddRows { form: self, counts, sums: &mut sums });
        let scaled = sums.iter().zip(&self.steps).zip(&self.offsets);
        scaled.map(|((sum, step), offset)| sum * step + offset).collect()
    }

    /// Each sequence's scores are those of the landmarks that have it, weighed by how much they have of it.
    fn folded(simd: Simd, postings: &Postings, weights: &Matrix, offsets: Vec<f32>) -> Self {
        let labels = weights.len();
        let scores = Matrix::of(postings.starts.len().saturating_sub(1), labels, |bucket, row| {
            for (mark, value) in postings.of_bucket(bucket) {
                for (label, score) in row.iter_mut().enumerate() {
                    *score += value * weights.row(label)[usize::from(*mark)];
                }
            }
        });
        let mut steps = vec![f32::MIN_POSITIVE; labels];
        for row in scores.rows() {
            for (step, score) in steps.iter_mut().zip(row) {
                *step = step.max(score.abs() / LEVELS);
            }
        }
        let bytes =
            scores.rows().flat_map(|row| row.iter().zip(&steps).map(|(x, step)| byte(x / step)));
        Self { bytes: bytes.collect(), steps, offsets, simd }
    }
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "steps are chosen so that it fits")]
fn byte(x: f32) -> i8 {
    x.round() as i8
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({} bytes, {} labels)", self.bytes.len(), self.steps.len())
    }
}

struct AddRows<'a> {
    form: &'a Form,
    counts: &'a Counts,
    sums: &'a mut [f32],
}

impl Kernel for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, _: S) {
        let width = self.sums.len();
        for (bucket, value) in self.counts {
            let start = usize::try_from(*bucket).unwrap_or(usize::MAX).saturating_mul(width);
            // A sequence of another numbering has no row.
            let row = self.form.bytes.get(start..start.saturating_add(width)).unwrap_or_default();
            for (sum, byte) in self.sums.iter_mut().zip(row) {
                *sum += value * f32::from(*byte);
            }
        }
    }
}

/// Who has a sequence: for each one, the landmarks with it and how much of it they have.
struct Postings {
    entries: Vec<(u16, f32)>,
    /// Where the entries of each sequence begin; one more at the end.
    starts: Vec<usize>,
}

impl Postings {
    fn of(marks: &[&Counts], buckets: usize) -> Self {
        let mut of_bucket: Vec<Vec<(u16, f32)>> = vec![Vec::new(); buckets];
        for (number, mark) in (0_u16..).zip(marks) {
            for (bucket, value) in *mark {
                if let Some(entries) =
                    usize::try_from(*bucket).ok().and_then(|at| of_bucket.get_mut(at))
                {
                    entries.push((number, *value));
                }
            }
        }
        let mut starts = vec![0];
        let mut entries = Vec::new();
        for of_one in of_bucket {
            entries.extend(of_one);
            starts.push(entries.len());
        }
        Self { entries, starts }
    }

    fn of_bucket(&self, bucket: usize) -> &[(u16, f32)] {
        let ends = self.starts.get(bucket).zip(self.starts.get(bucket + 1));
        ends.and_then(|(start, end)| self.entries.get(*start..*end)).unwrap_or_default()
    }

    /// Adds the product of a text with each landmark.
    fn add_common(&self, counts: &Counts, row: &mut [f32]) {
        for (bucket, value) in counts {
            for (mark, other) in self.of_bucket(usize::try_from(*bucket).unwrap_or(usize::MAX)) {
                if let Some(common) = row.get_mut(usize::from(*mark)) {
                    *common += value * other;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: usize = 50;

    /// Texts of two labels: each has sequences of its own label, and others that mean nothing.
    fn texts(count: u32) -> (Vec<Vec<(u32, f32)>>, Vec<usize>) {
        let text = |at: u32| vec![(at % 2 * 10 + at % 5, 0.6), (20 + at * 7 % 30, 0.8)];
        let labels = (0..count).map(|at| usize::from(at % 2 == 1)).collect();
        ((0..count).map(text).collect(), labels)
    }

    fn fit(texts: &[Vec<(u32, f32)>], labels: &[usize]) -> (Form, Matrix) {
        let counts: Vec<&Counts> = texts.iter().map(Vec::as_slice).collect();
        Form::fit(&counts, BUCKETS, Labels { of: labels, count: 2 }).expect("a fit")
    }

    #[test]
    fn sequences_tell_labels() {
        let (texts, labels) = texts(200);
        let (form, without) = fit(&texts, &labels);
        let unseen = |bucket: u32| form.scores(&[(bucket, 0.6), (49, 0.8)]);
        assert!(unseen(3)[0] > unseen(3)[1] + 0.2);
        assert!(unseen(13)[1] > unseen(13)[0] + 0.2);
        let right =
            without.rows().zip(&labels).filter(|(row, label)| (row[1] > row[0]) == (**label == 1));
        assert_eq!(right.count(), 200);
    }

    #[test]
    fn what_no_example_has_says_nothing() {
        let (texts, labels) = texts(60);
        let (form, _) = fit(&texts, &labels);
        assert_eq!(form.scores(&[]), form.scores(&[(u32::MAX, 1.0)]));
        let [first, second] = form.scores(&[])[..] else { panic!("two labels") };
        assert!((first + second).abs() < 1e-3 && first.is_finite());
    }

    #[test]
    fn an_example_scores_as_a_fit_without_it_would() {
        let (texts, labels) = texts(40);
        let (_, without) = fit(&texts, &labels);
        let (mut others, mut their_labels) = (texts.clone(), labels.clone());
        let out = others.remove(17);
        their_labels.remove(17);
        let (form, _) = fit(&others, &their_labels);
        assert!((form.scores(&out)[0] - without.row(17)[0]).abs() < 0.1);
    }
}
