//! Directions in two bytes a component, of which a search reads one.
//!
//! A vector is divided by its largest component and rounded to whole levels; what is rounded away is rounded to parts of a
//! level. Its length is lost, its direction is kept. Searches go by levels alone, which moves a cosine by 0.0004 (root mean
//! square; 0.002 at most, real prompts) and would cost 0.004 of the recall at 10 over 10,000 prompts and 0.018 over 100,000
//! projected ones, which stand closer together. So the best are ranked anew by both bytes, to a few millionths, which takes
//! a microsecond. Together they are half of what `f32` takes.

use crate::simd::Simd;

/// Levels on either side of zero. -128 is left out: products stay in range, and minus a row is a row.
const LEVELS: f32 = 127.0;
/// Parts of a level: a rounding error is at most half a level, so a part is at most a signed byte.
const PARTS: f32 = 254.0;
/// Rows are filled up with zeros to a multiple of what the kernel multiplies at a time, so that it has no rest to treat.
const STEP: usize = 64;
/// Rows compared at a time: their sums stay in the nearest cache.
const BLOCK: usize = 128;

/// What is wrong with a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not as long as the others.
    Length,
    /// A component is not finite, or all are zero.
    NoDirection,
}

/// Many directions of one length.
pub(super) struct Rows {
    simd: Simd,
    dimensions: usize,
    stride: usize,
    levels: Vec<i8>,
    parts: Vec<i8>,
    /// One divided by the length of each row, measured in levels.
    scales: Vec<f32>,
}

/// A direction to compare with many.
pub(super) struct Query {
    levels: Vec<i8>,
    parts: Vec<i8>,
    scale: f32,
}

impl Rows {
    /// None yet, of so many components each.
    pub(super) fn with_capacity(dimensions: usize, count: usize) -> Self {
        let stride = dimensions.next_multiple_of(STEP);
        let bytes = || Vec::with_capacity(stride * count);
        let (levels, parts, scales) = (bytes(), bytes(), Vec::with_capacity(count));
        Self { simd: Simd::best(), dimensions, stride, levels, parts, scales }
    }

    /// Adds a row at the end.
    pub(super) fn push(&mut self, vector: &[f32]) -> Result<(), Fault> {
        let query = self.query(vector)?;
        self.levels.extend(&query.levels);
        self.parts.extend(&query.parts);
        self.scales.push(query.scale);
        Ok(())
    }

    /// Rounds a vector as the rows were.
    pub(super) fn query(&self, vector: &[f32]) -> Result<Query, Fault> {
        if vector.len() != self.dimensions {
            return Err(Fault::Length);
        }
        let largest = vector.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        if !largest.is_normal() || vector.iter().any(|x| x.is_nan()) {
            return Err(Fault::NoDirection);
        }
        let exact: Vec<f32> = vector.iter().map(|x| x / largest * LEVELS).collect();
        let mut levels: Vec<i8> = exact.iter().map(|x| nearest(*x)).collect();
        let rounded = exact.iter().zip(&levels);
        let mut parts: Vec<i8> =
            rounded.map(|(x, level)| nearest((x - f32::from(*level)) * PARTS)).collect();
        levels.resize(self.stride, 0);
        parts.resize(self.stride, 0);
        // Not zero: the largest component is at the last level.
        let both = (&*levels, &*parts);
        let squares = self.product(both, both);
        Ok(Query { levels, parts, scale: 1.0 / squares.sqrt() })
    }

    /// A row as something to look for.
    pub(super) fn row(&self, row: usize) -> Query {
        let (levels, parts) = (self.levels(row).to_vec(), self.parts(row).to_vec());
        Query { levels, parts, scale: self.scale(row) }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.scales.len()
    }

    /// Components of each.
    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// All levels: what a scan has to read.
    pub(super) fn all_levels(&self) -> &[i8] {
        &self.levels
    }

    /// The levels of a row, zeros at its end included.
    pub(super) fn levels(&self, row: usize) -> &[i8] {
        self.levels.get(row * self.stride..(row + 1) * self.stride).unwrap_or_default()
    }

    fn parts(&self, row: usize) -> &[i8] {
        self.parts.get(row * self.stride..(row + 1) * self.stride).unwrap_or_default()
    }

    fn scale(&self, row: usize) -> f32 {
        self.scales.get(row).copied().unwrap_or_default()
    }

    /// Cosines of a query with all rows by their levels, some rows at a time: `each(first row, cosines)`.
    pub(super) fn cosines(&self, query: &Query, mut each: impl FnMut(usize, &[f32])) {
        let (mut sums, mut cosines) = ([0; BLOCK], [0.0; BLOCK]);
        let blocks = self.levels.chunks(BLOCK * self.stride.max(1)).zip(self.scales.chunks(BLOCK));
        for (number, (levels, scales)) in blocks.enumerate() {
            let (sums, cosines) = (&mut sums[..scales.len()], &mut cosines[..scales.len()]);
            self.simd.dots_i8(&query.levels, levels, sums);
            for ((cosine, sum), scale) in cosines.iter_mut().zip(sums).zip(scales) {
                *cosine = cosine_of(*sum, query.scale, *scale);
            }
            each(number * BLOCK, cosines);
        }
    }

