//! Loading a kernel: ELF segments to their physical addresses, and the entry as a physical address.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use elf::ElfBytes;
use elf::abi::PT_LOAD;
use elf::endian::LittleEndian;

use crate::ram::Ram;

/// A kernel in memory.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// The physical address of the first instruction.
    pub entry: u64,
    /// The physical address after the last byte.
    pub end: u64,
}

/// Copies the segments of a RISC-V ELF file into memory.
pub fn load(ram: &mut Ram, file: &[u8]) -> Result<Loaded, String> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|error| error.to_string())?;
    if elf.ehdr.e_machine != elf::abi::EM_RISCV {
        return Err("it is an ELF file of another machine".into());
    }
    let mut entry = elf.ehdr.e_entry;
    let mut end = 0;
    let segments = elf.segments().ok_or("it has no segments")?;
    for segment in segments.iter().filter(|segment| segment.p_type == PT_LOAD) {
        let data = elf
            .segment_data(&segment)
            .map_err(|error| error.to_string())?;
        let offset = usize::try_from(segment.p_memsz)
            .ok()
            .and_then(|size| ram.offset(segment.p_paddr, size))
            .ok_or("a segment lies outside memory")?;
        ram.write_bytes(offset, data, |_, _| {});
        end = end.max(segment.p_paddr + segment.p_memsz);
        // The entry may be given as the virtual address of its segment.
        let inside = elf.ehdr.e_entry.wrapping_sub(segment.p_vaddr);
        if inside < segment.p_memsz && segment.p_flags & elf::abi::PF_X != 0 {
            entry = segment.p_paddr + inside;
        }
    }
    if ram.offset(entry, 4).is_none() {
        return Err("its entry lies outside memory".into());
    }
    Ok(Loaded { entry, end })
}

/// Returns an ELF file with these bytes at an address, where it begins: a kernel that was not
/// compiled but put together.
pub fn elf(base: u64, bytes: &[u8]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    let length = bytes.len() as u64;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    file.resize(16, 0);
    file.extend(2u16.to_le_bytes());
    file.extend(243u16.to_le_bytes());
    file.extend(1u32.to_le_bytes());
    for word in [base, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // One segment to load: readable, writable, executable.
    file.extend(1u32.to_le_bytes());
    file.extend(7u32.to_le_bytes());
    for word in [HEADERS, base, base, length, length, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(bytes);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_kernel_is_refused() {
        let mut ram = Ram::new(0x8000_0000, 4096);
        assert!(load(&mut ram, b"").is_err());
        assert!(load(&mut ram, &[0x7f; 64]).is_err());
    }
}
