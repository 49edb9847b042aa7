//! F and D: which instruction asks for which operation, and on which registers.
//!
//! Volume I, chapters "F" and "D". Single precision lies in the low half of a register with ones
//! above (NaN boxing); what is not boxed is read as the canonical NaN. The unit must be on
//! (`mstatus.FS`).

use rustc_apfloat::Round;
use rustc_apfloat::ieee::{Double, Single};

use super::round::{self, Flagged, Format, flag};
use super::{Cpu, Done};
use crate::decode::{Fields, Kind, Op};
use crate::hart::csr::status;
use crate::hart::trap::Trap;

const BOX: u64 = 0xffff_ffff_0000_0000;

impl Cpu<'_> {
    /// `flw`, `fld`, `fsw`, `fsd`.
    pub fn float_memory<const WATCH: bool>(&mut self, op: Op) -> Done {
        self.unit_is_on(op.imm as u32)?;
        let address = self.hart.x[usize::from(op.rs1 & 31)].wrapping_add(op.imm as i64 as u64);
        let (rd, rs2) = (usize::from(op.rd & 31), usize::from(op.rs2 & 31));
        match op.kind {
            Kind::Flw => {
                let value = self.load_slow::<WATCH>(address, 4)?;
                self.set_float(rd, BOX | value);
            }
            Kind::Fld => {
                let value = self.load_slow::<WATCH>(address, 8)?;
                self.set_float(rd, value);
            }
            Kind::Fsw => self.store_slow::<WATCH>(address, 4, self.hart.f[rs2])?,
            _ => self.store_slow::<WATCH>(address, 8, self.hart.f[rs2])?,
        }
        Ok(())
    }

    fn unit_is_on(&self, word: u32) -> Done {
        if self.hart.csr.mstatus & status::FS == 0 {
            return Err(Trap::illegal(word));
        }
        Ok(())
    }

    fn set_float(&mut self, register: usize, value: u64) {
        self.hart.f[register] = value;
        self.hart.csr.mstatus |= status::FS;
    }

    fn raise(&mut self, flags: u64) {
        if flags != 0 {
            self.hart.csr.fcsr |= flags;
            self.hart.csr.mstatus |= status::FS;
        }
    }

    /// Executes a floating-point instruction other than loads and stores.
    pub fn float(&mut self, word: u32) -> Done {
        self.unit_is_on(word)?;
        let illegal = || Trap::illegal(word);
        match word >> 25 & 3 {
            0 => self.of_format::<Single>(word).ok_or_else(illegal),
            1 => self.of_format::<Double>(word).ok_or_else(illegal),
            _ => Err(illegal()),
        }
    }

    /// Reads a register in a format.
    fn get<F: Format>(&self, register: usize) -> F {
        let bits = self.hart.f[register];
        if F::BITS == 64 {
            F::of(bits)
        } else if bits & BOX == BOX {
            F::of(bits & !BOX)
        } else {
            F::of(F::CANONICAL)
        }
    }

    fn put<F: Format>(&mut self, register: usize, bits: u64) {
        self.set_float(register, if F::BITS == 64 { bits } else { BOX | bits });
    }

    fn put_flagged<F: Format>(&mut self, register: usize, (bits, flags): Flagged<u64>) {
        self.raise(flags);
        self.put::<F>(register, bits);
    }

    fn of_format<F: Format>(&mut self, word: u32) -> Option<()> {
        let f = Fields(word);
        let rounding = || -> Option<Round> {
            match f.funct3() {
                7 => round::mode(self.hart.csr.fcsr >> 5 & 7),
                mode => round::mode(mode.into()),
            }
        };
        let (a, b) = (self.get::<F>(f.rs1()), self.get::<F>(f.rs2()));
        if word & 0x7f != 0x53 {
            let c = self.get::<F>(f.rs3());
            let result = match word & 0x7f {
                0x43 => round::multiply_add(a, b, c, rounding()?),
                0x47 => round::multiply_add(a, b, -c, rounding()?),
                0x4b => round::multiply_add(-a, b, c, rounding()?),
                _ => round::multiply_add(-a, b, -c, rounding()?),
            };
            self.put_flagged::<F>(f.rd(), result);
            return Some(());
        }
        let result = match f.funct7() >> 2 {
            0x00 => round::add(a, b, rounding()?),
            0x01 => round::add(a, -b, rounding()?),
            0x02 => round::multiply(a, b, rounding()?),
            0x03 => round::divide(a, b, rounding()?),
            0x0b if f.rs2() == 0 => round::square_root(a, rounding()?),
            0x05 if f.funct3() < 2 => round::extreme(a, b, f.funct3() == 1),
            0x08 => self.between_formats::<F>(f, rounding()?)?,
            0x1a => self.convert_integer::<F>(f, rounding()?)?,
            0x04 => (self.with_sign::<F>(f)?, 0),
            0x1e if f.rs2() == 0 && f.funct3() == 0 => (
                self.hart.x[f.rs1()] & if F::BITS == 64 { u64::MAX } else { !BOX },
                0,
            ),
            group => {
                let rounding = if group == 0x18 {
                    rounding()?
                } else {
                    Round::TowardZero
                };
                return self.integer_result::<F>(f, group, a, b, rounding);
            }
        };
        self.put_flagged::<F>(f.rd(), result);
        Some(())
    }

    /// `fcvt.s.d` and `fcvt.d.s`.
    fn between_formats<F: Format>(&self, f: Fields, rounding: Round) -> Option<Flagged<u64>> {
        match (F::BITS, f.rs2()) {
            (32, 1) => Some(round::narrow(self.get::<Double>(f.rs1()), rounding)),
            (64, 0) => Some(round::widen(self.get::<Single>(f.rs1()))),
            _ => None,
        }
    }

    fn convert_integer<F: Format>(&self, f: Fields, rounding: Round) -> Option<Flagged<u64>> {
        let x = self.hart.x[f.rs1()];
        let value = match f.rs2() {
            0 => (x as i32).into(),
            1 => (x as u32).into(),
            2 => (x as i64).into(),
            3 => x.into(),
            _ => return None,
        };
        Some(round::from_integer::<F>(value, rounding))
    }

    /// `fsgnj`, `fsgnjn`, `fsgnjx`: bits, NaNs included, pass unchanged.
    fn with_sign<F: Format>(&self, f: Fields) -> Option<u64> {
        let raw = |register: usize| -> u64 {
            let bits = self.hart.f[register];
            match F::BITS {
                64 => bits,
                _ if bits & BOX == BOX => bits & !BOX,
                _ => F::CANONICAL,
            }
        };
        let sign = 1 << (F::BITS - 1);
        let (a, b) = (raw(f.rs1()), raw(f.rs2()));
        Some(match f.funct3() {
            0 => a & !sign | b & sign,
            1 => a & !sign | !b & sign,
            2 => a ^ b & sign,
            _ => return None,
        })
    }

    /// The instructions whose result is an integer register.
    fn integer_result<F: Format>(
        &mut self,
        f: Fields,
        group: u32,
        a: F,
        b: F,
        rounding: Round,
    ) -> Option<()> {
        let (value, flags) = match (group, f.funct3()) {
            (0x14, order @ 0..=2) => {
                let unordered = a.is_nan() || b.is_nan();
                let signaling = a.is_signaling() || b.is_signaling();
                let invalid = if order == 2 { signaling } else { unordered };
                let holds = match order {
                    0 => a <= b,
                    1 => a < b,
                    _ => a == b,
                };
                (holds.into(), if invalid { flag::INVALID } else { 0 })
            }
            (0x18, _) => {
                let (value, flags) = match f.rs2() {
                    0 => round::to_integer(a, 32, true, rounding),
                    1 => round::to_integer(a, 32, false, rounding),
                    2 => round::to_integer(a, 64, true, rounding),
                    3 => round::to_integer(a, 64, false, rounding),
                    _ => return None,
                };
                let narrow = f.rs2() < 2;
                (
                    if narrow {
                        super::integer::word(value)
                    } else {
                        value
                    },
                    flags,
                )
            }
            (0x1c, 1) if f.rs2() == 0 => (round::class(a), 0),
            (0x1c, 0) if f.rs2() == 0 => {
                let bits = self.hart.f[f.rs1()];
                (
                    if F::BITS == 64 {
                        bits
                    } else {
                        super::integer::word(bits)
                    },
                    0,
                )
            }
            _ => return None,
        };
        self.raise(flags);
        self.hart.set(f.rd(), value);
        Some(())
    }
}
