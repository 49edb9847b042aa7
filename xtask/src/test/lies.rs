//! Programs that lie: ELF files whose headers promise what the file or the address space does not
//! have. Exec must refuse each with -1 and leave nothing behind.

use crate::arch::Arch;
use crate::image::Extra;

/// The size of an ELF64 header, and of one program header.
const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

/// The offsets of header fields (System V ABI, figures 4-3 and 5-1, 64-bit layout).
mod field {
    pub const MACHINE: usize = 18;
    pub const ENTRY: usize = 24;
    pub const TABLE_OFFSET: usize = 32;
    pub const ENTRY_SIZE: usize = 54;
    pub const ENTRY_COUNT: usize = 56;
    pub const OFFSET: usize = super::HEADER + 8;
    pub const ADDRESS: usize = super::HEADER + 16;
    pub const FILE_SIZE: usize = super::HEADER + 32;
    pub const MEMORY_SIZE: usize = super::HEADER + 40;
}

/// A change of an honest file.
type Change = fn(&mut Vec<u8>);

/// The shell's message about most of them.
const NO_PROGRAM: &str = "it is not a program";
const OTHER_MACHINE: &str = "it is a program for another machine";
const CUT_OFF: &str = "the file is cut off";
const DAMAGED: &str = "its program headers cannot be true";
const TOO_LARGE: &str = "beyond what a program may have";

/// Each lie: the name of its file, the shell's message, and the change. None may run.
const LIES: [(&str, &str, Change); 18] = [
    ("lie-empty", NO_PROGRAM, |elf| elf.clear()),
    ("lie-magic", NO_PROGRAM, |elf| elf[0] = 0),
    ("lie-short", CUT_OFF, |elf| elf.truncate(HEADER - 1)),
    ("lie-no-table", CUT_OFF, |elf| elf.truncate(HEADER)),
    ("lie-machine", OTHER_MACHINE, |elf| {
        // No machine has this number.
        put(elf, field::MACHINE, &0xffff_u16.to_le_bytes())
    }),
    ("lie-32-bit", OTHER_MACHINE, |elf| elf[4] = 1),
    ("lie-table-far", CUT_OFF, |elf| {
        put(elf, field::TABLE_OFFSET, &u64::MAX.to_le_bytes())
    }),
    ("lie-table-long", CUT_OFF, |elf| {
        put(elf, field::ENTRY_COUNT, &u16::MAX.to_le_bytes())
    }),
    ("lie-entries", DAMAGED, |elf| {
        put(elf, field::ENTRY_SIZE, &1_u16.to_le_bytes())
    }),
    ("lie-offset", CUT_OFF, |elf| {
        put(elf, field::OFFSET, &(u64::MAX - 4095).to_le_bytes())
    }),
    ("lie-past-end", CUT_OFF, |elf| {
        put(elf, field::OFFSET, &0x10_0000_u64.to_le_bytes())
    }),
    ("lie-file-size", DAMAGED, |elf| {
        put(elf, field::FILE_SIZE, &u64::MAX.to_le_bytes())
    }),
    ("lie-shrinks", DAMAGED, |elf| {
        put(elf, field::MEMORY_SIZE, &1_u64.to_le_bytes())
    }),
    ("lie-huge", TOO_LARGE, |elf| {
        put(
            elf,
            field::MEMORY_SIZE,
            &(abi::user_top::X86_64 * 2).to_le_bytes(),
        )
    }),
    ("lie-kernel", TOO_LARGE, |elf| {
        put(
            elf,
            field::ADDRESS,
            &0xffff_ffc0_8020_0000_u64.to_le_bytes(),
        )
    }),
    ("lie-wraps", TOO_LARGE, |elf| {
        put(elf, field::ADDRESS, &0x1000_u64.to_le_bytes());
        put(elf, field::MEMORY_SIZE, &(u64::MAX - 0xfff).to_le_bytes());
    }),
    (
        "lie-unaligned",
        "segment at 0x80 does not begin on a page",
        |elf| put(elf, field::ADDRESS, &0x80_u64.to_le_bytes()),
    ),
    // This is no lie. It asks for more memory than the test's machine has.
    ("lie-much", "there is no memory for it", |elf| {
        put(elf, field::MEMORY_SIZE, &(1_u64 << 30).to_le_bytes())
    }),
];

