//! Curves as polynomials on lanes.
//!
//! Coefficients are minimax fits (linear programming on a dense grid), made for this program.

use super::isa::Isa;

/// 2^x for |x| <= 1/2, off by 2.6e-6 at most.
const EXP2: [f32; 5] = [9.999_993e-1, 6.931_218e-1, 2.402_474_6e-1, 5.591_789e-2, 9.570_08e-3];
/// Below, powers of two are as good as 0.
const EXP2_MIN: f32 = -120.0;

/// 2^x for x up to 127.
#[inline(always)]
pub(crate) fn exp2<S: Isa>(isa: S, x: S::F) -> S::F {
    let x = isa.max(x, isa.splat(EXP2_MIN));
    let whole = isa.round(x);
    isa.scale_by_power(polynomial(isa, isa.sub(x, whole), &EXP2), whole)
}

/// The value of a polynomial whose lowest coefficient stands first.
#[inline(always)]
pub(crate) fn polynomial<S: Isa>(isa: S, x: S::F, coefficients: &[f32]) -> S::F {
    let mut value = isa.splat(0.0);
    for coefficient in coefficients.iter().rev() {
        value = isa.mul_add(value, x, isa.splat(*coefficient));
    }
    value
}
