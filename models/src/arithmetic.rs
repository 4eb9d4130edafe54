//! The innermost arithmetic of both kinds of steps, in forms that become vector instructions.
#![expect(
    clippy::inline_always,
    reason = "they take on the instructions of their caller"
)]

/// Added and taken away, it rounds to a whole number, which stands in its lowest bits.
const ROUND: f32 = 12_582_912.0;
/// The natural logarithm of 2 in two parts, the first of few bits.
pub(crate) const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// e to the power of x, within one part in five million (S. Moshier's Cephes, `expf`).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let within = x.clamp(-87.0, 88.0);
    let rounded = within * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    let rest = within - whole * LN_2[0] - whole * LN_2[1];
    let mut sum = 1.987_569_1e-4;
    for factor in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        sum = sum * rest + factor;
    }
    let power = rounded
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127)
        << 23;
    (sum * rest * rest + rest + 1.0) * f32::from_bits(power)
}

/// Adds so many weights times x, side by side; counting lanes is the form that becomes vector
/// instructions.
#[inline(always)]
pub(crate) fn add<const FUSED: bool, const LANES: usize>(
    sums: &mut [f32; LANES],
    x: f32,
    weights: &[f32; LANES],
) {
    for lane in 0..LANES {
        sums[lane] = multiply_add::<FUSED>(x, weights[lane], sums[lane]);
    }
}

/// In one instruction where there is one; otherwise it would be a call.
#[inline(always)]
pub(crate) fn multiply_add<const FUSED: bool>(a: f32, b: f32, sum: f32) -> f32 {
    if FUSED {
        a.mul_add(b, sum)
    } else {
        a * b + sum
    }
}
