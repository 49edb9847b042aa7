//! From instruction words to [`Op`]s, the form that is cached and executed.
//!
//! Invariants: an [`Op`] is eight bytes; `rd` is never 0 (a result nobody wants goes to the sink,
//! [`SINK`]); every word has an `Op`, unknown ones [`Kind::Illegal`]. Encodings: The RISC-V
//! Instruction Set Manual, Volume I, chapter "RV32/64G Instruction Set Listings". Neighbours:
//! [`compressed`] expands 16-bit forms, [`crate::exec`] gives the kinds their meaning.

mod compressed;

use crate::ram::PAGE;
use crate::stored::{stored, stored_choice};

/// The register index that swallows results meant for `x0`.
pub const SINK: u8 = 32;
/// Set in [`Op::rs2`] if the instruction has two bytes.
pub const SHORT: u8 = 0x80;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What an instruction does. Groups that are not worth a kind each keep their word in
        /// `imm`.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        /// All kinds, in their order.
        const KINDS: &[Kind] = &[$(Kind::$name,)*];
    };
}

kinds! {
    /// Not decoded yet.
    Unknown,
    /// Decoded once, but memory has changed since and no `fence.i` came.
    Stale,
    /// The second half lies in the next page.
    Split,
    /// No instruction; the word is in `imm`.
    Illegal,
    /// Load upper immediate.
    Lui,
    /// Add upper immediate to the program counter.
    Auipc,
    /// Jump and link.
    Jal,
    /// Jump and link to a register.
    Jalr,
    /// Branch if equal.
    Beq,
    /// Branch if not equal.
    Bne,
    /// Branch if less, signed.
    Blt,
    /// Branch if greater or equal, signed.
    Bge,
    /// Branch if less, unsigned.
    Bltu,
    /// Branch if greater or equal, unsigned.
    Bgeu,
    /// Load a byte, signed.
    Lb,
    /// Load a halfword, signed.
    Lh,
    /// Load a word, signed.
    Lw,
    /// Load a doubleword.
    Ld,
    /// Load a byte, unsigned.
    Lbu,
    /// Load a halfword, unsigned.
    Lhu,
    /// Load a word, unsigned.
    Lwu,
    /// Store a byte.
    Sb,
    /// Store a halfword.
    Sh,
    /// Store a word.
    Sw,
    /// Store a doubleword.
    Sd,
    /// Add an immediate.
    Addi,
    /// Set if less than an immediate, signed.
    Slti,
    /// Set if less than an immediate, unsigned.
    Sltiu,
    /// Exclusive or with an immediate.
    Xori,
    /// Or with an immediate.
    Ori,
    /// And with an immediate.
    Andi,
    /// Shift left by an immediate.
    Slli,
    /// Shift right by an immediate.
    Srli,
    /// Shift right by an immediate, with the sign.
    Srai,
    /// Add.
    Add,
    /// Subtract.
    Sub,
    /// Shift left.
    Sll,
    /// Set if less, signed.
    Slt,
    /// Set if less, unsigned.
    Sltu,
    /// Exclusive or.
    Xor,
    /// Shift right.
    Srl,
    /// Shift right with the sign.
    Sra,
    /// Or.
    Or,
    /// And.
    And,
    /// Add an immediate, words.
    Addiw,
    /// Shift left by an immediate, words.
    Slliw,
    /// Shift right by an immediate, words.
    Srliw,
    /// Shift right by an immediate with the sign, words.
    Sraiw,
    /// Add words.
    Addw,
    /// Subtract words.
    Subw,
    /// Shift left, words.
    Sllw,
    /// Shift right, words.
    Srlw,
    /// Shift right with the sign, words.
    Sraw,
    /// Multiply.
    Mul,
    /// The upper half of a product, signed.
    Mulh,
    /// The upper half of a product, signed by unsigned.
    Mulhsu,
    /// The upper half of a product, unsigned.
    Mulhu,
    /// Divide, signed.
    Div,
    /// Divide, unsigned.
    Divu,
    /// Remainder, signed.
    Rem,
    /// Remainder, unsigned.
    Remu,
    /// Multiply words.
    Mulw,
    /// Divide words, signed.
    Divw,
    /// Divide words, unsigned.
    Divuw,
    /// Remainder of words, signed.
    Remw,
    /// Remainder of words, unsigned.
    Remuw,
    /// Load single precision.
    Flw,
    /// Load double precision.
    Fld,
    /// Store single precision.
    Fsw,
    /// Store double precision.
    Fsd,
    /// The other floating-point instructions; the word is in `imm`.
    Float,
    /// The A extension; the word is in `imm`.
    Atomic,
    /// `fence`; the word is in `imm`.
    Fence,
    /// `fence.i`.
    FenceI,
    /// `cbo.*`; the word is in `imm`.
    Cache,
    /// SYSTEM: CSRs and privileged instructions; the word is in `imm`.
    System,
}

stored_choice!(Kind: KINDS);

