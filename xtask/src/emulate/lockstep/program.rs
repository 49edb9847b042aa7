//! Random programs of RV64IMAFDC that end and never trap.
//!
//! A program loads all registers from its data, runs a body of random instructions, and stores what
//! cannot be read over the debugger's port: flags and floating-point registers. `x30` is the
//! address of the data throughout, `x31` that of the next atomic instruction.

use emu::rng::Rng;

/// Where the program begins, in machine mode.
pub const BASE: u64 = 0x8000_0000;
/// Where its data lies.
pub const DATA: u64 = BASE + DATA_OFFSET as u64;
const DATA_OFFSET: usize = 0x4000;
/// How much data there is; every immediate of 11 bits reaches it.
pub const DATA_SIZE: usize = 2048 + 256;
/// Groups of instructions in a body.
const GROUPS: usize = 40;
/// Where the results lie: the flags, then the floating-point registers.
const RESULTS: u32 = 1536;

const X30: u32 = 30;
const X31: u32 = 31;
/// Registers that random instructions write: `x1` to `x29`.
const WRITTEN: u64 = 29;

/// A program.
pub struct Program {
    /// Code and data, from [`BASE`] on.
    pub bytes: Vec<u8>,
    /// The first random instruction.
    pub body: u64,
    /// After the last one.
    pub end: u64,
    /// Where everything has been stored.
    pub stop: u64,
    starts: Vec<u64>,
}

/// Returns what the program keeps in a doubleword of its data, for a message.
pub fn place(word: usize) -> String {
    match word.checked_sub(RESULTS as usize / 8) {
        Some(0) => "the flags".to_owned(),
        Some(register @ 1..=32) => format!("f{}", register - 1),
        _ => "memory".to_owned(),
    }
}

impl Program {
    /// Makes a program.
    pub fn new(rng: &mut Rng) -> Self {
        let mut writer = Writer {
            rng,
            bytes: Vec::new(),
            starts: Vec::new(),
        };
        writer.load_registers();
        let body = writer.here();
        for _ in 0..GROUPS {
            writer.group();
        }
        let end = writer.here();
        writer.store_results();
        let stop = writer.here();
        // An instruction that goes to itself.
        writer.word(0x0000_006f);
        let mut bytes = writer.bytes;
        let starts = writer.starts;
        assert!(bytes.len() <= DATA_OFFSET, "the code reaches into the data");
        bytes.resize(DATA_OFFSET, 0);
        for _ in 0..DATA_SIZE / 8 {
            bytes.extend(value(rng).to_le_bytes());
        }
        Self {
            bytes,
            body,
            end,
            stop,
            starts,
        }
    }

    /// Returns the instruction before the one at `pc`.
    pub fn before(&self, pc: u64) -> u64 {
        let after = self.starts.partition_point(|&start| start < pc);
        after.checked_sub(1).map_or(BASE, |at| self.starts[at])
    }

    /// Returns an instruction as text.
    pub fn instruction(&self, at: u64) -> String {
        let offset = (at - BASE) as usize;
        let half = |at: usize| u32::from(self.bytes[at]) | u32::from(self.bytes[at + 1]) << 8;
        let word = match half(offset) {
            short if short & 3 != 3 => short,
            low => low | half(offset + 2) << 16,
        };
        format!("{word:#010x} at {at:#x}")
    }
}

/// A number as likely to be special as not.
fn value(rng: &mut Rng) -> u64 {
    const SPECIAL: [u64; 16] = [
        0,
        1,
        u64::MAX,
        1 << 63,
        (1 << 63) - 1,
        0xffff_ffff,
        0x8000_0000,
        0xffff_ffff_8000_0000,
        // Single precision in a box: one, a signalling and a quiet NaN, infinity, a subnormal.
        0xffff_ffff_3f80_0000,
        0xffff_ffff_7f80_0001,
        0xffff_ffff_7fc0_0000,
        0xffff_ffff_ff80_0000,
        0xffff_ffff_0000_0001,
        // Double precision: minus one and a half, a signalling NaN, the least number.
        0xbff8_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0x0010_0000_0000_0000,
    ];
    match rng.below(4) {
        0 => SPECIAL[rng.below(16) as usize],
        // Numbers of one magnitude, so that sums and quotients round.
        1 => 0x3ff0_0000_0000_0000 | rng.draw() >> 8,
        2 => 0xffff_ffff_3f00_0000 | rng.draw() >> 40,
        _ => rng.draw(),
    }
}

