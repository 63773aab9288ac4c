//! Products of byte matrices, brought back to floats as each piece is finished.

use super::curves;
use crate::simd::{Block, Floats, Isa, Kernel, LANES, Tile};

/// Inputs that one step takes from each row.
pub(super) const STEP: usize = 8;
/// The largest tile.
const TILE_ROWS: usize = 8;
const TILE_PANELS: usize = 3;

/// What a row of bytes stands for: byte `b` is `low + step * b`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    pub(super) low: f32,
    pub(super) step: f32,
}

/// What the sums of sixteen columns stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    /// What one unit of a column is worth.
    pub(super) scale: Floats,
    /// What a row's `low` contributes: the sum of the column, in floats.
    pub(super) tilt: Floats,
    pub(super) bias: Floats,
}

impl Columns {
    pub(super) const ZERO: Self =
        Self { scale: [0.0; LANES], tilt: [0.0; LANES], bias: [0.0; LANES] };
}

/// The right side of a product: panels of sixteen columns, each one block after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Panels {
    /// Inputs of each column; a multiple of [`STEP`].
    pub(super) depth: usize,
    /// `depth / 4` for each panel.
    pub(super) blocks: Vec<Block>,
    /// One for each panel.
    pub(super) columns: Vec<Columns>,
}

impl Panels {
    /// Results that lie close together.
    pub(super) fn out<'a>(&self, floats: &'a mut [f32], onto: Onto, then: Then) -> Out<'a> {
        Out { floats, stride: self.columns.len() * LANES, onto, then }
    }
}

/// The left side: rows of bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) spans: &'a [Span],
}

/// What a product is added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Onto {
    Bias,
    /// What is there, and the bias.
    There,
    /// What is there, which has the bias already.
    ThereWithBias,
}

/// What happens to a result before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Keep,
    Gelu,
}

/// Where a product goes, and how.
#[derive(Debug)]
pub(super) struct Out<'a> {
    pub(super) floats: &'a mut [f32],
    /// From one row to the next.
    pub(super) stride: usize,
    pub(super) onto: Onto,
    pub(super) then: Then,
}

/// `rows` times `panels`.
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) panels: &'a Panels,
    pub(super) out: Out<'a>,
}

type Sums = [[[i32; LANES]; TILE_PANELS]; TILE_ROWS];

impl Kernel for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(mut self, isa: S) {
        let depth = self.panels.depth;
        let (rows_most, panels_most) = size(S::TILE);
        // Tiles of nearly equal height: a last tile of one row would wait for its own sums.
        let tiles = self.rows.spans.len().div_ceil(rows_most).max(1);
        let height = self.rows.spans.len().div_ceil(tiles).max(1);
        let panel_blocks = depth / 4;
        let mut sums: Sums = [[[0; LANES]; TILE_PANELS]; TILE_ROWS];
        for (group, blocks) in self.panels.blocks.chunks(panels_most * panel_blocks).enumerate() {
            for (tile, bytes) in self.rows.bytes.chunks(height * depth).enumerate() {
                multiply(isa, bytes, blocks, depth, &mut sums);
                let place = (tile * height, group * panels_most);
                let extent = (bytes.len() / depth, blocks.len() / panel_blocks);
                self.finish(isa, place, extent, &sums);
            }
        }
    }
}