impl Kind {
    /// Whether it is a load or a store of integer registers.
    pub fn is_access(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Lb | Lh | Lw | Ld | Lbu | Lhu | Lwu | Sb | Sh | Sw | Sd
        )
    }

    /// Whether it only computes an integer register from others.
    pub fn is_plain(self) -> bool {
        use Kind::*;
        let first = Lui as u8..=Auipc as u8;
        let rest = Addi as u8..=Remuw as u8;
        first.contains(&(self as u8)) || rest.contains(&(self as u8))
    }
}

/// A decoded instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Op {
    /// What it does.
    pub kind: Kind,
    /// Where the result goes: 1 to 31, or [`SINK`]; a floating-point register's index as it is.
    pub rd: u8,
    /// The first operand.
    pub rs1: u8,
    /// The second operand, and [`SHORT`].
    pub rs2: u8,
    /// The immediate, sign-extended, or the whole word.
    pub imm: i32,
}

impl Op {
    /// Not decoded yet.
    pub const UNKNOWN: Self = Self {
        kind: Kind::Unknown,
        rd: SINK,
        rs1: 0,
        rs2: 0,
        imm: 0,
    };

    /// The same, unless it names registers that decoding never does.
    pub fn checked(self) -> Option<Self> {
        let sources = [self.rs1, self.rs2 & !SHORT];
        (self.rd <= SINK && sources.iter().all(|&source| source < SINK)).then_some(self)
    }

    /// Bytes of the instruction: 2 or 4.
    #[inline(always)]
    pub fn size(self) -> u64 {
        4 - u64::from(self.rs2 >> 7) * 2
    }
}

stored!(Op {
    kind,
    rd,
    rs1,
    rs2,
    imm
});

/// The decoded instructions of one page, one place per halfword.
pub type Page = [Op; PAGE / 2];

/// Whether the instruction that begins with this halfword has only two bytes.
pub fn is_short(half: u16) -> bool {
    half & 3 != 3
}

/// Decodes the instruction that begins with this word; of a 16-bit one the upper half is ignored.
pub fn decode(word: u32) -> Op {
    if is_short(word as u16) {
        let (expanded, mut op) = match compressed::expand(word as u16) {
            Some(expanded) => (expanded, decode_long(expanded)),
            None => (word & 0xffff, illegal(word & 0xffff)),
        };
        if op.kind == Kind::Illegal {
            op = illegal(expanded);
            op.imm = (word & 0xffff) as i32;
        }
        op.rs2 |= SHORT;
        return op;
    }
    decode_long(word)
}

fn illegal(word: u32) -> Op {
    Op {
        kind: Kind::Illegal,
        imm: word as i32,
        ..Op::UNKNOWN
    }
}

/// The fields every format shares.
#[derive(Clone, Copy)]
pub(crate) struct Fields(pub u32);

impl Fields {
    pub fn rd(self) -> usize {
        (self.0 >> 7 & 31) as usize
    }
    pub fn rs1(self) -> usize {
        (self.0 >> 15 & 31) as usize
    }
    pub fn rs2(self) -> usize {
        (self.0 >> 20 & 31) as usize
    }
    pub fn rs3(self) -> usize {
        (self.0 >> 27) as usize
    }
    pub fn funct3(self) -> u32 {
        self.0 >> 12 & 7
    }
    pub fn funct7(self) -> u32 {
        self.0 >> 25
    }
    fn i_imm(self) -> i32 {
        self.0 as i32 >> 20
    }
    fn s_imm(self) -> i32 {
        (self.0 as i32 >> 25) << 5 | self.rd() as i32
    }
    fn b_imm(self) -> i32 {
        let w = self.0;
        (w as i32 >> 31) << 12
            | (w << 4 & 0x800) as i32
            | (w >> 20 & 0x7e0) as i32
            | (w >> 7 & 0x1e) as i32
    }
    fn j_imm(self) -> i32 {
        let w = self.0;
        (w as i32 >> 31) << 20
            | (w & 0xff000) as i32
            | (w >> 9 & 0x800) as i32
            | (w >> 20 & 0x7fe) as i32
    }
}

