//! The C extension: each 16-bit instruction is expanded to the 32-bit one it stands for.
//!
//! Volume I, chapter "C" Extension for Compressed Instructions, tables of the three quadrants
//! (RV64).

/// The word that a 16-bit instruction abbreviates; `None` if it is reserved.
pub fn expand(half: u16) -> Option<u32> {
    let c = u32::from(half);
    match (c & 3, c >> 13) {
        (0, f) => quadrant_0(c, f),
        (1, f) => quadrant_1(c, f),
        (2, f) => quadrant_2(c, f),
        _ => None,
    }
}

fn bits(c: u32, high: u32, low: u32) -> u32 {
    c >> low & ((1 << (high - low + 1)) - 1)
}

/// Of the two 3-bit register fields the one at bit 7, as a full register number.
fn upper(c: u32) -> u32 {
    8 + bits(c, 9, 7)
}

/// The one at bit 2.
fn lower(c: u32) -> u32 {
    8 + bits(c, 4, 2)
}

fn i(imm: u32, rs1: u32, funct3: u32, rd: u32, opcode: u32) -> u32 {
    imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

fn s(imm: u32, rs2: u32, rs1: u32, funct3: u32, opcode: u32) -> u32 {
    bits(imm, 11, 5) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | opcode
}

fn r(funct7: u32, rs2: u32, rs1: u32, funct3: u32, rd: u32, opcode: u32) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

fn j(imm: u32, rd: u32) -> u32 {
    (imm & 0x10_0000) << 11
        | (imm & 0x7fe) << 20
        | (imm & 0x800) << 9
        | (imm & 0xf_f000)
        | rd << 7
        | 0x6f
}

fn b(imm: u32, rs1: u32, funct3: u32) -> u32 {
    (imm & 0x1000) << 19
        | (imm & 0x7e0) << 20
        | rs1 << 15
        | funct3 << 12
        | (imm & 0x1e) << 7
        | (imm & 0x800) >> 4
        | 0x63
}

/// Extends the sign from bit `sign` over 32 bits.
fn extend(value: u32, sign: u32) -> u32 {
    ((value << (31 - sign)) as i32 >> (31 - sign)) as u32
}

/// The six-bit immediate at bits 12 and 6 to 2.
fn six(c: u32) -> u32 {
    bits(c, 12, 12) << 5 | bits(c, 6, 2)
}

fn quadrant_0(c: u32, funct3: u32) -> Option<u32> {
    let word_offset = bits(c, 5, 5) << 6 | bits(c, 12, 10) << 3 | bits(c, 6, 6) << 2;
    let double_offset = bits(c, 6, 5) << 6 | bits(c, 12, 10) << 3;
    Some(match funct3 {
        0 => {
            let imm = bits(c, 10, 7) << 6
                | bits(c, 12, 11) << 4
                | bits(c, 5, 5) << 3
                | bits(c, 6, 6) << 2;
            if imm == 0 {
                return None;
            }
            i(imm, 2, 0, lower(c), 0x13)
        }
        1 => i(double_offset, upper(c), 3, lower(c), 0x07),
        2 => i(word_offset, upper(c), 2, lower(c), 0x03),
        3 => i(double_offset, upper(c), 3, lower(c), 0x03),
        5 => s(double_offset, lower(c), upper(c), 3, 0x27),
        6 => s(word_offset, lower(c), upper(c), 2, 0x23),
        7 => s(double_offset, lower(c), upper(c), 3, 0x23),
        _ => return None,
    })
}

fn quadrant_1(c: u32, funct3: u32) -> Option<u32> {
    let rd = bits(c, 11, 7);
    let imm = extend(six(c), 5);
    let low = imm & 0xfff;
    Some(match funct3 {
        0 => i(low, rd, 0, rd, 0x13),
        1 if rd == 0 => return None,
        1 => i(low, rd, 0, rd, 0x1b),
        2 => i(low, 0, 0, rd, 0x13),
        3 if rd == 2 => {
            let imm = extend(
                bits(c, 12, 12) << 9
                    | bits(c, 4, 3) << 7
                    | bits(c, 5, 5) << 6
                    | bits(c, 2, 2) << 5
                    | bits(c, 6, 6) << 4,
                9,
            );
            if imm == 0 {
                return None;
            }
            i(imm & 0xfff, 2, 0, 2, 0x13)
        }
        3 if imm == 0 => return None,
        3 => imm << 12 | rd << 7 | 0x37,
        4 => return arithmetic(c, low),
        5 => j(jump_offset(c), 0),
        _ => {
            let imm = extend(
                bits(c, 12, 12) << 8
                    | bits(c, 6, 5) << 6
                    | bits(c, 2, 2) << 5
                    | bits(c, 11, 10) << 3
                    | bits(c, 4, 3) << 1,
                8,
            );
            b(imm, upper(c), funct3 & 1)
        }
    })
}

fn jump_offset(c: u32) -> u32 {
    let imm = bits(c, 12, 12) << 11
        | bits(c, 8, 8) << 10
        | bits(c, 10, 9) << 8
        | bits(c, 6, 6) << 7
        | bits(c, 7, 7) << 6
        | bits(c, 2, 2) << 5
        | bits(c, 11, 11) << 4
        | bits(c, 5, 3) << 1;
    extend(imm, 11)
}

fn arithmetic(c: u32, low: u32) -> Option<u32> {
    let rd = upper(c);
    Some(match bits(c, 11, 10) {
        0 => i(six(c), rd, 5, rd, 0x13),
        1 => i(0x400 | six(c), rd, 5, rd, 0x13),
        2 => i(low, rd, 7, rd, 0x13),
        _ => match (bits(c, 12, 12), bits(c, 6, 5)) {
            (0, 0) => r(0x20, lower(c), rd, 0, rd, 0x33),
            (0, 1) => r(0, lower(c), rd, 4, rd, 0x33),
            (0, 2) => r(0, lower(c), rd, 6, rd, 0x33),
            (0, 3) => r(0, lower(c), rd, 7, rd, 0x33),
            (1, 0) => r(0x20, lower(c), rd, 0, rd, 0x3b),
            (1, 1) => r(0, lower(c), rd, 0, rd, 0x3b),
            _ => return None,
        },
    })
}

fn quadrant_2(c: u32, funct3: u32) -> Option<u32> {
    let rd = bits(c, 11, 7);
    let rs2 = bits(c, 6, 2);
    let word_load = bits(c, 3, 2) << 6 | bits(c, 12, 12) << 5 | bits(c, 6, 4) << 2;
    let double_load = bits(c, 4, 2) << 6 | bits(c, 12, 12) << 5 | bits(c, 6, 5) << 3;
    let word_store = bits(c, 8, 7) << 6 | bits(c, 12, 9) << 2;
    let double_store = bits(c, 9, 7) << 6 | bits(c, 12, 10) << 3;
    Some(match funct3 {
        0 => i(six(c), rd, 1, rd, 0x13),
        1 => i(double_load, 2, 3, rd, 0x07),
        2 if rd == 0 => return None,
        2 => i(word_load, 2, 2, rd, 0x03),
        3 if rd == 0 => return None,
        3 => i(double_load, 2, 3, rd, 0x03),
        4 => match (bits(c, 12, 12), rd, rs2) {
            (0, 0, 0) => return None,
            (0, _, 0) => i(0, rd, 0, 0, 0x67),
            (0, _, _) => r(0, rs2, 0, 0, rd, 0x33),
            (_, 0, 0) => 0x0010_0073,
            (_, _, 0) => i(0, rd, 0, 1, 0x67),
            (_, _, _) => r(0, rs2, rd, 0, rd, 0x33),
        },
        5 => s(double_store, rs2, 2, 3, 0x27),
        6 => s(word_store, rs2, 2, 2, 0x23),
        _ => s(double_store, rs2, 2, 3, 0x23),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_expand_to_their_long_ones() {
        // Pairs from `riscv64-linux-gnu-as`, with and without compression.
        let pairs = [
            (0x4501, 0x0000_0513), // li a0, 0
            (0x1141, 0xff01_0113), // addi sp, sp, -16
            (0x6105, 0x0201_0113), // addi sp, sp, 32
            (0xe406, 0x0011_3423), // sd ra, 8(sp)
            (0x60a2, 0x0081_3083), // ld ra, 8(sp)
            (0x8082, 0x0000_8067), // ret
            (0x852e, 0x00b0_0533), // mv a0, a1 (add a0, zero, a1)
            (0xbffd, 0xfffff06f),  // j .-2
            (0xe119, 0x0005_1363), // bnez a0, .+6
            (0x9d2d, 0x00b5_053b), // addw a0, a0, a1
            (0x9002, 0x0010_0073), // ebreak
        ];
        for (short, long) in pairs {
            assert_eq!(expand(short), Some(long), "{short:#06x}");
        }
        assert_eq!(expand(0), None, "all zeroes are reserved");
    }
}
