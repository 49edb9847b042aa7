//! Checks of the headers of an executable file.
//!
//! The file must be a static ELF64 program for this machine (docs/abi.md, "Images"). The kernel
//! reads one header at a time and has it checked here. For any bytes, the result is an error, or a
//! segment whose numbers are consistent and lie below the limit. Neighbours: the kernel's `exec`
//! reads the file and maps the segments. Source: Tool Interface Standard, "Executable and Linking
//! Format", and the `elf` crate for the fields.

use core::ops::Range;

use abi::PAGE_SIZE;
use elf::abi::{PF_W, PF_X, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::parse::ParseAt;
use elf::segment::ProgramHeader;

/// Bytes of the header at the beginning of the file.
pub const HEADER_SIZE: usize = 64;
/// Bytes of a program header.
pub const PROGRAM_HEADER_SIZE: usize = 56;

const IDENT_SIZE: usize = 16;

/// The error of a file that cannot be run here, or whose headers are inconsistent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadImage;

/// The file's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The address of the first instruction.
    pub entry: u64,
    table: u64,
    /// The number of program headers.
    pub segments: u16,
}

impl Header {
    /// Checks the first bytes of a file, for the architecture with the number `machine`.
    pub fn parse(bytes: &[u8; HEADER_SIZE], machine: u16) -> Result<Self, BadImage> {
        let (ident, tail) = bytes.split_at(IDENT_SIZE);
        let ident = parse_ident::<LittleEndian>(ident).map_err(|_| BadImage)?;
        let header = FileHeader::parse_tail(ident, tail).map_err(|_| BadImage)?;
        let size_fits =
            header.e_phnum == 0 || usize::from(header.e_phentsize) == PROGRAM_HEADER_SIZE;
        if header.class != Class::ELF64 || header.e_machine != machine || !size_fits {
            return Err(BadImage);
        }
        Ok(Self {
            entry: header.e_entry,
            table: header.e_phoff,
            segments: header.e_phnum,
        })
    }

    /// Returns the offset of program header `index` in the file.
    pub fn segment_offset(&self, index: u16) -> Result<u64, BadImage> {
        let distance = u64::from(index) * PROGRAM_HEADER_SIZE as u64;
        self.table.checked_add(distance).ok_or(BadImage)
    }
}

/// A part of the file that is loaded into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its addresses, from the start of a page on; not empty.
    pub memory: Range<u64>,
    /// The part of the file that fills the first of these addresses; at most as long.
    pub file: Range<u64>,
    /// Whether the program may write it.
    pub writable: bool,
    /// Whether the program may execute it.
    pub executable: bool,
}

impl Segment {
    /// Checks a program header. Returns `None` if it describes nothing to load. No segment may
    /// reach above `limit`.
    pub fn parse(bytes: &[u8; PROGRAM_HEADER_SIZE], limit: u64) -> Result<Option<Self>, BadImage> {
        let header = ProgramHeader::parse_at(LittleEndian, Class::ELF64, &mut 0, bytes);
        let header = header.map_err(|_| BadImage)?;
        if header.p_type != PT_LOAD || header.p_memsz == 0 {
            return Ok(None);
        }
        let end = header.p_vaddr.checked_add(header.p_memsz).ok_or(BadImage)?;
        let file_end = header
            .p_offset
            .checked_add(header.p_filesz)
            .ok_or(BadImage)?;
        let aligned = header.p_vaddr.is_multiple_of(PAGE_SIZE as u64);
        if !aligned || end > limit || header.p_filesz > header.p_memsz {
            return Err(BadImage);
        }
        Ok(Some(Self {
            memory: header.p_vaddr..end,
            file: header.p_offset..file_end,
            writable: header.p_flags & PF_W != 0,
            executable: header.p_flags & PF_X != 0,
        }))
    }
}

impl Segment {
    /// Returns how many pages, from the first on, can be mapped from the file: none if the offsets
    /// in file and memory differ. The last page may have a tail behind the segment; it is mapped
    /// only if the program cannot write it and no zeros are due.
    pub fn mapped_pages(&self) -> u64 {
        let page = PAGE_SIZE as u64;
        if !self.file.start.is_multiple_of(page) {
            return 0;
        }
        let length = self.file.end - self.file.start;
        let all = !self.writable && length == self.memory.end - self.memory.start;
        if all {
            length.div_ceil(page)
        } else {
            length / page
        }
    }
}

#[cfg(test)]
mod tests {
    use elf::abi::EM_RISCV;

    use super::*;

    const LIMIT: u64 = 0x10_0000;

