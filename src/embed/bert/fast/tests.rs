//! Kernels against plain arithmetic, on every instruction set.

use candle_core::{Device, Tensor};

use super::curves;
use super::pack::{Inputs, Linear};
use super::product::{Onto, Panels, Product, Rows, Span, Then};
use super::rows::LARGEST_BYTE;
use crate::simd::{Floats, Isa, Kernel, LANES, Simd};

/// Columns of two and a half tiles on the widest instruction set.
const COLUMNS: usize = 7 * LANES;

fn packed(depth: usize, weight: impl Fn(usize, usize) -> f32) -> Panels {
    let cells = (0..COLUMNS).flat_map(|column| (0..depth).map(move |input| (column, input)));
    let weights: Vec<f32> = cells.map(|(column, input)| weight(column, input)).collect();
    let mut panels = Panels::new(depth);
    panels
        .push(Linear { weights: &weights, bias: &[0.0; COLUMNS], factor: 1.0 }, Inputs::default());
    panels
}

/// The bare sums of a product must be exact: no 16-bit sum may overflow, whatever the bytes.
fn check(
    depth: usize,
    rows: usize,
    byte: impl Fn(usize) -> u8,
    weight: impl Fn(usize, usize) -> f32,
) {
    let mut panels = packed(depth, weight);
    for columns in &mut panels.columns {
        (columns.scale, columns.tilt) = ([1.0; LANES], [0.0; LANES]);
    }
    let bytes: Vec<u8> = (0..rows * depth).map(byte).collect();
    let spans = vec![Span { low: 0.0, step: 1.0 }; rows];
    let plain = |row: usize, column: usize| -> i32 {
        let blocks = &panels.blocks[column / LANES * depth / 4..][..depth / 4];
        let weights = blocks.iter().flat_map(|block| block.0.as_chunks::<4>().0[column % LANES]);
        let products = bytes[row * depth..].iter().zip(weights);
        products.map(|(x, y)| i32::from(*x) * i32::from(y)).sum()
    };
    let expected: Vec<f32> = (0..rows * COLUMNS)
        .map(|cell| super::to_f32(plain(cell / COLUMNS, cell % COLUMNS)))
        .collect();
    for simd in Simd::available() {
        let mut out = vec![f32::NAN; rows * COLUMNS];
        simd.run(Product {
            rows: Rows { bytes: &bytes, spans: &spans },
            panels: &panels,
            out: panels.out(&mut out, Onto::Bias, Then::Keep),
        });
        assert_eq!(out, expected, "{rows} rows of {depth} on {}", simd.name());
    }
}

#[test]
fn sums_are_exact_on_every_instruction_set() {
    let largest = u8::try_from(LARGEST_BYTE).expect("a byte");
    for rows in 1..=20 {
        let mixed = |at: usize| u8::try_from(at * 89 % (usize::from(largest) + 1)).expect("a byte");
        let uneven =
            |column: usize, input: usize| super::to_f32((column * 31 + input * 17) % 23) - 11.0;
        check(64, rows, mixed, uneven);
    }
    // The worst that can be: all weights of one sign, all bytes at their largest.
    for sign in [1.0, -1.0] {
        check(1_536, 5, |_| largest, |_, _| sign);
        check(
            384,
            9,
            |_| largest,
            |column, input| if (column + input) % 3 == 0 { sign } else { 0.0 },
        );
    }
}

struct Curve<'a>(&'a mut [Floats], bool);

impl Kernel for Curve<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) {
        for lanes in self.0 {
            let x = isa.load(lanes);
            isa.store(if self.1 { curves::gelu(isa, x) } else { curves::exp2(isa, x) }, lanes);
        }
    }
}

#[test]
fn curves_are_near_the_true_ones() {
    let grid: Vec<f32> = (0..LANES * 1_000).map(|at| super::to_f32(at) / 500.0 - 16.0).collect();
    let gelu = Tensor::new(grid.as_slice(), &Device::Cpu).and_then(|x| x.gelu_erf()?.to_vec1());
    let gelu: Vec<f32> = gelu.expect("floats");
    for simd in Simd::available() {
        let mut bent = grid.as_chunks().0.to_vec();
        simd.run(Curve(&mut bent, true));
        for ((near, exact), x) in bent.as_flattened().iter().zip(&gelu).zip(&grid) {
            assert!((near - exact).abs() < 1e-4 * x.abs().max(1.0), "gelu({x}) on {}", simd.name());
        }
        let mut powers = grid.as_chunks().0.to_vec();
        simd.run(Curve(&mut powers, false));
        for (power, x) in powers.as_flattened().iter().zip(&grid) {
            assert!((power / x.exp2() - 1.0).abs() < 4e-6, "2^{x} on {}", simd.name());
        }
        let mut ends = [[-1e30; LANES], [-200.0; LANES]];
        simd.run(Curve(&mut ends, false));
        assert!(ends.as_flattened().iter().all(|end| (0.0..1e-30).contains(end)), "{ends:?}");
    }
}
