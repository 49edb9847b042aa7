//! Kernels of a few instructions, put together by hand, for tests of the machine as a whole.

/// Registers.
pub const ZERO: u32 = 0;
pub const T0: u32 = 5;
pub const T1: u32 = 6;
pub const T2: u32 = 7;
pub const T3: u32 = 28;

/// `addi rd, rs, value`.
pub const fn addi(rd: u32, rs: u32, value: i32) -> u32 {
    (value as u32) << 20 | rs << 15 | rd << 7 | 0x13
}

/// `add rd, a, b`.
pub fn add(rd: u32, a: u32, b: u32) -> u32 {
    b << 20 | a << 15 | rd << 7 | 0x33
}

/// `andi rd, rs, value`.
pub fn andi(rd: u32, rs: u32, value: i32) -> u32 {
    addi(rd, rs, value) | 7 << 12
}

/// `slli rd, rs, count`.
pub fn slli(rd: u32, rs: u32, count: u32) -> u32 {
    count << 20 | rs << 15 | 1 << 12 | rd << 7 | 0x13
}

/// `srli rd, rs, count`.
pub fn srli(rd: u32, rs: u32, count: u32) -> u32 {
    slli(rd, rs, count) | 4 << 12
}

/// `lui rd, value`.
pub fn lui(rd: u32, value: u32) -> u32 {
    value << 12 | rd << 7 | 0x37
}

/// `auipc rd, 0`.
pub fn here(rd: u32) -> u32 {
    rd << 7 | 0x17
}

fn load(width: u32, rd: u32, at: u32, offset: i32) -> u32 {
    (offset as u32) << 20 | at << 15 | width << 12 | rd << 7 | 0x03
}

/// `lbu rd, offset(at)`.
pub fn lbu(rd: u32, at: u32, offset: i32) -> u32 {
    load(4, rd, at, offset)
}

/// `lw rd, offset(at)`.
pub fn lw(rd: u32, at: u32, offset: i32) -> u32 {
    load(2, rd, at, offset)
}

fn store(width: u32, rs: u32, at: u32, offset: i32) -> u32 {
    let offset = offset as u32;
    (offset >> 5 & 0x7f) << 25 | rs << 20 | at << 15 | width << 12 | (offset & 31) << 7 | 0x23
}

/// `sb rs, offset(at)`.
pub fn sb(rs: u32, at: u32, offset: i32) -> u32 {
    store(0, rs, at, offset)
}

/// `sw rs, offset(at)`.
pub fn sw(rs: u32, at: u32, offset: i32) -> u32 {
    store(2, rs, at, offset)
}

fn branch(condition: u32, a: u32, b: u32, by: i32) -> u32 {
    let by = (4 * by) as u32;
    (by >> 12 & 1) << 31
        | (by >> 5 & 0x3f) << 25
        | b << 20
        | a << 15
        | condition << 12
        | (by >> 1 & 15) << 8
        | (by >> 11 & 1) << 7
        | 0x63
}

/// `beq a, b`, over so many instructions.
pub fn beq(a: u32, b: u32, by: i32) -> u32 {
    branch(0, a, b, by)
}

/// `bne a, b`, over so many instructions.
pub fn bne(a: u32, b: u32, by: i32) -> u32 {
    branch(1, a, b, by)
}

/// `ld rd, offset(at)`.
pub fn ld(rd: u32, at: u32, offset: i32) -> u32 {
    load(3, rd, at, offset)
}

/// `sd rs, offset(at)`.
pub fn sd(rs: u32, at: u32, offset: i32) -> u32 {
    store(3, rs, at, offset)
}

/// `xor rd, a, b`.
pub fn xor(rd: u32, a: u32, b: u32) -> u32 {
    add(rd, a, b) | 4 << 12
}

/// `fence before, after`; 2 stands for loads, 1 for stores.
pub const fn fence(before: u32, after: u32) -> u32 {
    before << 24 | after << 20 | 0x0f
}

/// `amoor.w.aq rd, zero, (at)`: a load with acquire.
pub fn load_acquire(rd: u32, at: u32) -> u32 {
    0x08 << 27 | 1 << 26 | at << 15 | 2 << 12 | rd << 7 | 0x2f
}

/// `csrr rd, number`.
pub fn csrr(rd: u32, number: u32) -> u32 {
    number << 20 | 2 << 12 | rd << 7 | 0x73
}

/// `csrw number, rs`.
pub fn csrw(number: u32, rs: u32) -> u32 {
    number << 20 | rs << 15 | 1 << 12 | 0x73
}

/// `wfi`.
pub const WFI: u32 = 0x1050_0073;
/// `mhartid` and `mie`.
pub const MHARTID: u32 = 0xf14;
pub const MIE: u32 = 0x304;

/// `amoadd.w rd, rs, (at)`.
pub fn amoadd(rd: u32, at: u32, rs: u32) -> u32 {
    rs << 20 | at << 15 | 2 << 12 | rd << 7 | 0x2f
}

/// An ELF file with these instructions at 0x80000000, where it begins.
pub fn kernel(words: &[u32]) -> Vec<u8> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    emu::image::elf(0x8000_0000, &bytes)
}

/// Every hart adds to one word, with an atomic instruction and without.
pub fn counters() -> Vec<u8> {
    kernel(&[
        here(T0),
        addi(T0, T0, 0x400),
        addi(T1, ZERO, 1),
        // The loop.
        lw(T2, T0, 8),
        addi(T2, T2, 1),
        sw(T2, T0, 8),
        amoadd(T3, T0, T1),
        beq(ZERO, ZERO, -4),
    ])
}

/// A shell that says every line again.
pub fn shell() -> Vec<u8> {
    let letter = |letter: u8| addi(T1, ZERO, letter.into());
    kernel(&[
        lui(T0, 0x10000),
        letter(b'$'),
        sb(T1, T0, 0),
        letter(b' '),
        sb(T1, T0, 0),
        // Wait for a byte.
        lbu(T1, T0, 5),
        andi(T1, T1, 1),
        beq(T1, ZERO, -2),
        lbu(T1, T0, 0),
        sb(T1, T0, 0),
        addi(T2, ZERO, b'\n'.into()),
        bne(T1, T2, -6),
        beq(ZERO, ZERO, -11),
    ])
}
