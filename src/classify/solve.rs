//! The little linear algebra that fitting needs: a Cholesky factor and what is solved with it.
//!
//! Rows are contiguous and every inner loop is one dot product, which the compiler turns into vector instructions.

use std::iter;

/// A symmetric positive definite matrix as the lower triangle of its Cholesky factor.
#[derive(Debug, Clone)]
pub(super) struct Factor {
    size: usize,
    /// Row `i` has `i + 1` meaningful numbers.
    rows: Vec<f32>,
}

impl Factor {
    /// Factors a matrix given as its lower triangle in full rows. Nothing when it is not positive definite.
    pub(super) fn of(mut rows: Vec<f32>, size: usize) -> Option<Self> {
        for at in 0..size {
            let (above, below) = rows.split_at_mut(at * size);
            let row = &mut below[..size];
            for column in 0..at {
                let other = &above[column * size..=column * size + column];
                let sum = row[column] - dot(&row[..column], &other[..column]);
                row[column] = sum / other[column];
            }
            let pivot = row[at] - dot(&row[..at], &row[..at]);
            if !(pivot.is_normal() && pivot > 0.0) {
                return None;
            }
            row[at] = pivot.sqrt();
        }
        Some(Self { size, rows })
    }

    /// Solves `L x = b` in place, where `L` is the factor.
    pub(super) fn forward(&self, b: &mut [f32]) {
        for at in 0..self.size {
            let row = &self.rows[at * self.size..=at * self.size + at];
            let (known, rest) = b.split_at_mut(at);
            rest[0] = (rest[0] - dot(&row[..at], known)) / row[at];
        }
    }

    /// Solves `Lᵀ x = b` in place.
    pub(super) fn backward(&self, b: &mut [f32]) {
        for at in (0..self.size).rev() {
            let row = &self.rows[at * self.size..=at * self.size + at];
            let (rest, solved) = b.split_at_mut(at);
            let x = solved[0] / row[at];
            solved[0] = x;
            for (below, factor) in iter::zip(rest, row) {
                *below -= factor * x;
            }
        }
    }
}

/// Sum of products, in sixteen independent sums so that the compiler may use vector instructions.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0_f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (xs, ys) in iter::zip(a_chunks, b_chunks) {
        for ((sum, x), y) in sums.iter_mut().zip(xs).zip(ys) {
            *sum += x * y;
        }
    }
    let rest: f32 = iter::zip(a_rest, b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_solved_fits_the_equations() {
        // The lower triangle of a matrix that is diagonally dominant, hence positive definite.
        let matrix = [4.0, 0.0, 0.0, 1.0, 5.0, 0.0, -2.0, 0.5, 6.0];
        let factor = Factor::of(matrix.to_vec(), 3).expect("positive definite");
        let mut x = [1.0, 2.0, 3.0];
        factor.forward(&mut x);
        factor.backward(&mut x);
        let full = [[4.0, 1.0, -2.0], [1.0, 5.0, 0.5], [-2.0, 0.5, 6.0]];
        for (row, expected) in iter::zip(full, [1.0, 2.0, 3.0]) {
            assert!((dot(&row, &x) - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn a_matrix_without_a_factor_is_refused() {
        assert!(Factor::of(vec![1.0, 0.0, 2.0, 1.0], 2).is_none());
        assert!(Factor::of(vec![f32::NAN], 1).is_none());
        assert!(Factor::of(vec![0.0], 1).is_none());
    }
}
