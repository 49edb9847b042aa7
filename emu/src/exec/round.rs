//! IEEE 754 arithmetic as RISC-V wants it, over the soft-float crate: canonical NaNs, exception
//! flags, tininess detected after rounding, and the square root that the crate lacks.
//!
//! Volume I, section "F": "NaN Generation and Propagation", "Subnormal Arithmetic".

use rustc_apfloat::ieee::{Double, Single};
use rustc_apfloat::{Category, Float, Round, Status, StatusAnd};

/// The exception flags of `fcsr`.
pub mod flag {
    /// The result was rounded.
    pub const INEXACT: u64 = 1;
    /// The result is tiny and was rounded.
    pub const UNDERFLOW: u64 = 2;
    /// The result is beyond the largest number.
    pub const OVERFLOW: u64 = 4;
    /// A number was divided by zero.
    pub const DIVIDE: u64 = 8;
    /// The operation has no result.
    pub const INVALID: u64 = 16;
}

/// A value and the flags it raised.
pub type Flagged<T> = (T, u64);

/// The formats of F and D.
pub trait Format: Float + Copy {
    /// The NaN that every operation gives.
    const CANONICAL: u64;

    /// From a bit pattern.
    fn of(bits: u64) -> Self {
        Self::from_bits(bits.into())
    }

    /// To a bit pattern, NaNs made canonical.
    fn bits(self) -> u64 {
        if self.is_nan() {
            Self::CANONICAL
        } else {
            self.to_bits() as u64
        }
    }
}

impl Format for Single {
    const CANONICAL: u64 = 0x7fc0_0000;
}

impl Format for Double {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
}

/// The rounding mode of three bits; `None` for the reserved ones.
pub fn mode(bits: u64) -> Option<Round> {
    Some(match bits {
        0 => Round::NearestTiesToEven,
        1 => Round::TowardZero,
        2 => Round::TowardNegative,
        3 => Round::TowardPositive,
        4 => Round::NearestTiesToAway,
        _ => return None,
    })
}

/// The flags of `fcsr` for a status of the crate.
pub fn flags(status: Status) -> u64 {
    [
        (Status::INEXACT, flag::INEXACT),
        (Status::UNDERFLOW, flag::UNDERFLOW),
        (Status::OVERFLOW, flag::OVERFLOW),
        (Status::DIV_BY_ZERO, flag::DIVIDE),
        (Status::INVALID_OP, flag::INVALID),
    ]
    .into_iter()
    .filter(|(status_bit, _)| status.contains(*status_bit))
    .fold(0, |all, (_, bit)| all | bit)
}

/// The power of two by which a tiny result is scaled to see whether it rounds to a normal number.
const SCALE: i32 = 128;

/// Finishes an operation, of which `scaled` gives the result times a power of two. In two cases the
/// crate's flags are not those of IEEE 754 and RISC-V, and the operation is done again:
///
/// - The crate calls a result tiny if it is subnormal; RISC-V does if it would be with an unbounded
///   exponent. The two differ where a result was rounded up to the least normal number.
/// - The crate reports no overflow where a result beyond the largest number is rounded back to it.
fn finish<F: Format>(result: StatusAnd<F>, scaled: impl Fn(i32) -> F) -> Flagged<u64> {
    let mut raised = flags(result.status);
    let value = result.value;
    if raised & flag::INEXACT == 0 || !value.is_finite() {
        return (value.bits(), raised);
    }
    let is = |bound: F, scale: i32| {
        let bound = bound.copy_sign(value);
        value.to_bits() == bound.to_bits()
            && scaled(scale).to_bits() != bound.scalbn(scale).to_bits()
    };
    if is(F::smallest_normalized(), SCALE) {
        raised |= flag::UNDERFLOW;
    }
    if is(F::largest(), -1) {
        raised |= flag::OVERFLOW;
    }
    (value.bits(), raised)
}

