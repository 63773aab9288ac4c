//! Attention, head by head, both of its products on bytes.
//!
//! Queries and keys are spread over seven bits each, and so are values and the weights they are mixed by. A key's step and a
//! value's step become part of what the columns of the products stand for: a value's step is added to the scores as its
//! logarithm, so that weights come out of the exponential ready to multiply the value's bytes.

use std::ops::Range;

use super::curves;
use super::product::{Columns, Onto, Out, Panels, Product, Rows, Span, Then};
use crate::simd::{Block, Floats, Isa, Kernel, LANES, Simd};

/// Largest magnitude of a byte of a query, a key or a value: four products of such bytes by ones up to 127 fit 16 bits.
const MAGNITUDE: f32 = 63.0;
/// What stands for a query's zero.
const MIDDLE: f32 = 64.0;
/// The weight of the strongest key, as a power of two: 127.
const STRONGEST: f32 = 6.988_684_7;
/// Rows of scores that are worked on at a time, few enough to stay near the processor.
const ROWS: usize = 32;
/// Steps are never smaller, so that their inverses stay finite.
const STEP_MIN: f32 = 1e-12;
/// A score that no weight comes out of.
const NEVER: f32 = -1e30;

/// Room for one head.
#[derive(Debug, Default)]
pub(super) struct Room {
    queries: Vec<u8>,
    query_spans: Vec<Span>,
    keys: Panels,
    values: Panels,
    /// The inverse of each value's step; 0 for keys that only fill the last panel.
    inverses: Vec<Floats>,
    scores: Vec<f32>,
    weights: Vec<u8>,
    weight_spans: Vec<Span>,
}

/// How the rows that attention reads are divided.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) count: usize,
    /// Columns of one head.
    pub(super) width: usize,
}

/// Mixes the values in `joined` (per row the queries, keys and values of all heads) into `mixed`.
pub(super) fn attend(simd: Simd, heads: Heads, joined: &[f32], mixed: &mut [f32], room: &mut Room) {
    let width = heads.count * heads.width;
    let tokens = mixed.len() / width;
    room.fit(tokens, heads.width);
    for head in 0..heads.count {
        simd.run(Split { joined, heads, head, room: &mut *room });
        for row in (0..tokens).step_by(ROWS) {
            let rows = row..tokens.min(row + ROWS);
            room.mix(simd, rows.clone(), &mut mixed[row * width + head * heads.width..], width);
        }
    }
}

impl Room {
    fn fit(&mut self, tokens: usize, width: usize) {
        let padded = tokens.next_multiple_of(LANES);
        self.queries.resize(tokens * width, 0);
        self.query_spans.resize(tokens, Span::default());
        self.keys.depth = width;
        self.keys.blocks.resize(padded * width / Block::BYTES, Block::ZERO);
        self.keys.columns.resize(padded / LANES, Columns::ZERO);
        self.values.depth = padded;
        self.values.blocks.resize(padded * width / Block::BYTES, Block::ZERO);
        self.values.columns.resize(width / LANES, Columns { scale: [1.0; LANES], ..Columns::ZERO });
        self.inverses.resize(padded / LANES, [0.0; LANES]);
        self.scores.resize(ROWS * padded, 0.0);
        self.weights.resize(ROWS * padded, 0);
        self.weight_spans.resize(ROWS, Span::default());
    }

    fn mix(&mut self, simd: Simd, rows: Range<usize>, out: &mut [f32], stride: usize) {
        let (width, padded) = (self.keys.depth, self.values.depth);
        let count = rows.len();
        let queries = &self.queries[rows.start * width..rows.end * width];
        simd.run(Product {
            rows: Rows { bytes: queries, spans: &self.query_spans[rows] },
            panels: &self.keys,
            out: Out {
                floats: &mut self.scores,
                stride: padded,
                onto: Onto::Bias,
                then: Then::Keep,
            },
        });
        simd.run(Weigh {
            scores: &mut self.scores[..count * padded],
            inverses: &self.inverses,
            weights: &mut self.weights,
            spans: &mut self.weight_spans[..count],
        });
        simd.run(Product {
            rows: Rows {
                bytes: &self.weights[..count * padded],
                spans: &self.weight_spans[..count],
            },
            panels: &self.values,
            out: Out { floats: out, stride, onto: Onto::Bias, then: Then::Keep },
        });
    }
}

/// Turns one head's queries, keys and values into bytes.
struct Split<'a> {
    joined: &'a [f32],
    heads: Heads,
    head: usize,
    room: &'a mut Room,
}

impl Kernel for Split<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let Self { joined, heads, head, room } = self;
        let all = heads.count * heads.width;
        // Rows past the last one are empty.
        let part = |token: usize, which: usize| -> &[Floats] {
            let start = (3 * token + which) * all + head * heads.width;
            joined.get(start..start + heads.width).unwrap_or_default().as_chunks().0
        };
        let queries = room.queries.chunks_exact_mut(heads.width).zip(&mut room.query_spans);
        for (token, (bytes, span)) in queries.enumerate() {
            *span = query(isa, part(token, 0), bytes);
        }
        for token in 0..room.values.depth {
            key(isa, part(token, 1), token, &mut room.keys);
        }
        for quad in 0..room.values.depth / 4 {
            values(isa, [0, 1, 2, 3].map(|row| part(4 * quad + row, 2)), quad, room);
        }
    }
}