struct Writer<'a> {
    rng: &'a mut Rng,
    bytes: Vec<u8>,
    starts: Vec<u64>,
}

impl Writer<'_> {
    fn here(&self) -> u64 {
        BASE + self.bytes.len() as u64
    }

    fn word(&mut self, word: u32) {
        self.starts.push(self.here());
        self.bytes.extend(word.to_le_bytes());
    }

    fn half(&mut self, half: u32) {
        self.starts.push(self.here());
        self.bytes.extend((half as u16).to_le_bytes());
    }

    fn below(&mut self, bound: u64) -> u32 {
        self.rng.below(bound) as u32
    }

    /// One of some values.
    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.below(of.len() as u64) as usize]
    }

    fn target(&mut self) -> u32 {
        1 + self.below(WRITTEN)
    }

    fn source(&mut self) -> u32 {
        self.below(30)
    }

    /// A rounding mode: one of the five, or the one in `frm`.
    fn rounding(&mut self) -> u32 {
        self.one_of(&[0, 1, 2, 3, 4, 7])
    }

    fn load_registers(&mut self) {
        let distance = DATA_OFFSET as u32;
        // auipc x30; lui x31; csrs mstatus, FS; csrw fcsr, 0; csrw mscratch, 0.
        self.word(distance | X30 << 7 | 0x17);
        self.word(0x0000_6fb7);
        self.word(0x300f_a073);
        self.word(0x0030_1073);
        self.word(0x3400_1073);
        for register in 0..32 {
            self.word((8 * register) << 20 | X30 << 15 | 3 << 12 | register << 7 | 0x07);
        }
        for register in 1..30 {
            self.word((256 + 8 * register) << 20 | X30 << 15 | 3 << 12 | register << 7 | 0x03);
        }
        self.word(X30 << 15 | X31 << 7 | 0x13);
    }

    fn store_results(&mut self) {
        // csrr x31, fcsr; sd x31; then every floating-point register.
        self.word(0x0030_2ff3);
        self.word(store(0x23, 3, X31, RESULTS));
        for register in 0..32 {
            self.word(store(0x27, 3, register, RESULTS + 8 + 8 * register));
        }
    }

    /// Adds one random instruction, or a few that belong together.
    fn group(&mut self) {
        match self.below(16) {
            0..3 => self.register_register(),
            3..5 => self.immediate(),
            5 => {
                let upper = self.rng.draw() as u32 & 0xffff_f000;
                let opcode = self.one_of(&[0x37, 0x17]);
                let rd = self.target();
                self.word(upper | rd << 7 | opcode);
            }
            6 => self.memory(),
            7 => self.control(),
            8 => self.atomic(),
            9 => self.short(),
            10 => self.status(),
            _ => self.float(),
        }
    }

    fn register_register(&mut self) {
        const PLAIN: [(u32, u32); 18] = [
            (0, 0),
            (0x20, 0),
            (0, 1),
            (0, 2),
            (0, 3),
            (0, 4),
            (0, 5),
            (0x20, 5),
            (0, 6),
            (0, 7),
            (1, 0),
            (1, 1),
            (1, 2),
            (1, 3),
            (1, 4),
            (1, 5),
            (1, 6),
            (1, 7),
        ];
        const WORDS: [(u32, u32); 10] = [
            (0, 0),
            (0x20, 0),
            (0, 1),
            (0, 5),
            (0x20, 5),
            (1, 0),
            (1, 4),
            (1, 5),
            (1, 6),
            (1, 7),
        ];
        let (opcode, (seven, three)) = match self.below(2) {
            0 => (0x33, self.one_of(&PLAIN)),
            _ => (0x3b, self.one_of(&WORDS)),
        };
        let (rd, a, b) = (self.target(), self.source(), self.source());
        self.word(seven << 25 | b << 20 | a << 15 | three << 12 | rd << 7 | opcode);
    }

    fn immediate(&mut self) {
        let (rd, a) = (self.target(), self.source());
        let number = self.below(4096);
        let (opcode, three, number) = match self.below(4) {
            0 => (0x1b, 0, number),
            1 => {
                let right = self.one_of(&[0, 1 << 10]);
                let three = self.one_of(&[1, 5]);
                let right = if three == 5 { right } else { 0 };
                let (opcode, places) = self.one_of(&[(0x13, 64), (0x1b, 32)]);
                (opcode, three, right | self.below(places))
            }
            _ => (0x13, self.one_of(&[0, 2, 3, 4, 6, 7]), number),
        };
        self.word(number << 20 | a << 15 | three << 12 | rd << 7 | opcode);
    }

    fn memory(&mut self) {
        // Misaligned, too, but not over the results.
        let offset = self.below(u64::from(RESULTS) - 8);
        let register = self.target();
        match self.below(4) {
            0 | 1 => {
                let three = self.below(7);
                self.word(offset << 20 | X30 << 15 | three << 12 | register << 7 | 0x03);
            }
            2 => {
                let three = self.below(4);
                self.word(store(0x23, three, register, offset));
            }
            _ => {
                let three = self.one_of(&[2, 3]);
                match self.below(2) {
                    0 => self.word(offset << 20 | X30 << 15 | three << 12 | register << 7 | 0x07),
                    _ => self.word(store(0x27, three, register, offset)),
                }
            }
        }
    }

    /// A branch or jump over one instruction.
    fn control(&mut self) {
        let (a, b, rd) = (self.source(), self.source(), self.target());
        match self.below(4) {
            // jal, over a word.
            0 => self.word(8 << 20 | rd << 7 | 0x6f),
            1 => {
                // auipc x31; jalr rd, 12(x31): jumps over the instruction that follows.
                self.word(X31 << 7 | 0x17);
                self.word(12 << 20 | X31 << 15 | rd << 7 | 0x67);
            }
            _ => {
                let three = self.one_of(&[0, 1, 4, 5, 6, 7]);
                self.word(b << 20 | a << 15 | three << 12 | 8 << 7 | 0x63);
            }
        }
        self.register_register();
    }

    fn atomic(&mut self) {
        const OPERATIONS: [u32; 9] = [0, 1, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c];
        let three = self.one_of(&[2, 3]);
        let offset = 8 * self.below(u64::from(RESULTS) / 8);
        let (rd, rs, order) = (self.target(), self.source(), self.below(4));
        let atomic = |operation: u32, rd: u32, rs: u32| {
            operation << 27 | order << 25 | rs << 20 | X31 << 15 | three << 12 | rd << 7 | 0x2f
        };
        self.word(offset << 20 | X30 << 15 | X31 << 7 | 0x13);
        if self.below(4) == 0 {
            let flag = self.target();
            self.word(atomic(2, rd, 0));
            self.word(atomic(3, flag, rs));
        } else {
            let operation = self.one_of(&OPERATIONS);
            self.word(atomic(operation, rd, rs));
        }
    }

    /// An instruction of two bytes.
    fn short(&mut self) {
        let (rd, rs) = (self.target(), self.target());
        // One of x8 to x15, as three bits.
        let (small, other) = (self.below(8), self.below(8));
        let number = 1 + self.below(31);
        match self.below(6) {
            // c.addi, c.li, c.addiw.
            0 => {
                let three = self.one_of(&[0, 2, 1]);
                let sign = self.below(2);
                self.half(three << 13 | sign << 12 | rd << 7 | number << 2 | 1);
            }
            // c.mv, c.add.
            1 => {
                let add = self.below(2);
                self.half(4 << 13 | add << 12 | rd << 7 | rs << 2 | 2);
            }
            // c.slli.
            2 => self.half(rd << 7 | number << 2 | 2),
            // c.srli, c.srai, c.andi.
            3 => {
                let two = self.below(3);
                self.half(4 << 13 | two << 10 | small << 7 | number << 2 | 1);
            }
            // c.sub, c.xor, c.or, c.and.
            4 => {
                let two = self.below(4);
                self.half(4 << 13 | 3 << 10 | small << 7 | two << 5 | other << 2 | 1);
            }
            // c.subw, c.addw.
            _ => {
                let two = self.below(2);
                self.half(4 << 13 | 1 << 12 | 3 << 10 | small << 7 | two << 5 | other << 2 | 1);
            }
        }
    }

    /// The floating-point registers of control, and one for nothing.
    fn status(&mut self) {
        const FFLAGS: u32 = 1;
        const FRM: u32 = 2;
        const FCSR: u32 = 3;
        const MSCRATCH: u32 = 0x340;
        let rd = self.target();
        match self.below(3) {
            // A rounding mode that exists.
            0 => {
                let mode = self.below(5);
                self.word(FRM << 20 | mode << 15 | 5 << 12 | rd << 7 | 0x73);
            }
            1 => {
                let csr = self.one_of(&[FFLAGS, FCSR]);
                self.word(csr << 20 | 2 << 12 | rd << 7 | 0x73);
            }
            _ => {
                let (three, rs) = (self.one_of(&[1, 2, 3]), self.source());
                self.word(MSCRATCH << 20 | rs << 15 | three << 12 | rd << 7 | 0x73);
            }
        }
    }

    fn float(&mut self) {
        let double = self.below(2);
        let (rd, a, b, c) = (
            self.below(32),
            self.below(32),
            self.below(32),
            self.below(32),
        );
        let (integer, from) = (self.target(), self.source());
        let rm = self.rounding();
        let op = |seven: u32, b: u32, a: u32, three: u32, rd: u32| {
            (seven | double) << 25 | b << 20 | a << 15 | three << 12 | rd << 7 | 0x53
        };
        let word = match self.below(11) {
            // Add, subtract, multiply, divide.
            0..3 => op(self.one_of(&[0x00, 0x04, 0x08, 0x0c]), b, a, rm, rd),
            3 => op(0x2c, 0, a, rm, rd),
            // Multiply and add, in four ways.
            4 => {
                let opcode = self.one_of(&[0x43, 0x47, 0x4b, 0x4f]);
                c << 27 | double << 25 | b << 20 | a << 15 | rm << 12 | rd << 7 | opcode
            }
            // Signs, minimum and maximum.
            5 => {
                let (seven, three) =
                    self.one_of(&[(0x10, 0), (0x10, 1), (0x10, 2), (0x14, 0), (0x14, 1)]);
                op(seven, b, a, three, rd)
            }
            // Between the precisions.
            6 => op(0x20, 1 - double, a, rm, rd),
            // Comparisons.
            7 => op(0x50, b, a, self.below(3), integer),
            // To and from integers.
            8 => op(0x60, self.below(4), a, rm, integer),
            9 => op(0x68, self.below(4), from, rm, rd),
            // Bits and classes.
            _ => match self.below(3) {
                0 => op(0x70, 0, a, 0, integer),
                1 => op(0x70, 0, a, 1, integer),
                _ => op(0x78, 0, from, 0, rd),
            },
        };
        self.word(word);
    }
}

/// A store of a register to the data.
fn store(opcode: u32, three: u32, register: u32, offset: u32) -> u32 {
    (offset >> 5) << 25 | register << 20 | X30 << 15 | three << 12 | (offset & 31) << 7 | opcode
}
