//! A split virtqueue, from the device's side (Virtual I/O Device 1.2, section 2.7; legacy layout,
//! section 2.7.2).
//!
//! Invariant: whatever the driver wrote, a chain ends: at most as many descriptors are followed as
//! the queue has.

use crate::stored::stored;
use alloc::vec::Vec;

/// Guest memory as a device reaches it. Addresses that are not memory read as 0 and swallow writes.
pub trait Dma {
    /// Fills `into` from memory.
    fn read(&self, address: u64, into: &mut [u8]);
    /// Writes bytes to memory.
    fn write(&mut self, address: u64, from: &[u8]);
}

const NEXT: u16 = 1;
const WRITE: u16 = 2;

/// A piece of guest memory that a request names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The first byte.
    pub address: u64,
    /// How many bytes.
    pub length: u32,
    /// Whether the device writes there.
    pub writable: bool,
}

stored!(Piece {
    address,
    length,
    writable
});

/// A queue as the driver set it up.
#[derive(Clone, Default)]
pub struct Queue {
    /// Entries.
    pub size: u16,
    /// Whether the device may use it.
    pub ready: bool,
    /// The descriptor table.
    pub descriptors: u64,
    /// What the driver offers.
    pub available: u64,
    /// What the device has used.
    pub used: u64,
    taken: u16,
    given: u16,
}

stored!(Queue {
    size,
    ready,
    descriptors,
    available,
    used,
    taken,
    given
});

fn read_u16(memory: &impl Dma, address: u64) -> u16 {
    let mut bytes = [0; 2];
    memory.read(address, &mut bytes);
    u16::from_le_bytes(bytes)
}

impl Queue {
    /// Sets the addresses from a legacy page number.
    pub fn set_legacy(&mut self, page: u64, page_size: u64, align: u64) {
        self.descriptors = page * page_size;
        self.available = self.descriptors + 16 * u64::from(self.size);
        let end = self.available + 6 + 2 * u64::from(self.size);
        self.used = end.next_multiple_of(align.max(1));
        self.ready = page != 0;
        (self.taken, self.given) = (0, 0);
    }

    /// Starts from the beginning.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Takes the next request: its first descriptor's number and its pieces.
    pub fn take(&mut self, memory: &impl Dma) -> Option<(u16, Vec<Piece>)> {
        if !self.ready || self.size == 0 {
            return None;
        }
        if read_u16(memory, self.available.wrapping_add(2)) == self.taken {
            return None;
        }
        let slot = u64::from(self.taken % self.size);
        let head = read_u16(memory, self.available.wrapping_add(4 + 2 * slot));
        self.taken = self.taken.wrapping_add(1);
        let mut pieces = Vec::new();
        let mut index = head;
        for _ in 0..self.size {
            let mut bytes = [0; 16];
            memory.read(
                self.descriptors
                    .wrapping_add(16 * u64::from(index % self.size)),
                &mut bytes,
            );
            let address = u64::from_le_bytes([
                bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7],
            ]);
            let flags = u16::from_le_bytes([bytes[12], bytes[13]]);
            pieces.push(Piece {
                address,
                length: u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
                writable: flags & WRITE != 0,
            });
            if flags & NEXT == 0 {
                break;
            }
            index = u16::from_le_bytes([bytes[14], bytes[15]]);
        }
        Some((head, pieces))
    }

    /// Gives a request back: `written` bytes of its pieces were written.
    pub fn give(&mut self, memory: &mut impl Dma, head: u16, written: u32) {
        if self.size == 0 {
            return;
        }
        let slot = u64::from(self.given % self.size);
        let mut element = [0; 8];
        element[..4].copy_from_slice(&u32::from(head).to_le_bytes());
        element[4..].copy_from_slice(&written.to_le_bytes());
        memory.write(self.used.wrapping_add(4 + 8 * slot), &element);
        self.given = self.given.wrapping_add(1);
        memory.write(self.used.wrapping_add(2), &self.given.to_le_bytes());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Memory from address 0.
    pub struct Flat(pub Vec<u8>);

    impl Dma for Flat {
        fn read(&self, address: u64, into: &mut [u8]) {
            for (index, byte) in into.iter_mut().enumerate() {
                *byte = self.0.get(address as usize + index).copied().unwrap_or(0);
            }
        }
        fn write(&mut self, address: u64, from: &[u8]) {
            for (index, byte) in from.iter().enumerate() {
                if let Some(slot) = self.0.get_mut(address as usize + index) {
                    *slot = *byte;
                }
            }
        }
    }

    pub fn descriptor(
        memory: &mut Flat,
        at: u64,
        address: u64,
        length: u32,
        flags: u16,
        next: u16,
    ) {
        memory.write(at, &address.to_le_bytes());
        memory.write(at + 8, &length.to_le_bytes());
        memory.write(at + 12, &flags.to_le_bytes());
        memory.write(at + 14, &next.to_le_bytes());
    }

    #[test]
    fn a_chain_that_runs_in_a_circle_ends() {
        let mut memory = Flat(alloc::vec![0; 4096]);
        descriptor(&mut memory, 0, 0x800, 8, NEXT, 0);
        memory.write(0x202, &1u16.to_le_bytes());
        let mut queue = Queue {
            size: 4,
            ready: true,
            available: 0x200,
            used: 0x300,
            ..Queue::default()
        };
        let (head, pieces) = queue.take(&memory).unwrap();
        assert_eq!((head, pieces.len()), (0, 4));
        assert!(queue.take(&memory).is_none());
        queue.give(&mut memory, head, 3);
        assert_eq!(memory.0[0x302], 1);
        assert_eq!(memory.0[0x308], 3);
    }
}