    /// Cosine of a query with one row, by their levels.
    pub(super) fn cosine(&self, query: &Query, row: usize) -> f32 {
        cosine_of(self.dot(&query.levels, self.levels(row)), query.scale, self.scale(row))
    }

    /// Cosine of a query with one row, by levels and parts.
    pub(super) fn cosine_fine(&self, query: &Query, row: usize) -> f32 {
        let sides = ((&*query.levels, &*query.parts), (self.levels(row), self.parts(row)));
        (self.product(sides.0, sides.1) * query.scale * self.scale(row)).clamp(-1.0, 1.0)
    }

    /// Cosine of two rows, by their levels.
    pub(super) fn between(&self, one: usize, other: usize) -> f32 {
        let sum = self.dot(self.levels(one), self.levels(other));
        cosine_of(sum, self.scale(one), self.scale(other))
    }

    /// The sum of products of levels with their parts, in levels.
    fn product(&self, one: (&[i8], &[i8]), other: (&[i8], &[i8])) -> f32 {
        let mixed = self.dot(one.0, other.1) + self.dot(one.1, other.0);
        let (whole, small) = (self.dot(one.0, other.0) as f32, self.dot(one.1, other.1) as f32);
        whole + (mixed as f32 + small / PARTS) / PARTS
    }

    /// Zero for a row that does not exist, and so for its cosine.
    fn dot(&self, one: &[i8], other: &[i8]) -> i32 {
        if one.len() == other.len() { self.simd.dot_i8(one, other) } else { 0 }
    }
}

fn cosine_of(sum: i32, scale: f32, other_scale: f32) -> f32 {
    (sum as f32 * scale * other_scale).clamp(-1.0, 1.0)
}

/// The nearest whole number from -127 to 127. Adding 1.5 * 2^23 rounds a small number to a whole one and leaves it, as a signed
/// byte, in the lowest bits; unlike a cast, this is done for many at once.
fn nearest(x: f32) -> i8 {
    const WHOLE: f32 = 12_582_912.0;
    let [lowest, ..] = (x + WHOLE).to_bits().to_le_bytes();
    lowest.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_to_the_nearest_whole_one() {
        for (x, expected) in [(127.0, 127), (-127.0, -127), (63.6, 64), (-0.4, 0), (-0.6, -1)] {
            assert_eq!(nearest(x), expected, "{x}");
        }
    }

    #[test]
    fn both_bytes_keep_a_cosine_to_millionths() {
        let component = |row: u16, i: u16| (f32::from(row) * 1.7 + f32::from(i) * 0.9).sin();
        let vectors: Vec<Vec<f32>> =
            (0..20).map(|row| (0..100).map(|i| component(row, i)).collect()).collect();
        let mut rows = Rows::with_capacity(100, 20);
        for vector in &vectors {
            rows.push(vector).expect("a direction");
        }
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        let query = rows.query(&vectors[3]).expect("a direction");
        for (row, vector) in vectors.iter().enumerate() {
            let lengths = (dot(vector, vector) * dot(&vectors[3], &vectors[3])).sqrt();
            let exact = dot(&vectors[3], vector) / lengths;
            assert!((rows.cosine_fine(&query, row) - exact).abs() < 1e-5);
            assert!((rows.cosine(&query, row) - exact).abs() < 1e-2);
        }
    }

    #[test]
    fn length_does_not_matter() {
        let mut rows = Rows::with_capacity(3, 4);
        for length in [1.0, 1e-30, 1e30, 1.00001] {
            rows.push(&[0.6 * length, -0.8 * length, 0.0]).expect("a direction");
        }
        for row in 0..4 {
            assert!((rows.cosine_fine(&rows.row(0), row) - 1.0).abs() < 1e-6);
            assert_eq!(rows.levels(row).len(), STEP);
        }
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        let mut rows = Rows::with_capacity(2, 0);
        for vector in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0], [1.0, f32::NEG_INFINITY]]
        {
            assert_eq!(rows.push(&vector), Err(Fault::NoDirection), "{vector:?}");
        }
        assert_eq!(rows.push(&[1.0]), Err(Fault::Length));
        assert_eq!(rows.len(), 0);
    }

    #[test]
    fn blocks_and_single_rows_agree() {
        let mut rows = Rows::with_capacity(40, 300);
        for row in 0..300_u16 {
            let vector: Vec<f32> =
                (0..40_u16).map(|i| f32::from((row * 31 + i * 17) % 23) - 11.0).collect();
            rows.push(&vector).expect("a direction");
        }
        let query = rows.row(123);
        let mut seen = 0;
        rows.cosines(&query, |first, cosines| {
            for (row, cosine) in (first..).zip(cosines) {
                assert_eq!(cosine.to_bits(), rows.cosine(&query, row).to_bits());
                assert_eq!(cosine.to_bits(), rows.between(123, row).to_bits());
                seen += 1;
            }
        });
        assert_eq!(seen, 300);
    }
}
