//! The part of a kernel's file that says how to boot it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::qemu::Firmware;

/// The address at which a machine without firmware begins: the first byte of RAM.
pub const RESET: u64 = 0x8000_0000;

/// The size of an ELF-64 header up to the entry point.
const HEADER: usize = 32;
const RISCV: u16 = 243;

/// Returns the entry point of a riscv64 ELF file.
pub fn entry(path: &Path) -> Result<u64> {
    let mut header = [0; HEADER];
    File::open(path)
        .with_context(|| format!("cannot open the kernel {}", path.display()))?
        .read_exact(&mut header)
        .with_context(|| format!("{} is too short for a kernel", path.display()))?;
    match parse(&header) {
        Some(entry) => Ok(entry),
        None => bail!(
            "{} is no riscv64 ELF file; give the file that `make kernel/kernel` makes",
            path.display()
        ),
    }
}

/// Returns the firmware for a kernel. One whose entry point is where the machine begins needs none;
/// any other needs firmware below it.
pub fn firmware(entry: u64) -> Firmware {
    if entry == RESET {
        Firmware::Absent
    } else {
        Firmware::OpenSbi
    }
}

fn parse(header: &[u8; HEADER]) -> Option<u64> {
    const IDENTITY: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
    let machine = u16::from_le_bytes([header[18], header[19]]);
    let entry = header[24..].try_into().map(u64::from_le_bytes).ok()?;
    (header.starts_with(&IDENTITY) && machine == RISCV).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_decides_about_firmware() {
        let mut header = [0; HEADER];
        header[..6].copy_from_slice(b"\x7fELF\x02\x01");
        header[18] = RISCV as u8;
        header[24..].copy_from_slice(&RESET.to_le_bytes());
        assert_eq!(parse(&header), Some(RESET));
        assert_eq!(firmware(RESET), Firmware::Absent);
        assert_eq!(firmware(RESET + 0x20_0000), Firmware::OpenSbi);
        header[18] = 62;
        assert_eq!(parse(&header), None, "another machine's");
        header[18] = RISCV as u8;
        header[4] = 1;
        assert_eq!(parse(&header), None, "32 bits");
    }
}
