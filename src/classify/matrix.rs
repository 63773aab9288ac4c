//! The little linear algebra that fitting needs: rows of numbers, and a Cholesky factor with what is solved by it.
//!
//! Every inner loop is a dot product of contiguous rows, on lanes. What is independent is shared out among the cores.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::simd::Simd;

/// Rows that go through a factor together, so that it is read once for all of them.
const TOGETHER: usize = 8;
/// Rows whose products with each other are summed at a time, so that they stay near the processor.
const BLOCK: usize = 256;

/// Numbers in rows of one length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Matrix {
    width: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// Zeros.
    pub(super) fn zeros(count: usize, width: usize) -> Self {
        Self { width, values: vec![0.0; count * width] }
    }

    /// Computes each row, many at a time. `fill` is given a row's number and its zeros.
    pub(super) fn of(count: usize, width: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Self {
        let mut matrix = Self::zeros(count, width);
        matrix.change(fill);
        matrix
    }

    /// Computes each row from what it holds, many at a time.
    pub(super) fn change(&mut self, fill: impl Fn(usize, &mut [f32]) + Sync) {
        let rows = self.values.par_chunks_exact_mut(self.width.max(1));
        rows.enumerate().for_each(|(at, row)| fill(at, row));
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    pub(super) fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.width.max(1))
    }

    pub(super) fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.width..(at + 1) * self.width]
    }

    pub(super) fn row_mut(&mut self, at: usize) -> &mut [f32] {
        &mut self.values[at * self.width..(at + 1) * self.width]
    }

    /// The product of each row with a vector.
    pub(super) fn times(&self, simd: Simd, vector: &[f32], out: &mut [f32]) {
        simd.dots(vector, &self.values, out);
    }

    /// Takes the mean out of every column and returns the means.
    pub(super) fn centre(&mut self, simd: Simd) -> Vec<f32> {
        let mut means = vec![0.0; self.width];
        for row in self.rows() {
            simd.add(&mut means, row, 1.0 / count(self.len()));
        }
        self.change(|_, row| simd.add(row, &means, -1.0));
        means
    }

    /// The products of the columns with each other, as a lower triangle.
    pub(super) fn gram(&self, simd: Simd) -> Self {
        let each = self.len().div_ceil(rayon::current_num_threads()).max(1);
        let parts = self.values.par_chunks(each * self.width.max(1));
        let sum = |one: Self, other: Self| {
            let mut one = one;
            simd.add(&mut one.values, &other.values, 1.0);
            one
        };
        let part = |rows: &[f32]| gram_of(simd, rows, self.width);
        parts.map(part).reduce(|| Self::zeros(self.width, self.width), sum)
    }
}

fn gram_of(simd: Simd, rows: &[f32], width: usize) -> Matrix {
    let mut products = Matrix::zeros(width, width);
    let mut line = vec![0.0; width];
    for block in rows.chunks(BLOCK * width.max(1)) {
        let height = block.len() / width.max(1);
        let mut columns = vec![0.0; block.len()];
        for (at, value) in block.iter().enumerate() {
            columns[at % width * height + at / width] = *value;
        }
        for at in 0..width {
            let (upto, line) = (&columns[..(at + 1) * height], &mut line[..=at]);
            simd.dots(&columns[at * height..(at + 1) * height], upto, line);
            simd.add(&mut products.row_mut(at)[..=at], line, 1.0);
        }
    }
    products
}

/// A symmetric positive definite matrix as the lower triangle of its Cholesky factor.
#[derive(Debug, Clone)]
pub(super) struct Factor {
    simd: Simd,
    /// Row `i` has `i + 1` meaningful numbers.
    rows: Matrix,
}