fn decode_long(word: u32) -> Op {
    use Kind::*;
    let f = Fields(word);
    let (kind, imm) = match word & 0x7f {
        0x37 => (Lui, (word & 0xffff_f000) as i32),
        0x17 => (Auipc, (word & 0xffff_f000) as i32),
        0x6f => (Jal, f.j_imm()),
        0x67 if f.funct3() == 0 => (Jalr, f.i_imm()),
        0x63 => (branch(f.funct3()), f.b_imm()),
        0x03 => (load(f.funct3()), f.i_imm()),
        0x23 => (store(f.funct3()), f.s_imm()),
        0x13 => immediate(f),
        0x1b => immediate_word(f),
        0x33 => (register(f), 0),
        0x3b => (register_word(f), 0),
        0x0f => match f.funct3() {
            0 => (Fence, word as i32),
            1 => (FenceI, 0),
            2 => (Cache, word as i32),
            _ => (Illegal, 0),
        },
        0x73 => (System, word as i32),
        0x2f if matches!(f.funct3(), 2 | 3) => (Atomic, word as i32),
        0x07 => match f.funct3() {
            2 => (Flw, f.i_imm()),
            3 => (Fld, f.i_imm()),
            _ => (Illegal, 0),
        },
        0x27 => match f.funct3() {
            2 => (Fsw, f.s_imm()),
            3 => (Fsd, f.s_imm()),
            _ => (Illegal, 0),
        },
        0x43 | 0x47 | 0x4b | 0x4f | 0x53 => (Float, word as i32),
        _ => (Illegal, 0),
    };
    if kind == Illegal {
        return illegal(word);
    }
    let keeps_zero = matches!(kind, Flw | Fld);
    let rd = f.rd() as u8;
    Op {
        kind,
        rd: if rd == 0 && !keeps_zero { SINK } else { rd },
        rs1: f.rs1() as u8,
        rs2: f.rs2() as u8,
        imm,
    }
}

fn branch(funct3: u32) -> Kind {
    use Kind::*;
    [Beq, Bne, Illegal, Illegal, Blt, Bge, Bltu, Bgeu][funct3 as usize]
}

fn load(funct3: u32) -> Kind {
    use Kind::*;
    [Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu, Illegal][funct3 as usize]
}

fn store(funct3: u32) -> Kind {
    use Kind::*;
    [Sb, Sh, Sw, Sd, Illegal, Illegal, Illegal, Illegal][funct3 as usize]
}

fn immediate(f: Fields) -> (Kind, i32) {
    use Kind::*;
    let shift = f.i_imm() & 63;
    match (f.funct3(), f.0 >> 26) {
        (0, _) => (Addi, f.i_imm()),
        (1, 0) => (Slli, shift),
        (2, _) => (Slti, f.i_imm()),
        (3, _) => (Sltiu, f.i_imm()),
        (4, _) => (Xori, f.i_imm()),
        (5, 0) => (Srli, shift),
        (5, 0x10) => (Srai, shift),
        (6, _) => (Ori, f.i_imm()),
        (7, _) => (Andi, f.i_imm()),
        _ => (Illegal, 0),
    }
}

fn immediate_word(f: Fields) -> (Kind, i32) {
    use Kind::*;
    let shift = f.i_imm() & 31;
    match (f.funct3(), f.funct7()) {
        (0, _) => (Addiw, f.i_imm()),
        (1, 0) => (Slliw, shift),
        (5, 0) => (Srliw, shift),
        (5, 0x20) => (Sraiw, shift),
        _ => (Illegal, 0),
    }
}

fn register(f: Fields) -> Kind {
    use Kind::*;
    let funct3 = f.funct3() as usize;
    match f.funct7() {
        0 => [Add, Sll, Slt, Sltu, Xor, Srl, Or, And][funct3],
        1 => [Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu][funct3],
        0x20 if funct3 == 0 => Sub,
        0x20 if funct3 == 5 => Sra,
        _ => Illegal,
    }
}

fn register_word(f: Fields) -> Kind {
    use Kind::*;
    match (f.funct7(), f.funct3()) {
        (0, 0) => Addw,
        (0, 1) => Sllw,
        (0, 5) => Srlw,
        (0x20, 0) => Subw,
        (0x20, 5) => Sraw,
        (1, 0) => Mulw,
        (1, 4) => Divw,
        (1, 5) => Divuw,
        (1, 6) => Remw,
        (1, 7) => Remuw,
        _ => Illegal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_op_is_eight_bytes() {
        assert_eq!(size_of::<Op>(), 8);
    }

    #[test]
    fn immediates_are_sign_extended() {
        // Encodings from `riscv64-linux-gnu-as`.
        let op = decode(0xfff5_0513); // addi a0, a0, -1
        assert_eq!((op.kind, op.rd, op.rs1, op.imm), (Kind::Addi, 10, 10, -1));
        let op = decode(0xfeb5_3c23); // sd a1, -8(a0)
        assert_eq!((op.kind, op.rs1, op.rs2, op.imm), (Kind::Sd, 10, 11, -8));
        let op = decode(0xfe00_0ee3); // beqz zero, .-4
        assert_eq!((op.kind, op.imm), (Kind::Beq, -4));
        let op = decode(0xffdf_f06f); // j .-4
        assert_eq!((op.kind, op.rd, op.imm), (Kind::Jal, SINK, -4));
        let op = decode(0x43f5_5513); // srai a0, a0, 63
        assert_eq!((op.kind, op.imm), (Kind::Srai, 63));
    }

    #[test]
    fn reserved_encodings_are_illegal() {
        for word in [0, 0xffff_ffff, 0x0000_705b, 0x0400_1013, 0x0000_2063] {
            assert_eq!(decode(word).kind, Kind::Illegal, "{word:#x}");
        }
    }
}
