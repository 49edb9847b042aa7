//! RV64I and M: what the instructions compute (Volume I, chapters "RV64I" and "M").

use crate::decode::{Kind, Op};

#[inline(always)]
pub fn slt(a: u64, b: u64) -> u64 {
    ((a as i64) < b as i64).into()
}

#[inline(always)]
pub fn sltu(a: u64, b: u64) -> u64 {
    (a < b).into()
}

#[inline(always)]
pub fn sll(a: u64, b: u64) -> u64 {
    a << (b & 63)
}

#[inline(always)]
pub fn srl(a: u64, b: u64) -> u64 {
    a >> (b & 63)
}

#[inline(always)]
pub fn sra(a: u64, b: u64) -> u64 {
    (a as i64 >> (b & 63)) as u64
}

/// Extends the sign of the low word.
#[inline(always)]
pub fn word(value: u64) -> u64 {
    value as i32 as i64 as u64
}

#[inline(always)]
pub fn addw(a: u64, b: u64) -> u64 {
    word(a.wrapping_add(b))
}

#[inline(always)]
pub fn subw(a: u64, b: u64) -> u64 {
    word(a.wrapping_sub(b))
}

#[inline(always)]
pub fn sllw(a: u64, b: u64) -> u64 {
    word(a << (b & 31))
}

#[inline(always)]
pub fn srlw(a: u64, b: u64) -> u64 {
    word((a as u32 >> (b & 31)).into())
}

#[inline(always)]
pub fn sraw(a: u64, b: u64) -> u64 {
    word((a as i32 >> (b & 31)) as u64)
}

#[inline(always)]
pub fn mulw(a: u64, b: u64) -> u64 {
    word(a.wrapping_mul(b))
}

/// The rest of M. Division by zero and overflow have results, not traps.
pub fn multiply_divide(kind: Kind, a: u64, b: u64) -> u64 {
    let (sa, sb) = (a as i64, b as i64);
    let (wa, wb) = (a as i32, b as i32);
    match kind {
        Kind::Mulh => ((i128::from(sa) * i128::from(sb)) >> 64) as u64,
        Kind::Mulhsu => ((i128::from(sa) * i128::from(b)) >> 64) as u64,
        Kind::Mulhu => ((u128::from(a) * u128::from(b)) >> 64) as u64,
        Kind::Div if b == 0 => u64::MAX,
        Kind::Div => sa.wrapping_div(sb) as u64,
        Kind::Divu => a.checked_div(b).unwrap_or(u64::MAX),
        Kind::Rem if b == 0 => a,
        Kind::Rem => sa.wrapping_rem(sb) as u64,
        Kind::Remu => a.checked_rem(b).unwrap_or(a),
        Kind::Divw if wb == 0 => u64::MAX,
        Kind::Divw => wa.wrapping_div(wb) as i64 as u64,
        Kind::Divuw => (a as u32)
            .checked_div(b as u32)
            .map_or(u64::MAX, |q| word(q.into())),
        Kind::Remw if wb == 0 => word(a),
        Kind::Remw => wa.wrapping_rem(wb) as i64 as u64,
        Kind::Remuw => word((a as u32).checked_rem(b as u32).unwrap_or(a as u32).into()),
        _ => 0,
    }
}

/// What an instruction of registers only puts into `rd`.
pub fn compute(op: Op, pc: u64, a: u64, b: u64) -> u64 {
    let i = op.imm as i64 as u64;
    match op.kind {
        Kind::Lui => i,
        Kind::Auipc => pc.wrapping_add(i),
        Kind::Addi => a.wrapping_add(i),
        Kind::Slti => slt(a, i),
        Kind::Sltiu => sltu(a, i),
        Kind::Xori => a ^ i,
        Kind::Ori => a | i,
        Kind::Andi => a & i,
        Kind::Slli => sll(a, i),
        Kind::Srli => srl(a, i),
        Kind::Srai => sra(a, i),
        Kind::Addiw => addw(a, i),
        Kind::Slliw => sllw(a, i),
        Kind::Srliw => srlw(a, i),
        Kind::Sraiw => sraw(a, i),
        Kind::Add => a.wrapping_add(b),
        Kind::Sub => a.wrapping_sub(b),
        Kind::Sll => sll(a, b),
        Kind::Slt => slt(a, b),
        Kind::Sltu => sltu(a, b),
        Kind::Xor => a ^ b,
        Kind::Srl => srl(a, b),
        Kind::Sra => sra(a, b),
        Kind::Or => a | b,
        Kind::And => a & b,
        Kind::Addw => addw(a, b),
        Kind::Subw => subw(a, b),
        Kind::Sllw => sllw(a, b),
        Kind::Srlw => srlw(a, b),
        Kind::Sraw => sraw(a, b),
        Kind::Mul => a.wrapping_mul(b),
        Kind::Mulw => mulw(a, b),
        kind => multiply_divide(kind, a, b),
    }
}

