//! Turns the weights of a linear layer into panels of bytes.
//!
//! Each output's weights get a step of their own, as small as 16-bit sums of four products allow (see `LARGEST_PAIR_SUM`): few
//! outputs have four large weights of one sign side by side, so most weights use seven to eight bits.

use super::product::{Columns, Panels, STEP};
use super::rows::LARGEST_BYTE;
use crate::simd::{Block, LANES, LARGEST_PAIR_SUM, nearest};

/// Largest magnitude of one weight.
const MAGNITUDE: f32 = 127.0;
/// Largest sum of four weights of one sign.
const LARGEST_QUAD: i32 = LARGEST_PAIR_SUM / LARGEST_BYTE;
/// How much rounding may add to a sum of four.
const ROUNDING: f32 = 2.0;
/// A step for outputs whose weights are all zero.
const STEP_MIN: f32 = 1e-12;

/// How the inputs of a layer differ from the rows that were turned into bytes; empty where they do not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inputs<'a> {
    /// What was taken off each input before it became a byte; belongs into the bias.
    pub(super) offset: &'a [f32],
    /// What each input was divided by.
    pub(super) taper: &'a [f32],
}

/// A linear layer as it lies in the model's file: a row of weights and a bias for each output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear<'a> {
    pub(super) weights: &'a [f32],
    pub(super) bias: &'a [f32],
    /// What its outputs are multiplied by.
    pub(super) factor: f32,
}

impl Panels {
    /// No columns yet, of `depth` inputs each.
    pub(super) fn new(depth: usize) -> Self {
        Self { depth, blocks: Vec::new(), columns: Vec::new() }
    }

    /// Adds a layer's outputs as columns; their number is a multiple of [`LANES`].
    pub(super) fn push(&mut self, linear: Linear<'_>, inputs: Inputs<'_>) {
        let panels = linear.weights.chunks_exact(LANES * self.depth);
        for (outputs, biases) in panels.zip(linear.bias.as_chunks::<LANES>().0) {
            let first = self.blocks.len();
            self.blocks.resize(first + self.depth / 4, Block::ZERO);
            let mut columns = Columns::ZERO;
            for (lane, weights) in outputs.chunks_exact(self.depth).enumerate() {
                let row = as_read(weights, linear.factor, inputs.taper);
                let step = step_of(&row);
                let sum = fill(&mut self.blocks[first..], lane, &row, step);
                columns.scale[lane] = step;
                columns.tilt[lane] = step * super::to_f32(sum);
                columns.bias[lane] = (biases[lane] + dot(weights, inputs.offset)) * linear.factor;
            }
            self.columns.push(columns);
        }
    }
}

/// An output's weights, as they multiply tapered inputs.
fn as_read(weights: &[f32], factor: f32, taper: &[f32]) -> Vec<f32> {
    let mut row: Vec<f32> = weights.iter().map(|weight| weight * factor).collect();
    row.iter_mut().zip(taper).for_each(|(weight, taper)| *weight *= taper);
    row
}

/// The smallest step with which the weights, and four of them together, stay in bounds.
fn step_of(weights: &[f32]) -> f32 {
    let quad_max = super::to_f32(LARGEST_QUAD) - ROUNDING;
    let mut largest = 0.0_f32;
    let mut quad = 0.0_f32;
    for [a, b, c, d, e, f, g, h] in weights.as_chunks::<STEP>().0 {
        let up = |x: &f32| x.max(0.0);
        let down = |x: &f32| (-x).max(0.0);
        for [w, x, y, z] in [[a, b, e, f], [c, d, g, h]] {
            quad = quad.max(up(w) + up(x) + up(y) + up(z));
            quad = quad.max(down(w) + down(x) + down(y) + down(z));
            largest = largest.max(w.abs().max(x.abs()).max(y.abs().max(z.abs())));
        }
    }
    (largest / MAGNITUDE).max(quad / quad_max).max(STEP_MIN)
}

/// Writes the weights into their lane of the blocks and returns their sum.
fn fill(blocks: &mut [Block], lane: usize, weights: &[f32], step: f32) -> i32 {
    let inverse = 1.0 / step;
    let mut sum = 0;
    for (block, quad) in blocks.iter_mut().zip(weights.as_chunks::<4>().0) {
        let whole = quad.map(|weight| nearest(weight * inverse));
        sum += whole.iter().sum::<i32>();
        block.0.as_chunks_mut::<4>().0[lane] = whole.map(|w| w.to_le_bytes()[0].cast_signed());
    }
    sum
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
