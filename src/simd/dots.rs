//! Products of one signed byte vector with many: what an exact search among quantised vectors spends its time on.

use super::Simd;
use super::isa::{Block, Isa, Kernel};

/// Bytes that one step multiplies.
const STEP: usize = Block::BYTES;
/// Rows that are multiplied side by side, so that the sums of one need not wait for each other.
const ROWS: usize = 4;

impl Simd {
    /// The dot product of two vectors; exact unless `b` holds -128.
    ///
    /// # Panics
    /// When their lengths differ.
    #[must_use]
    pub fn dot_i8(self, a: &[i8], b: &[i8]) -> i32 {
        let mut dot = [0];
        self.dots_i8(a, b, &mut dot);
        dot[0]
    }

    /// The dot products of `query` with the rows that lie one after the other in `rows`, one for each element of `out`; exact
    /// unless a row holds -128.
    ///
    /// # Panics
    /// When `rows` is not `out.len()` times as long as `query`.
    pub fn dots_i8(self, query: &[i8], rows: &[i8], out: &mut [i32]) {
        assert_eq!(rows.len(), query.len() * out.len(), "one row for each product");
        if query.is_empty() {
            out.fill(0);
        } else {
            self.run(Dots { query, rows, out });
        }
    }
}

struct Dots<'a> {
    query: &'a [i8],
    rows: &'a [i8],
    out: &'a mut [i32],
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
            let (next, rest) = rows.split_at(length);
            [*out] = side_by_side(isa, self.query, next);
            rows = rest;
        }
    }
}

/// Rows are cut by multiplication, not by `chunks`, whose division would cost as much as a short row.
#[inline(always)]
fn side_by_side<S: Isa, const N: usize>(isa: S, query: &[i8], rows: &[i8]) -> [i32; N] {
    let length = query.len();
    let (steps, rest) = query.as_chunks::<STEP>();
    let rows: [(&[[i8; STEP]], &[i8]); N] =
        std::array::from_fn(|row| rows[row * length..(row + 1) * length].as_chunks());
    let mut sums = [isa.zero(); N];
    for (step, a) in steps.iter().enumerate() {
        for (sum, (row, _)) in sums.iter_mut().zip(&rows) {
            *sum = isa.dot_signed(*sum, a, &row[step]);
        }
    }
    let mut dots = [0; N];
    for ((dot, sum), (_, row_rest)) in dots.iter_mut().zip(sums).zip(&rows) {
        let tail = rest.iter().zip(*row_rest).map(|(a, b)| i32::from(*a) * i32::from(*b));
        *dot = isa.sum_int(sum) + tail.sum::<i32>();
    }
    dots
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible bytes from -127 to 127 (a multiplicative generator).
    fn bytes(count: usize, seed: u32) -> Vec<i8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0].cast_signed().max(-127)
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn every_instruction_set_counts_exactly() {
        for length in [1, 3, 63, 64, 65, 256, 384, 768, 1_001] {
            let (query, rows) = (bytes(length, 1), bytes(length * 11, 2));
            let plain: Vec<i32> = rows
                .chunks_exact(length)
                .map(|row| row.iter().zip(&query).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum())
                .collect();
            for simd in Simd::available() {
                let mut dots = [0; 11];
                simd.dots_i8(&query, &rows, &mut dots);
                assert_eq!(dots, plain[..], "{} at {length}", simd.name());
                assert_eq!(simd.dot_i8(&query, &rows[..length]), plain[0]);
            }
        }
    }

    #[test]
    fn extreme_bytes_do_not_overflow() {
        for simd in Simd::available() {
            assert_eq!(simd.dot_i8(&[127; 640], &[-127; 640]), -127 * 127 * 640);
            assert_eq!(simd.dot_i8(&[-128; 640], &[-127; 640]), 128 * 127 * 640);
            assert_eq!(simd.dot_i8(&[-128; 640], &[127; 640]), -128 * 127 * 640);
        }
    }

    #[test]
    fn nothing_times_nothing_is_zero() {
        let mut dots = [7; 3];
        Simd::best().dots_i8(&[], &[], &mut dots);
        assert_eq!(dots, [0; 3]);
        Simd::best().dots_i8(&[1], &[], &mut []);
    }
}