fn signaling<F: Format>(values: &[F]) -> u64 {
    if values.iter().any(|value| value.is_signaling()) {
        flag::INVALID
    } else {
        0
    }
}

/// `a + b`.
pub fn add<F: Format>(a: F, b: F, round: Round) -> Flagged<u64> {
    let (value, raised) = finish(a.add_r(b, round), |scale| {
        a.scalbn(scale).add_r(b.scalbn(scale), round).value
    });
    (value, raised | signaling(&[a, b]))
}

/// `a * b`.
pub fn multiply<F: Format>(a: F, b: F, round: Round) -> Flagged<u64> {
    let (value, raised) = finish(a.mul_r(b, round), |scale| {
        let (a, b) = scale_one(a, b, scale);
        a.mul_r(b, round).value
    });
    (value, raised | signaling(&[a, b]))
}

/// Scales one of two factors: the smaller one up, or the larger one down, without loss.
fn scale_one<F: Format>(a: F, b: F, scale: i32) -> (F, F) {
    if a.cmp_abs_normal(b).is_lt() == (scale > 0) {
        (a.scalbn(scale), b)
    } else {
        (a, b.scalbn(scale))
    }
}

/// `a / b`.
pub fn divide<F: Format>(a: F, b: F, round: Round) -> Flagged<u64> {
    let (value, raised) = finish(a.div_r(b, round), |scale| {
        if scale < 0 || a.ilogb() < 0 {
            a.scalbn(scale).div_r(b, round).value
        } else {
            a.div_r(b.scalbn(-scale), round).value
        }
    });
    (value, raised | signaling(&[a, b]))
}

/// `a * b + c`, rounded once.
pub fn multiply_add<F: Format>(a: F, b: F, c: F, round: Round) -> Flagged<u64> {
    let (value, mut raised) = finish(a.mul_add_r(b, c, round), |scale| {
        let (a, b) = scale_one(a, b, scale);
        a.mul_add_r(b, c.scalbn(scale), round).value
    });
    // Infinity times zero is invalid even if the addend is a quiet NaN.
    if a.is_infinite() && b.is_zero() || a.is_zero() && b.is_infinite() {
        raised |= flag::INVALID;
    }
    (value, raised | signaling(&[a, b, c]))
}

/// The square root.
pub fn square_root<F: Format>(a: F, round: Round) -> Flagged<u64> {
    match a.category() {
        Category::NaN => return (F::CANONICAL, signaling(&[a])),
        Category::Zero => return (a.bits(), 0),
        Category::Infinity | Category::Normal if a.is_negative() => {
            return (F::CANONICAL, flag::INVALID);
        }
        Category::Infinity => return (a.bits(), 0),
        Category::Normal => {}
    }
    // a = m * 2^e with e even and m an integer of 120 or 121 bits: the root of m has at least
    // 60 bits, more than any format's precision and a rounding bit.
    let exponent = a.ilogb();
    let shift = 120 - exponent;
    let shift = shift + (shift & 1);
    let m = a.scalbn(60 - exponent).to_u128(128).value << (60 + (shift - (120 - exponent)));
    let root = m.isqrt();
    let sticky = u128::from(root * root != m);
    let rounded = F::from_u128_r(root << 1 | sticky, round);
    let value = rounded.value.scalbn(-(shift / 2) - 1);
    (value.bits(), flags(rounded.status))
}

/// Converts to an integer of `width` bits, saturating.
pub fn to_integer<F: Format>(a: F, width: usize, signed: bool, round: Round) -> Flagged<u64> {
    let (low, high) = if signed {
        (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1)
    } else {
        (0, (1i128 << width) - 1)
    };
    if a.is_nan() {
        return (high as u64, flag::INVALID);
    }
    let mut exact = false;
    // Every value of interest fits into 100 bits; what does not is out of range anyway.
    let result = a.to_i128_r(100, round, &mut exact);
    let value = result.value;
    if result.status.contains(Status::INVALID_OP) || value < low || value > high {
        let bound = if a.is_negative() { low } else { high };
        return (bound as u64, flag::INVALID);
    }
    (value as u64, if exact { 0 } else { flag::INEXACT })
}

