//! What the kernels ask of a processor: sixteen lanes of floats or integers at a time, and products of bytes.
//!
//! Every instruction set offers the same sixteen lanes, in one register or in two, and sums integers exactly; so weights are
//! laid out once, kernels are written once, and all processors agree up to the rounding of floats.

/// Lanes that kernels work on at a time.
pub(crate) const LANES: usize = 16;

/// Sixteen floats in memory.
pub(crate) type Floats = [f32; LANES];

/// Sixteen columns of four signed bytes each, column after column: what one step of a matrix product reads of the right side.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block(pub(crate) [i8; Block::BYTES]);

impl Block {
    pub(crate) const BYTES: usize = 4 * LANES;
    pub(crate) const ZERO: Self = Self([0; Self::BYTES]);
}

/// What four products may add up to, so that sixteen bits hold them: the largest byte of the left side times the sum of those
/// four weights that have one sign.
pub(crate) const LARGEST_PAIR_SUM: i32 = i16::MAX as i32;

/// An instruction set. A value of such a type is the proof that this processor has it.
pub(crate) trait Isa: Copy {
    /// Sixteen floats.
    type F: Copy;
    /// Sixteen 32-bit integers.
    type I: Copy;

    /// Rows and panels of a matrix product's tile: as many as the registers hold.
    const TILE: Tile;

    fn load(self, from: &Floats) -> Self::F;
    fn store(self, value: Self::F, to: &mut Floats);
    fn splat(self, value: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, in one rounding where the processor can.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// To the nearest whole number.
    fn round(self, a: Self::F) -> Self::F;
    /// `a * 2^n` for whole `n` from -126 to 127.
    fn scale_by_power(self, a: Self::F, n: Self::F) -> Self::F;

    fn zero(self) -> Self::I;
    fn load_int(self, from: &[i32; LANES]) -> Self::I;
    fn store_int(self, value: Self::I, to: &mut [i32; LANES]);
    /// The sum of all lanes.
    fn sum_int(self, a: Self::I) -> i32;
    fn to_float(self, a: Self::I) -> Self::F;
    /// To the nearest whole number.
    fn to_int(self, a: Self::F) -> Self::I;
    /// To the nearest whole number of floats from 0 to 255.
    fn to_bytes(self, a: Self::F) -> [u8; LANES];
    /// The lowest byte of each lane of four vectors: lane after lane, and in a lane vector after vector.
    fn interleave(self, rows: [Self::I; 4]) -> Block;

    /// Adds to each lane the products of eight bytes with that lane's columns in two blocks.
    ///
    /// Exact if no four products of one sign exceed [`LARGEST_PAIR_SUM`], for the bytes 0, 1, 4 and 5 and for the bytes 2, 3, 6 and 7.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "a value would come in one register, and spreading its halves costs the busiest unit"
    )]
    fn dot8(self, sum: Self::I, left: &[[u8; 4]; 2], right: &[Block; 2]) -> Self::I;
    /// Adds products of signed bytes, neither of which is -128, to lanes; only the sum of all lanes has a meaning.
    fn dot_signed(self, sum: Self::I, a: &[i8; Block::BYTES], b: &[i8; Block::BYTES]) -> Self::I;

    /// The sum of all lanes, always in the same order.
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        self.fold(a, |x, y| x + y)
    }

    /// The largest lane.
    #[inline(always)]
    fn largest(self, a: Self::F) -> f32 {
        self.fold(a, f32::max)
    }

    /// The smallest lane.
    #[inline(always)]
    fn smallest(self, a: Self::F) -> f32 {
        self.fold(a, f32::min)
    }

    /// Halves the lanes until one is left.
    #[inline(always)]
    fn fold(self, a: Self::F, join: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(a, &mut lanes);
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                lanes[lane] = join(lanes[lane], lanes[lane + width]);
            }
            width /= 2;
        }
        lanes[0]
    }
}

/// The part of a product that is kept in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tile {
    /// Thirty-two registers of sixteen lanes: eight rows, three panels.
    EightByThree,
    /// Sixteen registers of eight lanes, most of them for sums: six rows, one panel.
    SixByOne,
    /// Sixteen registers of eight lanes, some of them for products: four rows, one panel.
    FourByOne,
}

/// A computation that is compiled once for each instruction set.
pub(crate) trait Kernel {
    type Output;

    /// Runs it. Implementations are `#[inline(always)]`: only what is inlined is compiled for the instruction set.
    fn run<S: Isa>(self, isa: S) -> Self::Output;
}
