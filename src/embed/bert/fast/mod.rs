//! The forward pass in bytes: weights and activations of eight bits, multiplied by the processor's dot products of bytes.
//!
//! A layer normalises what the one before it left, so that rows are normalised, tapered and turned into bytes in one go; the
//! last normalisation stands alone. Weights are shared by everybody who reads; each reading has scratch space of its own.

mod attention;
mod curves;
mod load;
mod pack;
mod product;
mod rows;
#[cfg(test)]
mod tests;

use self::attention::{Heads, Room, attend};
use self::product::{Onto, Out, Panels, Product, Rows, Span, Then};
use self::rows::{Mean, Norm, Normalise, Quantise, TakeOff};
use crate::embed::manifest::Pooling;
use crate::simd::Simd;

/// Texts of fewer tokens have too few errors to average over: what rounding left of their activations is multiplied as well.
/// They take no longer than one of sixteen tokens for that.
const FEW: usize = 8;

/// A BERT encoder in bytes.
#[derive(Debug)]
pub(super) struct Encoder {
    simd: Simd,
    heads: Heads,
    words: Words,
    /// The position's and the text's type's part of a token, position after position.
    positions: Vec<f32>,
    layers: Vec<Layer>,
    /// Of what the last layer leaves.
    norm: Norm,
    pooling: Pooling,
}

/// The word table: a row of bytes and their step for each word.
#[derive(Debug, Default)]
struct Words {
    bytes: Vec<i8>,
    steps: Vec<f32>,
}

#[derive(Debug)]
struct Layer {
    /// Of what the layer reads.
    norm: Norm,
    /// To queries, keys and values of all heads.
    joined: Panels,
    mixed: Panels,
    /// Of what its second half reads.
    middle_norm: Norm,
    widen: Panels,
    narrow: Panels,
}

/// What a reading writes to.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What goes from layer to layer, a row for each token.
    hidden: Vec<f32>,
    /// What a half of a layer reads of it.
    tapered: Vec<f32>,
    /// Queries, keys and values, or what the feed-forward part is wide in.
    wide: Vec<f32>,
    mixed: Vec<f32>,
    left: Left,
    room: Room,
}

/// The left side of a product as bytes.
#[derive(Debug, Default)]
struct Left {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Tokens that the model cannot take in: none, more than it has positions, or one that it has no word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tokens do not fit the model")]
pub(super) struct NoPlace;

impl Encoder {
    /// Runs the layers one after the other, from 1, and hands over each one's view of the text until `go_on` declines.
    pub(super) fn forward(
        &self,
        ids: &[u32],
        scratch: &mut Scratch,
        go_on: &mut dyn FnMut(usize, Vec<f32>) -> bool,
    ) -> Result<(), NoPlace> {
        self.look_up(ids, &mut scratch.hidden)?;
        for (done, layer) in self.layers.iter().enumerate() {
            scratch.normalise(self.simd, &layer.norm);
            if done > 0 && !go_on(done, self.view(scratch)) {
                return Ok(());
            }
            layer.attend(self.simd, self.heads, scratch);
            scratch.normalise(self.simd, &layer.middle_norm);
            layer.feed(self.simd, scratch);
        }
        scratch.normalise(self.simd, &self.norm);
        go_on(self.layers.len(), self.view(scratch));
        Ok(())
    }

    /// Adds up the parts of each token.
    fn look_up(&self, ids: &[u32], hidden: &mut Vec<f32>) -> Result<(), NoPlace> {
        let width = self.norm.width();
        if ids.is_empty() || ids.len() * width > self.positions.len() {
            return Err(NoPlace);
        }
        hidden.clear();
        for (id, position) in ids.iter().zip(self.positions.chunks_exact(width)) {
            let id = usize::try_from(*id).unwrap_or(usize::MAX);
            let step = self.words.steps.get(id).ok_or(NoPlace)?;
            let bytes = &self.words.bytes[id * width..(id + 1) * width];
            let parts = bytes.iter().zip(position);
            hidden.extend(parts.map(|(byte, place)| f32::from(*byte) * step + place));
        }
        Ok(())
    }

    /// What the tokens say together.
    fn view(&self, scratch: &Scratch) -> Vec<f32> {
        let mut view = scratch.hidden[..self.norm.width()].to_vec();
        if self.pooling == Pooling::Mean {
            self.simd.run(Mean { hidden: &scratch.hidden, mean: &mut view });
        }
        view
    }
}

impl Layer {
    /// Adds to each token what it takes from the others.
    fn attend(&self, simd: Simd, heads: Heads, scratch: &mut Scratch) {
        let Scratch { hidden, tapered, wide, mixed, left, room } = scratch;
        wide.resize(3 * hidden.len(), 0.0);
        mixed.resize(hidden.len(), 0.0);
        left.multiply(simd, tapered, &self.joined, self.joined.out(wide, Onto::Bias, Then::Keep));
        attend(simd, heads, wide, mixed, room);
        left.multiply(simd, mixed, &self.mixed, self.mixed.out(hidden, Onto::There, Then::Keep));
    }

    /// Adds to each token what follows from it alone.
    fn feed(&self, simd: Simd, scratch: &mut Scratch) {
        let Scratch { hidden, tapered, wide, left, .. } = scratch;
        wide.resize(hidden.len() / self.widen.depth * self.narrow.depth, 0.0);
        left.multiply(simd, tapered, &self.widen, self.widen.out(wide, Onto::Bias, Then::Gelu));
        left.multiply(simd, wide, &self.narrow, self.narrow.out(hidden, Onto::There, Then::Keep));
    }
}

impl Scratch {
    /// Normalises what a layer left.
    fn normalise(&mut self, simd: Simd, norm: &Norm) {
        let Self { hidden, tapered, .. } = self;
        tapered.resize(hidden.len(), 0.0);
        simd.run(Normalise { norm, hidden, tapered });
    }
}

impl Left {
    /// Multiplies rows of floats, by way of bytes; uses up the floats.
    fn multiply(&mut self, simd: Simd, floats: &mut [f32], panels: &Panels, out: Out<'_>) {
        let width = panels.depth;
        let count = floats.len() / width;
        self.bytes.resize(floats.len(), 0);
        self.spans.resize(count, Span::default());
        let Self { bytes, spans } = self;
        simd.run(Quantise { floats, width, bytes, spans });
        if count >= FEW {
            return simd.run(Product { rows: Rows { bytes, spans }, panels, out });
        }
        let Out { floats: to, stride, onto, then } = out;
        let coarse = Out { floats: to, stride, onto, then: Then::Keep };
        simd.run(Product { rows: Rows { bytes, spans }, panels, out: coarse });
        simd.run(TakeOff { floats, width, bytes, spans });
        simd.run(Quantise { floats, width, bytes, spans });
        let fine = Out { floats: to, stride, onto: Onto::ThereWithBias, then };
        simd.run(Product { rows: Rows { bytes, spans }, panels, out: fine });
    }
}

/// Exact for counts and sums of bytes.
#[expect(clippy::cast_precision_loss, reason = "far below 2^24")]
fn to_f32(number: impl TryInto<i32>) -> f32 {
    number.try_into().unwrap_or(i32::MAX) as f32
}
