//! What a virtio block device does with a request (Virtual I/O Device 1.2, section 5.2.6).

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::queue::{Dma, Piece};
use crate::ram::Ram;

/// Bytes per sector.
pub const SECTOR: u64 = 512;
const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH: u32 = 4;
const IDENTIFY: u32 = 8;
const OK: u8 = 0;
const FAILED: u8 = 1;
const UNSUPPORTED: u8 = 2;
const HEADER: usize = 16;
/// More bytes than this in one request are refused.
const REQUEST_MAX: u64 = 64 << 20;

/// Bytes of a serial number (section 5.2.6, `VIRTIO_BLK_T_GET_ID`).
const SERIAL: usize = 20;

/// A disk: its contents and the name it answers with.
pub struct Medium {
    /// The contents.
    pub sectors: Ram,
    /// The serial number, at most 20 bytes of it.
    pub serial: String,
}

/// Performs a request; returns how many bytes of guest memory it wrote.
pub fn perform(disk: &mut Medium, memory: &mut impl Dma, pieces: &[Piece]) -> u32 {
    let Some((status_at, pieces)) = split_status(pieces) else {
        return 0;
    };
    let mut header = [0; HEADER];
    let given = gather(memory, &pieces);
    let (status, written) = if given.len() < HEADER {
        (FAILED, 0)
    } else {
        header.copy_from_slice(&given[..HEADER]);
        serve(disk, memory, &header, &given[HEADER..], &pieces)
    };
    memory.write(status_at, &[status]);
    written + 1
}

/// The last writable byte is the status; the rest is the request.
fn split_status(pieces: &[Piece]) -> Option<(u64, Vec<Piece>)> {
    let mut rest = pieces.to_vec();
    let last = rest
        .last_mut()
        .filter(|last| last.writable && last.length > 0)?;
    last.length -= 1;
    let status_at = last.address.wrapping_add(last.length.into());
    let total: u64 = rest.iter().map(|piece| u64::from(piece.length)).sum();
    (total <= REQUEST_MAX).then_some((status_at, rest))
}

fn gather(memory: &impl Dma, pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.writable) {
        let from = bytes.len();
        bytes.resize(from + piece.length as usize, 0);
        memory.read(piece.address, &mut bytes[from..]);
    }
    bytes
}

fn scatter(memory: &mut impl Dma, pieces: &[Piece], bytes: &[u8]) {
    let mut rest = bytes;
    for piece in pieces.iter().filter(|piece| piece.writable) {
        let count = rest.len().min(piece.length as usize);
        memory.write(piece.address, &rest[..count]);
        rest = &rest[count..];
    }
}

fn serve(
    disk: &mut Medium,
    memory: &mut impl Dma,
    header: &[u8; HEADER],
    data: &[u8],
    pieces: &[Piece],
) -> (u8, u32) {
    let kind = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let mut sector = [0; 8];
    sector.copy_from_slice(&header[8..]);
    let at = u64::from_le_bytes(sector).saturating_mul(SECTOR);
    let wanted: usize = pieces
        .iter()
        .filter(|piece| piece.writable)
        .map(|piece| piece.length as usize)
        .sum();
    match kind {
        READ => match disk.sectors.offset(at, wanted) {
            Some(offset) => {
                let bytes = disk.sectors.bytes()[offset..offset + wanted].to_vec();
                scatter(memory, pieces, &bytes);
                (OK, wanted as u32)
            }
            None => (FAILED, 0),
        },
        WRITE => match disk.sectors.offset(at, data.len()) {
            Some(offset) => {
                disk.sectors.write_bytes(offset, data, |_, _| {});
                (OK, 0)
            }
            None => (FAILED, 0),
        },
        FLUSH => (OK, 0),
        IDENTIFY => {
            let mut name = vec![0; wanted.min(SERIAL)];
            let known = disk.serial.as_bytes();
            let count = known.len().min(name.len());
            name[..count].copy_from_slice(&known[..count]);
            scatter(memory, pieces, &name);
            (OK, name.len() as u32)
        }
        _ => (UNSUPPORTED, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::tests::Flat;
    use super::*;

    fn request(memory: &mut Flat, kind: u32, sector: u64) -> Vec<Piece> {
        memory.write(0, &kind.to_le_bytes());
        memory.write(8, &sector.to_le_bytes());
        let piece = |address, length, writable| Piece {
            address,
            length,
            writable,
        };
        vec![
            piece(0, 16, false),
            piece(0x200, 512, kind == READ),
            piece(0x100, 1, true),
        ]
    }

    fn disk() -> Medium {
        Medium {
            sectors: Ram::new(0, 4096),
            serial: "a serial number that is too long".into(),
        }
    }

    #[test]
    fn a_disk_says_its_serial_number() {
        let mut memory = Flat(vec![0; 4096]);
        let pieces = request(&mut memory, IDENTIFY, 0);
        let pieces: Vec<Piece> = pieces
            .into_iter()
            .map(|piece| Piece {
                writable: piece.address != 0,
                ..piece
            })
            .collect();
        assert_eq!(perform(&mut disk(), &mut memory, &pieces), 21);
        assert_eq!(&memory.0[0x200..0x215], b"a serial number that\0");
    }

    #[test]
    fn what_was_written_is_read_back() {
        let mut disk = disk();
        let mut memory = Flat(vec![0; 4096]);
        memory.0[0x200] = 0xab;
        let pieces = request(&mut memory, WRITE, 3);
        assert_eq!(perform(&mut disk, &mut memory, &pieces), 1);
        memory.0[0x200] = 0;
        let pieces = request(&mut memory, READ, 3);
        assert_eq!(perform(&mut disk, &mut memory, &pieces), 513);
        assert_eq!((memory.0[0x200], memory.0[0x100]), (0xab, OK));
    }

    #[test]
    fn requests_past_the_end_and_unknown_ones_fail() {
        let mut disk = disk();
        let mut memory = Flat(vec![0; 4096]);
        for (kind, sector, status) in [
            (READ, 8, FAILED),
            (WRITE, u64::MAX, FAILED),
            (77, 0, UNSUPPORTED),
        ] {
            let pieces = request(&mut memory, kind, sector);
            perform(&mut disk, &mut memory, &pieces);
            assert_eq!(memory.0[0x100], status);
        }
        assert_eq!(perform(&mut disk, &mut memory, &[]), 0);
    }
}