impl Factor {
    /// Factors a matrix given as its lower triangle, after adding something to its diagonal. Nothing when it is not positive
    /// definite.
    pub(super) fn of(simd: Simd, mut rows: Matrix, diagonal: f32) -> Option<Self> {
        let size = rows.width;
        for at in 0..size {
            let (above, below) = rows.values.split_at_mut(at * size);
            let row = &mut below[..size];
            for column in 0..at {
                let other = &above[column * size..=column * size + column];
                let sum = row[column] - simd.dot(&row[..column], &other[..column]);
                row[column] = sum / other[column];
            }
            let pivot = row[at] + diagonal - simd.dot(&row[..at], &row[..at]);
            if !(pivot.is_normal() && pivot > 0.0) {
                return None;
            }
            row[at] = pivot.sqrt();
        }
        Some(Self { simd, rows })
    }

    /// Solves `L x = row` in place for every row, where `L` is the factor.
    pub(super) fn forward(&self, rows: &mut Matrix) {
        let width = rows.width;
        let together = rows.values.par_chunks_mut((TOGETHER * width).max(1));
        together.for_each(|some| {
            for (at, line) in self.rows.rows().enumerate() {
                for row in some.chunks_exact_mut(width) {
                    let known = self.simd.dot(&line[..at], &row[..at]);
                    row[at] = (row[at] - known) / line[at];
                }
            }
        });
    }

    /// Solves `Lᵀ x = row` in place for every row.
    pub(super) fn backward(&self, rows: &mut Matrix) {
        let change = |_: usize, row: &mut [f32]| {
            for at in (0..self.rows.len()).rev() {
                let line = self.rows.row(at);
                let (rest, solved) = row.split_at_mut(at);
                let x = solved[0] / line[at];
                solved[0] = x;
                self.simd.add(rest, &line[..at], -x);
            }
        };
        rows.change(change);
    }
}

/// A count as a number to divide by; exact up to 2^24 rows, and never zero.
#[expect(clippy::cast_precision_loss, reason = "a mean over 16 million rows need not be exact")]
pub(super) fn count(n: usize) -> f32 {
    n.max(1) as f32
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    fn matrix<const N: usize>(rows: &[[f32; N]]) -> Matrix {
        Matrix::of(rows.len(), N, |at, row| row.copy_from_slice(&rows[at]))
    }

    #[test]
    fn what_is_solved_fits_the_equations() {
        let simd = Simd::best();
        // Diagonally dominant, hence positive definite.
        let full = [[4.0, 1.0, -2.0], [1.0, 5.0, 0.5], [-2.0, 0.5, 6.0]];
        let factor = Factor::of(simd, matrix(&full), 0.0).expect("positive definite");
        let mut x = matrix(&[[1.0, 2.0, 3.0]; 20]);
        factor.forward(&mut x);
        factor.backward(&mut x);
        for solved in x.rows() {
            for (row, expected) in iter::zip(full, [1.0, 2.0, 3.0]) {
                assert!((simd.dot(&row, solved) - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_matrix_without_a_factor_is_refused() {
        let refused = |rows: Matrix| Factor::of(Simd::best(), rows, 0.0).is_none();
        assert!(refused(matrix(&[[1.0, 0.0], [2.0, 1.0]])));
        assert!(refused(matrix(&[[f32::NAN]])));
        assert!(refused(matrix(&[[0.0]])));
        assert!(Factor::of(Simd::best(), matrix(&[[0.0]]), 1.0).is_some());
    }

    #[test]
    fn columns_are_multiplied_with_each_other() {
        let rows: Vec<[f32; 3]> =
            (0..700_u16).map(|at| [f32::from(at % 7), f32::from(at % 3) - 1.0, 0.5]).collect();
        let gram = matrix(&rows).gram(Simd::best());
        for (at, line) in gram.rows().enumerate() {
            for (other, product) in line[..=at].iter().enumerate() {
                let expected: f32 = rows.iter().map(|row| row[at] * row[other]).sum();
                assert!((product - expected).abs() < 0.1, "{at} {other}: {product} {expected}");
            }
        }
    }

    #[test]
    fn means_are_taken_out_of_columns() {
        let mut rows = matrix(&[[1.0, 5.0], [3.0, 5.0]]);
        assert_eq!(rows.centre(Simd::best()), [2.0, 5.0]);
        assert_eq!(rows, matrix(&[[-1.0, 0.0], [1.0, 0.0]]));
    }
}