    fn header() -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16] = 2; // executable
        bytes[18] = 243; // RISC-V
        bytes[20] = 1;
        bytes[24] = 0x80; // entry
        bytes[32] = 64; // program headers
        bytes[54] = 56;
        bytes[56] = 3;
        bytes
    }

    struct Fields {
        address: u64,
        offset: u64,
        file: u64,
        memory: u64,
    }

    fn segment(fields: Fields) -> Result<Option<Segment>, BadImage> {
        let mut bytes = [0; PROGRAM_HEADER_SIZE];
        bytes[0] = 1; // load
        bytes[4] = 5; // read, execute
        bytes[8..16].copy_from_slice(&fields.offset.to_le_bytes());
        bytes[16..24].copy_from_slice(&fields.address.to_le_bytes());
        bytes[32..40].copy_from_slice(&fields.file.to_le_bytes());
        bytes[40..48].copy_from_slice(&fields.memory.to_le_bytes());
        Segment::parse(&bytes, LIMIT)
    }

    #[test]
    fn reads_a_header() {
        let parsed = Header::parse(&header(), EM_RISCV).unwrap();
        assert_eq!((parsed.entry, parsed.segments), (0x80, 3));
        assert_eq!(parsed.segment_offset(2), Ok(64 + 2 * 56));
    }

    #[test]
    fn refuses_other_files() {
        // Magic, class, byte order, version, machine, size of a program header.
        for (place, value) in [(0, b'#'), (4, 1), (5, 2), (6, 9), (18, 62), (54, 32)] {
            let mut bytes = header();
            bytes[place] = value;
            assert_eq!(
                Header::parse(&bytes, EM_RISCV),
                Err(BadImage),
                "byte {place}"
            );
        }
    }

    #[test]
    fn a_table_beyond_the_end_of_numbers_is_refused() {
        let mut bytes = header();
        bytes[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(
            Header::parse(&bytes, EM_RISCV).unwrap().segment_offset(1),
            Err(BadImage)
        );
    }

    #[test]
    fn reads_a_segment() {
        let fields = Fields {
            address: 0x1000,
            offset: 0x123,
            file: 0x10,
            memory: 0x2345,
        };
        let segment = segment(fields).unwrap().unwrap();
        assert_eq!(segment.memory, 0x1000..0x3345);
        assert_eq!(segment.file, 0x123..0x133);
        assert!(segment.executable && !segment.writable);
    }

    #[test]
    fn skips_what_takes_no_memory() {
        let fields = Fields {
            address: 0x1001,
            offset: 0,
            file: 0,
            memory: 0,
        };
        assert_eq!(segment(fields), Ok(None));
    }

    #[test]
    fn refuses_lies() {
        let good = || Fields {
            address: 0x1000,
            offset: 0,
            file: 0x10,
            memory: 0x20,
        };
        assert!(segment(good()).is_ok());
        let lies = [
            Fields {
                address: 0x1008,
                ..good()
            },
            Fields {
                file: 0x21,
                ..good()
            },
            Fields {
                memory: u64::MAX,
                file: 0,
                ..good()
            },
            Fields {
                memory: u64::MAX - 0xfff,
                ..good()
            },
            Fields {
                memory: LIMIT,
                ..good()
            },
            Fields {
                address: LIMIT,
                ..good()
            },
            Fields {
                address: 0xffff_ffff_ffff_f000,
                ..good()
            },
            Fields {
                offset: u64::MAX,
                ..good()
            },
        ];
        for (number, lie) in lies.into_iter().enumerate() {
            assert_eq!(segment(lie), Err(BadImage), "lie {number}");
        }
    }

    #[test]
    fn may_fill_memory_up_to_the_limit() {
        let fields = Fields {
            address: 0x1000,
            offset: 0,
            file: 0,
            memory: LIMIT - 0x1000,
        };
        assert_eq!(segment(fields).unwrap().unwrap().memory.end, LIMIT);
    }

    #[test]
    fn maps_what_lies_in_the_file_as_in_memory() {
        let mapped = |offset: u64, file: u64, memory: u64, writable| {
            let segment = Segment {
                file: offset..offset + file,
                memory: 0x1000..0x1000 + memory,
                writable,
                executable: true,
            };
            segment.mapped_pages()
        };
        assert_eq!(mapped(0x3000, 0x1800, 0x1800, false), 2);
        assert_eq!(mapped(0x3000, 0x1800, 0x1800, true), 1);
        assert_eq!(mapped(0x3000, 0x1800, 0x1801, false), 1, "a zero is due");
        assert_eq!(mapped(0x3000, 0x2000, 0x9000, true), 2);
        assert_eq!(mapped(0x3001, 0x2000, 0x2000, false), 0);
        assert_eq!(mapped(0x3000, 0, 0x2000, true), 0);
    }
}