impl Product<'_> {
    /// Turns the sums of a tile at `place` (row, panel) into floats.
    #[inline(always)]
    fn finish<S: Isa>(
        &mut self,
        isa: S,
        place: (usize, usize),
        extent: (usize, usize),
        sums: &Sums,
    ) {
        let columns = &self.panels.columns[place.1..][..extent.1];
        let spans = &self.rows.spans[place.0..][..extent.0];
        for (row, (span, row_sums)) in (place.0..).zip(spans.iter().zip(sums)) {
            let (low, step) = (isa.splat(span.low), isa.splat(span.step));
            let row_out =
                &mut self.out.floats[row * self.out.stride + place.1 * LANES..][..extent.1 * LANES];
            let panels = columns.iter().zip(row_sums).zip(row_out.as_chunks_mut().0);
            for ((column, panel_sums), out) in panels {
                let base = match self.out.onto {
                    Onto::Bias => isa.load(&column.bias),
                    Onto::There => isa.add(isa.load(&column.bias), isa.load(out)),
                    Onto::ThereWithBias => isa.load(out),
                };
                let tilted = isa.mul_add(low, isa.load(&column.tilt), base);
                let sum = isa.mul(isa.to_float(isa.load_int(panel_sums)), step);
                let straight = isa.mul_add(sum, isa.load(&column.scale), tilted);
                let value = match self.out.then {
                    Then::Keep => straight,
                    Then::Gelu => curves::gelu(isa, straight),
                };
                isa.store(value, out);
            }
        }
    }
}

const fn size(tile: Tile) -> (usize, usize) {
    match tile {
        Tile::EightByThree => (8, 3),
        Tile::SixByOne => (6, 1),
        Tile::FourByOne => (4, 1),
    }
}

/// The sums of a tile, by the function made for its height and width.
#[inline(always)]
fn multiply<S: Isa>(isa: S, bytes: &[u8], blocks: &[Block], depth: usize, sums: &mut Sums) {
    if matches!(S::TILE, Tile::EightByThree) {
        match 4 * blocks.len() / depth {
            1 => by_height::<S, 1>(isa, bytes, blocks, depth, sums),
            2 => by_height::<S, 2>(isa, bytes, blocks, depth, sums),
            _ => by_height::<S, 3>(isa, bytes, blocks, depth, sums),
        }
    } else {
        by_height::<S, 1>(isa, bytes, blocks, depth, sums);
    }
}

#[inline(always)]
fn by_height<S: Isa, const P: usize>(
    isa: S,
    bytes: &[u8],
    blocks: &[Block],
    depth: usize,
    sums: &mut Sums,
) {
    let (most, _) = size(S::TILE);
    match (bytes.len() / depth).min(most) {
        1 => exactly::<S, 1, P>(isa, bytes, blocks, depth, sums),
        2 => exactly::<S, 2, P>(isa, bytes, blocks, depth, sums),
        3 => exactly::<S, 3, P>(isa, bytes, blocks, depth, sums),
        4 => exactly::<S, 4, P>(isa, bytes, blocks, depth, sums),
        5 if most > 4 => exactly::<S, 5, P>(isa, bytes, blocks, depth, sums),
        6 if most > 4 => exactly::<S, 6, P>(isa, bytes, blocks, depth, sums),
        7 if most > 6 => exactly::<S, 7, P>(isa, bytes, blocks, depth, sums),
        8 if most > 6 => exactly::<S, 8, P>(isa, bytes, blocks, depth, sums),
        _ => {}
    }
}

#[inline(always)]
fn exactly<S: Isa, const R: usize, const P: usize>(
    isa: S,
    bytes: &[u8],
    blocks: &[Block],
    depth: usize,
    sums: &mut Sums,
) {
    let steps = depth / STEP;
    let rows: [&[[[u8; 4]; 2]]; R] = std::array::from_fn(|row| {
        &bytes[row * depth..].as_chunks::<4>().0.as_chunks::<2>().0[..steps]
    });
    let panels: [&[[Block; 2]]; P] =
        std::array::from_fn(|panel| &blocks[panel * 2 * steps..].as_chunks().0[..steps]);
    let mut tile = [[isa.zero(); P]; R];
    for step in 0..steps {
        for (row, row_sums) in rows.iter().zip(&mut tile) {
            for (panel, sum) in panels.iter().zip(row_sums) {
                *sum = isa.dot8(*sum, &row[step], &panel[step]);
            }
        }
    }
    for (row_sums, row_out) in tile.iter().zip(sums) {
        for (sum, out) in row_sums.iter().zip(row_out) {
            isa.store_int(*sum, out);
        }
    }
}