/// Converts from an integer.
pub fn from_integer<F: Format>(value: i128, round: Round) -> Flagged<u64> {
    let result = F::from_i128_r(value, round);
    (result.value.bits(), flags(result.status))
}

/// The smaller or the larger of two, by IEEE 754-2019 `minimumNumber` and `maximumNumber`.
pub fn extreme<F: Format>(a: F, b: F, larger: bool) -> Flagged<u64> {
    let raised = signaling(&[a, b]);
    let value = match (a.is_nan(), b.is_nan()) {
        (true, true) => F::NAN,
        (true, false) => b,
        (false, true) => a,
        (false, false) => {
            let less = a < b || a.is_zero() && b.is_zero() && a.is_negative();
            if less == larger { b } else { a }
        }
    };
    (value.bits(), raised)
}

/// `fclass`: one bit for the kind of number.
pub fn class<F: Format>(a: F) -> u64 {
    let bit = match (a.category(), a.is_negative()) {
        (Category::Infinity, true) => 0,
        (Category::Normal, true) if a.is_denormal() => 2,
        (Category::Normal, true) => 1,
        (Category::Zero, true) => 3,
        (Category::Zero, false) => 4,
        (Category::Normal, false) if a.is_denormal() => 5,
        (Category::Normal, false) => 6,
        (Category::Infinity, false) => 7,
        (Category::NaN, _) if a.is_signaling() => 8,
        (Category::NaN, _) => 9,
    };
    1 << bit
}

/// Double to single.
pub fn narrow(a: Double, round: Round) -> Flagged<u64> {
    use rustc_apfloat::FloatConvert;
    let convert = |value: Double| -> StatusAnd<Single> {
        let mut loses = false;
        value.convert_r(round, &mut loses)
    };
    let (value, raised) = finish(convert(a), |scale| convert(a.scalbn(scale)).value);
    if a.is_nan() {
        return (Single::CANONICAL, signaling(&[a]));
    }
    (value, raised)
}

