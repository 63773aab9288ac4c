//! The sixteen lanes in plain Rust, for processors that have nothing better and as the measure of the others.

use super::isa::{Block, Floats, Isa, LANES, Tile};

/// No instruction set in particular.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

/// Adding and subtracting it rounds a float below 2^22 to a whole number, without a call into the C library.
const ROUNDER: f32 = 12_582_912.0;

impl Isa for Portable {
    type F = Floats;
    type I = [i32; LANES];
    const TILE: Tile = Tile::FourByOne;

    #[inline(always)]
    fn load(self, from: &Floats) -> Floats {
        *from
    }
    #[inline(always)]
    fn store(self, value: Floats, to: &mut Floats) {
        *to = value;
    }
    #[inline(always)]
    fn splat(self, value: f32) -> Floats {
        [value; LANES]
    }
    #[inline(always)]
    fn add(self, a: Floats, b: Floats) -> Floats {
        zip(a, b, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, a: Floats, b: Floats) -> Floats {
        zip(a, b, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, a: Floats, b: Floats) -> Floats {
        zip(a, b, |x, y| x * y)
    }
    #[inline(always)]
    fn mul_add(self, a: Floats, b: Floats, c: Floats) -> Floats {
        // `f32::mul_add` calls a slow function where the processor has no such instruction.
        zip(zip(a, b, |x, y| x * y), c, |x, y| x + y)
    }
    #[inline(always)]
    fn max(self, a: Floats, b: Floats) -> Floats {
        zip(a, b, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    fn min(self, a: Floats, b: Floats) -> Floats {
        zip(a, b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    fn round(self, a: Floats) -> Floats {
        a.map(|x| (x + ROUNDER) - ROUNDER)
    }
    #[inline(always)]
    fn scale_by_power(self, a: Floats, n: Floats) -> Floats {
        zip(a, n, |x, n| x * f32::from_bits((nearest(n) + 127).cast_unsigned() << 23))
    }
    #[inline(always)]
    fn zero(self) -> [i32; LANES] {
        [0; LANES]
    }
    #[inline(always)]
    fn load_int(self, from: &[i32; LANES]) -> [i32; LANES] {
        *from
    }
    #[inline(always)]
    fn sum_int(self, a: [i32; LANES]) -> i32 {
        a.iter().sum()
    }
    #[inline(always)]
    fn store_int(self, value: [i32; LANES], to: &mut [i32; LANES]) {
        *to = value;
    }
    #[inline(always)]
    #[expect(
        clippy::cast_precision_loss,
        reason = "sums of products of bytes stay far below 2^24 times a lane's scale"
    )]
    fn to_float(self, a: [i32; LANES]) -> Floats {
        a.map(|x| x as f32)
    }
    #[inline(always)]
    fn to_int(self, a: Floats) -> [i32; LANES] {
        a.map(nearest)
    }
    #[inline(always)]
    fn to_bytes(self, a: Floats) -> [u8; LANES] {
        a.map(|x| nearest(x).to_le_bytes()[0])
    }
    #[inline(always)]
    fn interleave(self, rows: [[i32; LANES]; 4]) -> Block {
        let mut block = Block::ZERO;
        for (lane, column) in block.0.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *column = rows.map(|row| row[lane].to_le_bytes()[0].cast_signed());
        }
        block
    }
    #[inline(always)]
    fn dot8(self, sum: [i32; LANES], left: &[[u8; 4]; 2], right: &[Block; 2]) -> [i32; LANES] {
        dot4(dot4(sum, left[0], &right[0]), left[1], &right[1])
    }
    #[inline(always)]
    fn dot_signed(
        self,
        mut sum: [i32; LANES],
        a: &[i8; Block::BYTES],
        b: &[i8; Block::BYTES],
    ) -> [i32; LANES] {
        let quads = a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0);
        for (lane, (xs, ys)) in sum.iter_mut().zip(quads) {
            for (x, y) in xs.iter().zip(ys) {
                *lane += i32::from(*x) * i32::from(*y);
            }
        }
        sum
    }
}

#[inline(always)]
fn zip(mut a: Floats, b: Floats, join: impl Fn(f32, f32) -> f32) -> Floats {
    for (x, y) in a.iter_mut().zip(b) {
        *x = join(*x, y);
    }
    a
}

#[inline(always)]
fn dot4(mut sum: [i32; LANES], left: [u8; 4], right: &Block) -> [i32; LANES] {
    let left = left.map(i32::from);
    for (lane, column) in sum.iter_mut().zip(right.0.as_chunks::<4>().0) {
        let [a, b, c, d] = column.map(i32::from);
        *lane += (left[0] * a + left[1] * b) + (left[2] * c + left[3] * d);
    }
    sum
}

/// The nearest whole number of a float below 2^22.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
pub(crate) fn nearest(x: f32) -> i32 {
    ((x + ROUNDER) - ROUNDER) as i32
}