/// Whether the instruction sets the program counter.
pub fn is_control(kind: Kind) -> bool {
    use Kind::*;
    matches!(kind, Jal | Jalr | Beq | Bne | Blt | Bge | Bltu | Bgeu)
}

/// Where control goes, and the link if there is one.
pub fn control(op: Op, pc: u64, a: u64, b: u64) -> (u64, Option<u64>) {
    let next = pc.wrapping_add(op.size());
    let target = pc.wrapping_add(op.imm as i64 as u64);
    let taken = match op.kind {
        Kind::Jal => return (target, Some(next)),
        Kind::Jalr => return (a.wrapping_add(op.imm as i64 as u64) & !1, Some(next)),
        Kind::Beq => a == b,
        Kind::Bne => a != b,
        Kind::Blt => (a as i64) < b as i64,
        Kind::Bge => a as i64 >= b as i64,
        Kind::Bltu => a < b,
        _ => a >= b,
    };
    (if taken { target } else { next }, None)
}

/// The size of a load and whether its sign is extended.
pub fn load_shape(kind: Kind) -> (usize, bool) {
    match kind {
        Kind::Lb => (1, true),
        Kind::Lh => (2, true),
        Kind::Lw => (4, true),
        Kind::Lbu => (1, false),
        Kind::Lhu => (2, false),
        Kind::Lwu => (4, false),
        _ => (8, true),
    }
}

/// The size of a store.
pub fn store_size(kind: Kind) -> usize {
    match kind {
        Kind::Sb => 1,
        Kind::Sh => 2,
        Kind::Sw => 4,
        _ => 8,
    }
}

/// Extends a loaded value.
pub fn widen(raw: u64, size: usize, signed: bool) -> u64 {
    match (size, signed) {
        (1, true) => raw as i8 as u64,
        (2, true) => raw as i16 as u64,
        (4, true) => word(raw),
        _ => raw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_never_traps() {
        let min = i64::MIN as u64;
        assert_eq!(multiply_divide(Kind::Div, 7, 0), u64::MAX);
        assert_eq!(multiply_divide(Kind::Rem, 7, 0), 7);
        assert_eq!(multiply_divide(Kind::Div, min, u64::MAX), min);
        assert_eq!(multiply_divide(Kind::Rem, min, u64::MAX), 0);
        assert_eq!(
            multiply_divide(Kind::Divw, 0x8000_0000, u64::MAX),
            word(0x8000_0000)
        );
        assert_eq!(multiply_divide(Kind::Divuw, 5, 1 << 32), u64::MAX);
        assert_eq!(
            multiply_divide(Kind::Remuw, 0x8000_0005, 0),
            word(0x8000_0005)
        );
    }

    #[test]
    fn words_extend_their_sign() {
        assert_eq!(addw(0x7fff_ffff, 1), 0xffff_ffff_8000_0000);
        assert_eq!(sraw(0x8000_0000, 31), u64::MAX);
        assert_eq!(srlw(0xffff_ffff_8000_0000, 0), word(0x8000_0000));
        assert_eq!(multiply_divide(Kind::Mulhsu, u64::MAX, u64::MAX), u64::MAX);
        assert_eq!(
            multiply_divide(Kind::Mulhu, u64::MAX, u64::MAX),
            u64::MAX - 1
        );
        assert_eq!(widen(0x80, 1, true), !0x7f);
    }
}
