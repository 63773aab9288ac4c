//! What happens to rows of floats between products: they are normalised, and turned into bytes.

use super::product::Span;
use crate::simd::{Floats, Isa, Kernel, LANES};

/// The largest byte. Larger ones would leave the weights fewer levels (see `pack`); between 160 and 255 the errors of both are
/// nearly even, and texts of a word or two, whose activations are refined, profit from finer weights.
pub(super) const LARGEST_BYTE: i32 = 191;
/// A step for rows without any spread, which all stand for their `low`.
const STEP_MIN: f32 = 1e-12;

/// The constants of a layer normalisation.
#[derive(Debug)]
pub(super) struct Norm {
    pub(super) gain: Vec<Floats>,
    pub(super) offset: Vec<Floats>,
    /// The gain as the next product sees it: without the offset, which its bias contains, and with loud channels turned down,
    /// which its weights make up for.
    pub(super) tapered: Vec<Floats>,
    pub(super) epsilon: f32,
}

/// Normalises every row of `hidden`.
pub(super) struct Normalise<'a> {
    pub(super) norm: &'a Norm,
    pub(super) hidden: &'a mut [f32],
    /// What the next product reads.
    pub(super) tapered: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let width = self.norm.width();
        let rows = self.hidden.chunks_exact_mut(width).zip(self.tapered.chunks_exact_mut(width));
        for (hidden, tapered) in rows {
            let (hidden, tapered) = (hidden.as_chunks_mut().0, tapered.as_chunks_mut().0);
            normalise(isa, self.norm, hidden, tapered);
        }
    }
}

/// Leaves the normalised row in `hidden` and its tapered form in `tapered`.
#[inline(always)]
fn normalise<S: Isa>(isa: S, norm: &Norm, hidden: &mut [Floats], tapered: &mut [Floats]) {
    let mut sum = isa.splat(0.0);
    let mut squares = isa.splat(0.0);
    for lanes in hidden.iter() {
        let x = isa.load(lanes);
        sum = isa.add(sum, x);
        squares = isa.mul_add(x, x, squares);
    }
    let share = 1.0 / super::to_f32(hidden.len() * LANES);
    let mean = isa.sum(sum) * share;
    let variance = (isa.sum(squares) * share - mean * mean).max(0.0);
    let inverse = isa.splat(1.0 / (variance + norm.epsilon).sqrt());
    let mean = isa.splat(mean);
    let constants = norm.gain.iter().zip(&norm.offset).zip(&norm.tapered);
    let outputs = hidden.iter_mut().zip(tapered);
    for ((lanes, tapered_lanes), ((gain, offset), taper)) in outputs.zip(constants) {
        let even = isa.mul(isa.sub(isa.load(lanes), mean), inverse);
        isa.store(isa.mul_add(even, isa.load(gain), isa.load(offset)), lanes);
        isa.store(isa.mul(even, isa.load(taper)), tapered_lanes);
    }
}

/// Turns every row of floats into bytes.
pub(super) struct Quantise<'a> {
    pub(super) floats: &'a [f32],
    pub(super) width: usize,
    pub(super) bytes: &'a mut [u8],
    pub(super) spans: &'a mut [Span],
}

impl Kernel for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let rows = self.floats.chunks_exact(self.width);
        let rows = rows.zip(self.bytes.chunks_exact_mut(self.width));
        for ((floats, bytes), span) in rows.zip(self.spans) {
            *span = to_bytes(isa, floats.as_chunks().0, bytes);
        }
    }
}

/// Takes off each float what its byte stands for, and leaves the rest.
pub(super) struct TakeOff<'a> {
    pub(super) floats: &'a mut [f32],
    pub(super) width: usize,
    pub(super) bytes: &'a [u8],
    pub(super) spans: &'a [Span],
}

impl Kernel for TakeOff<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, _isa: S) {
        let rows = self.floats.chunks_exact_mut(self.width);
        for ((floats, bytes), span) in rows.zip(self.bytes.chunks_exact(self.width)).zip(self.spans)
        {
            for (float, byte) in floats.iter_mut().zip(bytes) {
                *float -= span.step * f32::from(*byte) + span.low;
            }
        }
    }
}

/// Spreads a row over the bytes, from its smallest to its largest float.
#[inline(always)]
fn to_bytes<S: Isa>(isa: S, floats: &[Floats], bytes: &mut [u8]) -> Span {
    let mut low = isa.splat(f32::INFINITY);
    let mut high = isa.splat(f32::NEG_INFINITY);
    for lanes in floats {
        low = isa.min(low, isa.load(lanes));
        high = isa.max(high, isa.load(lanes));
    }
    let (low, high) = (isa.smallest(low), isa.largest(high));
    let step = ((high - low) / super::to_f32(LARGEST_BYTE)).max(STEP_MIN);
    let (inverse, shift) = (isa.splat(1.0 / step), isa.splat(-low / step));
    for (lanes, out) in floats.iter().zip(bytes.as_chunks_mut().0) {
        *out = isa.to_bytes(isa.mul_add(isa.load(lanes), inverse, shift));
    }
    Span { low, step }
}

/// The mean of all rows.
pub(super) struct Mean<'a> {
    pub(super) hidden: &'a [f32],
    pub(super) mean: &'a mut [f32],
}

impl Kernel for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        let width = self.mean.len();
        let columns = self.mean.as_chunks_mut::<LANES>().0;
        let share = isa.splat(1.0 / super::to_f32((self.hidden.len() / width).max(1)));
        for (column, out) in columns.iter_mut().enumerate() {
            let mut sum = isa.splat(0.0);
            for row in self.hidden.chunks_exact(width) {
                if let Some(lanes) = row.as_chunks().0.get(column) {
                    sum = isa.add(sum, isa.load(lanes));
                }
            }
            isa.store(isa.mul(sum, share), out);
        }
    }
}