/// Single to double, which is exact.
pub fn widen(a: Single) -> Flagged<u64> {
    use rustc_apfloat::FloatConvert;
    let mut loses = false;
    let wide: StatusAnd<Double> = a.convert_r(Round::NearestTiesToEven, &mut loses);
    (wide.value.bits(), signaling(&[a]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: Round = Round::NearestTiesToEven;

    #[test]
    fn roots_agree_with_the_host() {
        let mut rng = crate::rng::Rng::new(5);
        for _ in 0..2000 {
            let bits = rng.draw() >> 1;
            let value = f64::from_bits(bits);
            if value.is_nan() {
                continue;
            }
            let (root, _) = square_root(Double::of(bits), EVEN);
            assert_eq!(root, value.sqrt().to_bits(), "{value:e}");
            let single = f32::from_bits(bits as u32 & 0x7fff_ffff);
            if !single.is_nan() {
                let (root, _) = square_root(Single::of(single.to_bits().into()), EVEN);
                assert_eq!(root as u32, single.sqrt().to_bits(), "{single:e}");
            }
        }
        assert_eq!(
            square_root(Double::of(4f64.to_bits()), EVEN),
            (2f64.to_bits(), 0)
        );
        assert_eq!(
            square_root(Double::of((-1f64).to_bits()), EVEN).1,
            flag::INVALID
        );
    }

    #[test]
    fn arithmetic_agrees_with_the_host() {
        let mut rng = crate::rng::Rng::new(6);
        for _ in 0..2000 {
            let (a, b) = (rng.draw(), rng.draw());
            let (x, y) = (f64::from_bits(a), f64::from_bits(b));
            let canonical = |value: f64| {
                if value.is_nan() {
                    Double::CANONICAL
                } else {
                    value.to_bits()
                }
            };
            assert_eq!(add(Double::of(a), Double::of(b), EVEN).0, canonical(x + y));
            assert_eq!(
                multiply(Double::of(a), Double::of(b), EVEN).0,
                canonical(x * y)
            );
            assert_eq!(
                divide(Double::of(a), Double::of(b), EVEN).0,
                canonical(x / y)
            );
            let fused = multiply_add(Double::of(a), Double::of(b), Double::of(a), EVEN).0;
            assert_eq!(fused, canonical(x.mul_add(y, x)));
        }
    }

    #[test]
    fn tininess_is_detected_after_rounding() {
        // The largest double below 1, times the least normal number, rounds up to the latter; with
        // an unbounded exponent it would not.
        let almost = Double::of(0x3fef_ffff_ffff_ffff);
        let least = Double::of(0x0010_0000_0000_0000);
        let (value, raised) = multiply(almost, least, EVEN);
        assert_eq!(value, 0x0010_0000_0000_0000);
        assert_eq!(raised, flag::INEXACT | flag::UNDERFLOW);
        assert_eq!(multiply(Double::of(1f64.to_bits()), least, EVEN).1, 0);
    }

    #[test]
    fn overflow_is_seen_where_a_result_is_rounded_back_to_the_largest_number() {
        const RAISED: u64 = flag::OVERFLOW | flag::INEXACT;
        let number = |bits: u64| Single::of(bits);
        let (largest, one) = (number(0x7f7f_ffff), number(0x3f80_0000));
        let (least, two) = (number(1), number(0x4000_0000));
        let (down, up) = (Round::TowardZero, Round::TowardPositive);
        let largest_bits = 0x7f7f_ffff;
        assert_eq!(add(largest, largest, down), (largest_bits, RAISED));
        // A sum just above the largest number is none that overflows.
        assert_eq!(add(largest, one, down), (largest_bits, flag::INEXACT));
        assert_eq!(add(largest, least, down), (largest_bits, flag::INEXACT));
        assert_eq!(multiply(largest, two, down), (largest_bits, RAISED));
        assert_eq!(multiply(largest, one, down), (largest_bits, 0));
        assert_eq!(
            divide(largest, number(0x3f00_0000), down),
            (largest_bits, RAISED)
        );
        let sum = multiply_add(largest, two, one, down);
        assert_eq!(sum, (largest_bits, RAISED));
        // -2 * largest, toward the positive.
        let minus = number(0xff7f_ffff);
        assert_eq!(multiply(minus, two, up), (0xff7f_ffff, RAISED));
        let wide = Double::of(0x47f0_0000_0000_0000);
        assert_eq!(narrow(wide, down), (largest_bits, RAISED));
        let between = Double::of(0x47ef_ffff_f000_0000);
        assert_eq!(narrow(between, down), (largest_bits, flag::INEXACT));
    }

    #[test]
    fn integers_saturate() {
        let to = |value: f64, width, signed| {
            to_integer(
                Double::of(value.to_bits()),
                width,
                signed,
                Round::TowardZero,
            )
        };
        assert_eq!(to(-1.5, 32, false), (0, flag::INVALID));
        assert_eq!(to(-0.5, 32, false), (0, flag::INEXACT));
        assert_eq!(to(3e9, 32, true), (0x7fff_ffff, flag::INVALID));
        assert_eq!(to(f64::NAN, 64, true), (i64::MAX as u64, flag::INVALID));
        assert_eq!(to(-7.0, 64, true), (-7i64 as u64, 0));
    }

    #[test]
    fn extremes_prefer_numbers_and_know_the_sign_of_zero() {
        let nan = Double::of(Double::CANONICAL);
        let (plus, minus) = (Double::of(0), Double::of(1 << 63));
        assert_eq!(extreme(nan, plus, false), (0, 0));
        assert_eq!(extreme(plus, minus, false), (1 << 63, 0));
        assert_eq!(extreme(minus, plus, true), (0, 0));
        assert_eq!(class(minus), 1 << 3);
    }
}
