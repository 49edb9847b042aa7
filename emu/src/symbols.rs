//! The kernel's own symbols: which function an address is in, and where its code and stacks lie.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::decode;
use elf::ElfBytes;
use elf::abi::{SHF_ALLOC, SHF_EXECINSTR, STT_FUNC, STT_NOTYPE, STT_OBJECT};
use elf::endian::LittleEndian;

/// A function or an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// The first byte.
    pub address: u64,
    /// How many bytes; 0 if the file does not say.
    pub size: u64,
    /// Its name.
    pub name: String,
}

/// The symbols of a kernel, empty for one that was stripped.
#[derive(Clone, Default, Debug)]
pub struct Symbols {
    functions: Vec<Symbol>,
    objects: Vec<Symbol>,
    /// Ranges of addresses that hold instructions.
    code: Vec<(u64, u64)>,
}

impl Symbols {
    /// Reads what an ELF file says.
    pub fn read(file: &[u8]) -> Self {
        let mut all = Self::default();
        let Ok(elf) = ElfBytes::<LittleEndian>::minimal_parse(file) else {
            return all;
        };
        if let Some(sections) = elf.section_headers() {
            let executable = u64::from(SHF_ALLOC | SHF_EXECINSTR);
            all.code = sections
                .iter()
                .filter(|section| section.sh_flags & executable == executable)
                .map(|section| (section.sh_addr, section.sh_addr + section.sh_size))
                .collect();
        }
        if let Ok(Some((table, strings))) = elf.symbol_table() {
            for symbol in table.iter().filter(|symbol| symbol.st_shndx != 0) {
                let Ok(name) = strings.get(symbol.st_name as usize) else {
                    continue;
                };
                let entry = Symbol {
                    address: symbol.st_value,
                    size: symbol.st_size,
                    name: name.to_string(),
                };
                let local = name.is_empty() || name.starts_with('$') || name.starts_with('.');
                match symbol.st_symtype() {
                    STT_FUNC => all.functions.push(entry),
                    STT_NOTYPE if !local && all.is_code(entry.address) => all.functions.push(entry),
                    STT_OBJECT => all.objects.push(entry),
                    _ => {}
                }
            }
        }
        all.functions.sort_by_key(|symbol| symbol.address);
        all.objects.sort_by_key(|symbol| symbol.address);
        all
    }

    /// The function an address is in.
    pub fn function(&self, address: u64) -> Option<&Symbol> {
        find(&self.functions, address).filter(|_| self.is_code(address))
    }

    /// The object an address is in.
    pub fn object(&self, address: u64) -> Option<&Symbol> {
        find(&self.objects, address).filter(|symbol| address < symbol.address + symbol.size.max(1))
    }

    /// The function of a name.
    pub fn named(&self, name: &str) -> Option<&Symbol> {
        self.functions.iter().find(|symbol| symbol.name == name)
    }

    /// Whether an address holds an instruction of the kernel.
    pub fn is_code(&self, address: u64) -> bool {
        self.code
            .iter()
            .any(|&(start, end)| (start..end).contains(&address))
    }

    /// The ranges that hold instructions.
    pub fn code(&self) -> &[(u64, u64)] {
        &self.code
    }

    /// An address as `function+offset`, or as it is.
    pub fn describe(&self, address: u64) -> String {
        match self.function(address).or_else(|| self.object(address)) {
            Some(symbol) if symbol.address == address => symbol.name.clone(),
            Some(symbol) => {
                alloc::format!("{}+{:#x}", symbol.name, address - symbol.address)
            }
            None => alloc::format!("{address:#x}"),
        }
    }
}

/// The addresses of all loads and stores in the code of an ELF file. Every halfword is taken for
/// the beginning of an instruction, so there are some among them that are none.
pub fn accesses(file: &[u8]) -> Vec<u64> {
    let mut found = Vec::new();
    let Ok(elf) = ElfBytes::<LittleEndian>::minimal_parse(file) else {
        return found;
    };
    let executable = u64::from(SHF_ALLOC | SHF_EXECINSTR);
    for section in elf.section_headers().into_iter().flatten() {
        let code = elf.section_data(&section).map(|(bytes, _)| bytes);
        let (Ok(code), true) = (code, section.sh_flags & executable == executable) else {
            continue;
        };
        for at in (0..code.len().saturating_sub(3)).step_by(2) {
            let word = [code[at], code[at + 1], code[at + 2], code[at + 3]];
            if decode::decode(u32::from_le_bytes(word)).kind.is_access() {
                found.push(section.sh_addr + at as u64);
            }
        }
    }
    found
}

fn find(sorted: &[Symbol], address: u64) -> Option<&Symbol> {
    let after = sorted.partition_point(|symbol| symbol.address <= address);
    sorted[..after].last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_the_symbol_before_it() {
        let symbol = |address, size, name: &str| Symbol {
            address,
            size,
            name: name.into(),
        };
        let symbols = Symbols {
            functions: alloc::vec![symbol(0x100, 16, "f"), symbol(0x110, 0, "g")],
            objects: alloc::vec![symbol(0x200, 8, "lock")],
            code: alloc::vec![(0x100, 0x180)],
        };
        assert_eq!(symbols.describe(0x104), "f+0x4");
        assert_eq!(symbols.describe(0x17f), "g+0x6f");
        assert_eq!(symbols.describe(0x207), "lock+0x7");
        assert_eq!(symbols.describe(0x208), "0x208");
        assert_eq!(Symbols::read(b"no ELF").describe(1), "0x1");
    }
}