/// The step with which the floats fit the bytes' magnitude.
#[inline(always)]
fn step_of<S: Isa>(isa: S, floats: &[Floats]) -> f32 {
    let mut low = isa.splat(0.0);
    let mut high = isa.splat(0.0);
    for lanes in floats {
        low = isa.min(low, isa.load(lanes));
        high = isa.max(high, isa.load(lanes));
    }
    let largest = isa.largest(isa.max(high, isa.sub(isa.splat(0.0), low)));
    (largest / MAGNITUDE).max(STEP_MIN)
}

#[inline(always)]
fn query<S: Isa>(isa: S, floats: &[Floats], bytes: &mut [u8]) -> Span {
    let step = step_of(isa, floats);
    let (inverse, middle) = (isa.splat(1.0 / step), isa.splat(MIDDLE));
    for (lanes, out) in floats.iter().zip(bytes.as_chunks_mut().0) {
        *out = isa.to_bytes(isa.mul_add(isa.load(lanes), inverse, middle));
    }
    Span { low: -MIDDLE * step, step }
}

/// Makes a key a column.
#[inline(always)]
fn key<S: Isa>(isa: S, floats: &[Floats], token: usize, keys: &mut Panels) {
    let (panel, lane) = (token / LANES, token % LANES);
    let columns = &mut keys.columns[panel];
    if floats.is_empty() {
        // The bytes that lie there do not matter: nothing comes out of them.
        (columns.scale[lane], columns.tilt[lane], columns.bias[lane]) = (0.0, 0.0, NEVER);
        return;
    }
    let step = step_of(isa, floats);
    let (inverse, middle) = (isa.splat(1.0 / step), isa.splat(MIDDLE));
    let mut sum = isa.splat(0.0);
    let panel_blocks = &mut keys.blocks[panel * keys.depth / 4..];
    for (lanes, blocks) in floats.iter().zip(panel_blocks.chunks_exact_mut(LANES / 4)) {
        let whole = isa.round(isa.mul(isa.load(lanes), inverse));
        sum = isa.add(sum, whole);
        let bytes = isa.to_bytes(isa.add(whole, middle)).map(|byte| byte.wrapping_sub(64));
        for (block, quad) in blocks.iter_mut().zip(bytes.as_chunks::<4>().0) {
            block.0.as_chunks_mut::<4>().0[lane] = quad.map(u8::cast_signed);
        }
    }
    (columns.scale[lane], columns.tilt[lane]) = (step, step * isa.sum(sum));
}

/// Makes four values a row of blocks.
#[inline(always)]
fn values<S: Isa>(isa: S, rows: [&[Floats]; 4], quad: usize, room: &mut Room) {
    let mut inverses = [0.0; 4];
    for ((row, inverse), token) in rows.iter().zip(&mut inverses).zip(4 * quad..) {
        let (panel, lane) = (token / LANES, token % LANES);
        if !row.is_empty() {
            let step = step_of(isa, row);
            *inverse = 1.0 / step;
            room.keys.columns[panel].bias[lane] = step.log2();
        }
        room.inverses[panel][lane] = *inverse;
    }
    let panels = room.values.blocks.chunks_exact_mut(room.values.depth / 4);
    for (panel, blocks) in panels.enumerate() {
        let mut ints = [isa.zero(); 4];
        for ((row, inverse), out) in rows.iter().zip(inverses).zip(&mut ints) {
            if let Some(lanes) = row.get(panel) {
                *out = isa.to_int(isa.mul(isa.load(lanes), isa.splat(inverse)));
            }
        }
        blocks[quad] = isa.interleave(ints);
    }
}

/// Turns scores into the weights of values.
struct Weigh<'a> {
    scores: &'a mut [f32],
    inverses: &'a [Floats],
    weights: &'a mut [u8],
    spans: &'a mut [Span],
}

impl Kernel for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let width = self.inverses.len() * LANES;
        let rows = self.scores.chunks_exact(width).zip(self.weights.chunks_exact_mut(width));
        for ((scores, weights), span) in rows.zip(self.spans) {
            let (scores, bytes) = (scores.as_chunks().0, weights.as_chunks_mut().0);
            let mut highest = isa.splat(NEVER);
            for lanes in scores {
                highest = isa.max(highest, isa.load(lanes));
            }
            let shift = isa.splat(STRONGEST - isa.largest(highest));
            let mut sum = isa.splat(0.0);
            for ((lanes, inverse), byte) in scores.iter().zip(self.inverses).zip(bytes) {
                let weight = curves::exp2(isa, isa.add(isa.load(lanes), shift));
                sum = isa.mul_add(weight, isa.load(inverse), sum);
                *byte = isa.to_bytes(weight);
            }
            *span = Span { low: 0.0, step: 1.0 / isa.sum(sum).max(STEP_MIN) };
        }
    }
}
