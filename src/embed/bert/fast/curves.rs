//! The two curved functions of the forward pass as polynomials on lanes.
//!
//! Coefficients are minimax fits (linear programming on a dense grid), made for this program. What follows rounds to bytes, so
//! errors below a thousandth of the range are invisible.

use crate::simd::Isa;

/// Where the normal distribution's function is as good as 0 or 1.
const GELU_END: f32 = 4.0;
/// (F(x) - 1/2) / x in powers of x^2, for |x| <= 4, where F is the normal distribution's function; off by 4e-5 at most in the
/// curve.
const GELU: [f32; 8] = [
    3.986_733_6e-1,
    -6.588_777e-2,
    9.505_359e-3,
    -1.006_480_8e-3,
    7.485_377e-5,
    -3.657_039e-6,
    1.041_924_3e-7,
    -1.301_237_9e-9,
];
/// 2^x for |x| <= 1/2, off by 2.6e-6 at most.
const EXP2: [f32; 5] = [9.999_993e-1, 6.931_218e-1, 2.402_474_6e-1, 5.591_789e-2, 9.570_08e-3];
/// Below, powers of two are as good as 0.
const EXP2_MIN: f32 = -120.0;

/// x F(x), with F the normal distribution's function.
#[inline(always)]
pub(super) fn gelu<S: Isa>(isa: S, x: S::F) -> S::F {
    let end = isa.min(isa.max(x, isa.splat(-GELU_END)), isa.splat(GELU_END));
    let slope = polynomial(isa, isa.mul(end, end), &GELU);
    isa.mul(x, isa.mul_add(end, slope, isa.splat(0.5)))
}

/// 2^x for x up to 127.
#[inline(always)]
pub(super) fn exp2<S: Isa>(isa: S, x: S::F) -> S::F {
    let x = isa.max(x, isa.splat(EXP2_MIN));
    let whole = isa.round(x);
    isa.scale_by_power(polynomial(isa, isa.sub(x, whole), &EXP2), whole)
}

#[inline(always)]
fn polynomial<S: Isa>(isa: S, x: S::F, coefficients: &[f32]) -> S::F {
    let mut value = isa.splat(0.0);
    for coefficient in coefficients.iter().rev() {
        value = isa.mul_add(value, x, isa.splat(*coefficient));
    }
    value
}
