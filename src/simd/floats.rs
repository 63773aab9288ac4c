//! Products and powers of floats: what fitting and scoring spend their time on.

use std::f32::consts::LOG2_E;

use super::Simd;
use super::curves::exp2;
use super::isa::{Isa, Kernel, LANES};

/// Sums that a product keeps apart, so that one addition need not wait for another.
const SUMS: usize = 4;
/// Rows that are multiplied side by side, so that the query is loaded once for all of them.
const ROWS: usize = 4;

impl Simd {
    /// The dot product of two vectors; of the longer one only the beginning counts.
    pub(crate) fn dot(self, a: &[f32], b: &[f32]) -> f32 {
        self.run(Dot { a, b })
    }

    /// The dot products of `query` with the rows that lie one after the other in `rows`, one for each element of `out`.
    ///
    /// # Panics
    /// When `rows` is not `out.len()` times as long as `query`.
    pub(crate) fn dots(self, query: &[f32], rows: &[f32], out: &mut [f32]) {
        assert_eq!(rows.len(), query.len() * out.len(), "one row for each product");
        if query.is_empty() {
            out.fill(0.0);
        } else {
            self.run(Dots { query, rows, out });
        }
    }

    /// Puts `e^x` in the place of every `x`, for `x` up to 80.
    pub(crate) fn exp(self, values: &mut [f32]) {
        self.run(Exp(values));
    }

    /// Adds `times` times a row to a sum.
    pub(crate) fn add(self, sum: &mut [f32], row: &[f32], times: f32) {
        self.run(Add { sum, row, times });
    }
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> f32 {
        let length = self.a.len().min(self.b.len());
        let (a, a_rest) = self.a[..length].as_chunks::<LANES>();
        let (b, b_rest) = self.b[..length].as_chunks::<LANES>();
        let mut sums = [isa.splat(0.0); SUMS];
        let ((a_many, a_few), (b_many, b_few)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
        for (xs, ys) in a_many.iter().zip(b_many) {
            for (sum, (x, y)) in sums.iter_mut().zip(xs.iter().zip(ys)) {
                *sum = isa.mul_add(isa.load(x), isa.load(y), *sum);
            }
        }
        for (sum, (x, y)) in sums.iter_mut().zip(a_few.iter().zip(b_few)) {
            *sum = isa.mul_add(isa.load(x), isa.load(y), *sum);
        }
        let [first, second, third, fourth] = sums;
        let sum = isa.add(isa.add(first, second), isa.add(third, fourth));
        let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
        isa.sum(sum) + rest
    }
}

struct Dots<'a> {
    query: &'a [f32],
    rows: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let length = self.query.len();
        let (many, few) = self.out.as_chunks_mut::<ROWS>();
        let mut rows = self.rows;
        for out in many {
            let (next, rest) = rows.split_at(ROWS * length);
            *out = side_by_side(isa, self.query, next);
            rows = rest;
        }
        for out in few {
            let (row, rest) = rows.split_at(length);
            *out = Dot { a: self.query, b: row }.run(isa);
            rows = rest;
        }
    }
}

#[inline(always)]
fn side_by_side<S: Isa>(isa: S, query: &[f32], rows: &[f32]) -> [f32; ROWS] {
    let length = query.len();
    let (steps, rest) = query.as_chunks::<LANES>();
    let rows: [(&[[f32; LANES]], &[f32]); ROWS] =
        std::array::from_fn(|row| rows[row * length..(row + 1) * length].as_chunks());
    let mut sums = [isa.splat(0.0); ROWS];
    for (step, x) in steps.iter().enumerate() {
        let x = isa.load(x);
        for (sum, (row, _)) in sums.iter_mut().zip(&rows) {
            *sum = isa.mul_add(x, isa.load(&row[step]), *sum);
        }
    }
    let mut dots = [0.0; ROWS];
    for ((dot, sum), (_, row_rest)) in dots.iter_mut().zip(sums).zip(&rows) {
        let tail: f32 = rest.iter().zip(*row_rest).map(|(x, y)| x * y).sum();
        *dot = isa.sum(sum) + tail;
    }
    dots
}

struct Exp<'a>(&'a mut [f32]);

impl Kernel for Exp<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let (many, few) = self.0.as_chunks_mut::<LANES>();
        let scale = isa.splat(LOG2_E);
        for lanes in many {
            isa.store(exp2(isa, isa.mul(isa.load(lanes), scale)), lanes);
        }
        let mut lanes = [0.0; LANES];
        let filled = &mut lanes[..few.len()];
        filled.copy_from_slice(few);
        isa.store(exp2(isa, isa.mul(isa.load(&lanes), scale)), &mut lanes);
        few.copy_from_slice(&lanes[..few.len()]);
    }
}

struct Add<'a> {
    sum: &'a mut [f32],
    row: &'a [f32],
    times: f32,
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, _: S) {
        for (total, value) in self.sum.iter_mut().zip(self.row) {
            *total += self.times * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible numbers from -1 to 1 (a multiplicative generator).
    fn floats(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(state.to_be_bytes()[0]) / 127.5 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn plain(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn every_instruction_set_multiplies_alike() {
        for length in [1, 3, 15, 16, 17, 63, 64, 65, 256, 1_001] {
            let (query, rows) = (floats(length, 1), floats(length * 7, 2));
            let expected: Vec<f32> =
                rows.chunks_exact(length).map(|row| plain(row, &query)).collect();
            for simd in Simd::available() {
                let mut dots = [0.0; 7];
                simd.dots(&query, &rows, &mut dots);
                for (dot, wanted) in dots.iter().zip(&expected) {
                    assert!((dot - wanted).abs() < 1e-3, "{} at {length}", simd.name());
                }
                assert!((simd.dot(&query, &rows) - expected[0]).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn every_instruction_set_has_the_same_powers() {
        for simd in Simd::available() {
            let mut values: Vec<f32> = floats(37, 3).into_iter().map(|x| 20.0 * x).collect();
            let expected: Vec<f32> = values.iter().map(|x| x.exp()).collect();
            simd.exp(&mut values);
            for (value, wanted) in values.iter().zip(&expected) {
                assert!((value / wanted - 1.0).abs() < 1e-5, "{}", simd.name());
            }
        }
    }

    #[test]
    fn rows_are_added_so_many_times() {
        for simd in Simd::available() {
            let mut sum = [1.0, 2.0, 3.0];
            simd.add(&mut sum, &[1.0, 0.0, -1.0], 2.0);
            assert_eq!(sum.map(f32::to_bits), [3.0_f32, 2.0, 1.0].map(f32::to_bits));
        }
    }
}
