//! Functions of many values at once, without branches, so that they become vector instructions.
#![expect(
    clippy::inline_always,
    reason = "they take on the instructions of their caller"
)]

use crate::arithmetic::{LN_2, exp};

/// e to the power of x, infinite above e^88; the standard one is above e^88.72.
#[inline(always)]
pub(super) fn exp_to_infinity(x: f32) -> f32 {
    if x > 88.0 { f32::INFINITY } else { exp(x) }
}

/// The natural logarithm, within two parts in ten million or 1e-7 (Cephes, `logf`).
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    const FACTORS: [f32; 9] = [
        7.037_683_6e-2,
        -0.115_146_1,
        0.116_769_984,
        -0.124_201_41,
        0.142_493_23,
        -0.166_680_57,
        0.200_007_14,
        -0.249_999_94,
        0.333_333_3,
    ];
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    // The mantissa from 0.5 to 1, and its power of two.
    let mantissa = f32::from_bits(bits & 0x007F_FFFF | 0x3F00_0000);
    let power = (bits >> 23) as i32 - 126;
    let is_small = mantissa < std::f32::consts::FRAC_1_SQRT_2;
    let power = power as f32 - if is_small { 1.0 } else { 0.0 };
    let rest = if is_small {
        mantissa + mantissa
    } else {
        mantissa
    } - 1.0;
    let mut sum = 0.0;
    for factor in FACTORS {
        sum = sum * rest + factor;
    }
    let square = rest * rest;
    let found = sum * rest * square + power * LN_2[1] - 0.5 * square + rest + power * LN_2[0];
    let found = if x == f32::INFINITY { x } else { found };
    let found = if x == 0.0 { f32::NEG_INFINITY } else { found };
    if x >= 0.0 { found } else { f32::NAN }
}

/// The hyperbolic tangent, within 2e-7 (Cephes, `tanhf`).
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    const FACTORS: [f32; 5] = [
        -5.704_988_5e-3,
        2.063_909e-2,
        -5.373_971_4e-2,
        0.133_314_42,
        -0.333_332_8,
    ];
    let square = x * x;
    let mut sum = 0.0;
    for factor in FACTORS {
        sum = sum * square + factor;
    }
    let near = sum * square * x + x;
    let far = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if x.abs() < 0.625 {
        near
    } else {
        far.copysign(x)
    }
}

#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The error function, within 6e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (0.327_591_1 * size + 1.0);
    let mut sum = 0.0;
    for factor in [
        1.061_405_4,
        -1.453_152,
        1.421_413_7,
        -0.284_496_74,
        0.254_829_6,
    ] {
        sum = (sum + factor) * t;
    }
    (1.0 - sum * exp(-size * size)).copysign(x)
}

/// ln(1 + e^x).
#[inline(always)]
pub(super) fn softplus(x: f32) -> f32 {
    x.max(0.0) + ln(1.0 + exp(-x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest distance to the exact value, which may be relative to it above 1.
    fn worst(found: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, range: [f32; 2]) -> f64 {
        let (mut x, mut worst) = (range[0], 0.0f64);
        while x < range[1] {
            let exact = exact(f64::from(x));
            let distance = (f64::from(found(x)) - exact).abs() / exact.abs().max(1.0);
            worst = worst.max(distance);
            x += 0.003_1;
        }
        worst
    }

    #[test]
    fn functions_are_near_the_exact_ones() {
        let sigmoid_of = |x: f64| 1.0 / (1.0 + (-x).exp());
        let softplus_of = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        assert!(worst(exp, f64::exp, [-86.9, 87.9]) < 2e-7);
        assert!(worst(ln, f64::ln, [1e-3, 90.0]) < 3e-7);
        assert!(worst(tanh, f64::tanh, [-12.0, 12.0]) < 3e-7);
        assert!(worst(sigmoid, sigmoid_of, [-80.0, 80.0]) < 3e-7);
        assert!(worst(softplus, softplus_of, [-80.0, 80.0]) < 3e-7);
        // Two terms of its series.
        let series =
            |x: f64| std::f64::consts::FRAC_2_SQRT_PI * (x - x.powi(3) / 3.0 + x.powi(5) / 10.0);
        assert!(worst(erf, series, [-0.1, 0.1]) < 6e-7);
        assert!((erf(1.0) - 0.842_700_8).abs() < 6e-7 && (erf(-2.0) + 0.995_322_3).abs() < 6e-7);
    }

    #[test]
    fn what_has_no_value_stays_so() {
        assert!(exp(f32::NAN).is_nan() && ln(f32::NAN).is_nan() && ln(-1.0).is_nan());
        assert!(tanh(f32::NAN).is_nan() && erf(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 2e-38 && ln(0.0) == f32::NEG_INFINITY);
        assert_eq!(exp_to_infinity(89.0), f32::INFINITY);
        assert_eq!(ln(f32::INFINITY), f32::INFINITY);
        assert_eq!((tanh(f32::INFINITY), tanh(-100.0)), (1.0, -1.0));
        let exact = |x: f32| (f64::from(exp_to_infinity(x)) / f64::from(x).exp() - 1.0).abs();
        assert!(exact(88.0) < 1e-6 && exact(-80.0) < 1e-6);
    }
}