/// Returns the lying programs.
pub fn all(arch: Arch) -> Vec<Extra> {
    LIES.iter()
        .map(|(name, _, change)| {
            let mut bytes = honest(arch);
            change(&mut bytes);
            Extra {
                name: (*name).to_owned(),
                bytes,
            }
        })
        .chain([
            Extra {
                name: HONEST.to_owned(),
                bytes: honest(arch),
            },
            outside_entry(arch),
        ])
        .collect()
}

/// Returns the names of the programs that exec must refuse, and why.
pub fn refused() -> impl Iterator<Item = (&'static str, &'static str)> {
    LIES.iter().map(|&(name, why, _)| (name, why))
}

/// The honest program from which the lies are made. It runs, which shows that exec refuses the lie
/// and not the program.
pub const HONEST: &str = "honest";
/// A program whose entry point is outside its image. It may start, and is killed.
pub const OUTSIDE_ENTRY: &str = "lie-entry";

fn outside_entry(arch: Arch) -> Extra {
    let mut bytes = honest(arch);
    put(&mut bytes, field::ENTRY, &0x3f_0000_0000_u64.to_le_bytes());
    Extra {
        name: OUTSIDE_ENTRY.to_owned(),
        bytes,
    }
}

/// Returns a program of one segment that exits with status 0.
fn honest(arch: Arch) -> Vec<u8> {
    let (machine, code): (u16, &[u8]) = match arch {
        // The code is: li a0, 0; li a7, 2 (exit); ecall.
        Arch::Riscv64 => (243, &[0x13, 0x05, 0, 0, 0x93, 0x08, 0x20, 0, 0x73, 0, 0, 0]),
        // The code is: xor edi, edi; mov eax, 2 (exit); syscall.
        Arch::X86_64 => (62, &[0x31, 0xff, 0xb8, 2, 0, 0, 0, 0x0f, 0x05]),
    };
    let mut elf = vec![0; 4096];
    put(&mut elf, 0, b"\x7fELF\x02\x01\x01");
    put(&mut elf, 16, &2_u16.to_le_bytes()); // an executable
    put(&mut elf, field::MACHINE, &machine.to_le_bytes());
    put(&mut elf, 20, &1_u32.to_le_bytes());
    put(
        &mut elf,
        field::TABLE_OFFSET,
        &(HEADER as u64).to_le_bytes(),
    );
    put(&mut elf, 52, &(HEADER as u16).to_le_bytes());
    put(
        &mut elf,
        field::ENTRY_SIZE,
        &(PROGRAM_HEADER as u16).to_le_bytes(),
    );
    put(&mut elf, field::ENTRY_COUNT, &1_u16.to_le_bytes());
    put(&mut elf, HEADER, &1_u32.to_le_bytes()); // loadable
    put(&mut elf, HEADER + 4, &5_u32.to_le_bytes()); // read, execute
    put(&mut elf, field::OFFSET, &4096_u64.to_le_bytes());
    let size = code.len() as u64;
    put(&mut elf, field::FILE_SIZE, &size.to_le_bytes());
    put(&mut elf, field::MEMORY_SIZE, &size.to_le_bytes());
    put(&mut elf, HEADER + 48, &4096_u64.to_le_bytes()); // alignment
    elf.extend(code);
    elf
}

fn put(elf: &mut [u8], at: usize, bytes: &[u8]) {
    elf[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_liar_differs_from_the_honest_program() {
        let honest = honest(Arch::X86_64);
        for extra in all(Arch::X86_64) {
            assert!(extra.name.len() <= abi::NAME_MAX, "{}", extra.name);
            assert_eq!(
                extra.bytes == honest,
                extra.name == HONEST,
                "{}",
                extra.name
            );
        }
    }
}
