//! The virtio transport over memory-mapped registers, modern and legacy, with a block device
//! behind.
//!
//! Virtual I/O Device 1.2, sections 4.2.2 (registers), 4.2.4 (legacy), 5.2 (block). Answers come
//! when [`Virtio::advance`] says: late, and in an order of its own if asked to.

use alloc::vec::Vec;

use super::block::{self, Medium, SECTOR};
use super::queue::{Dma, Piece, Queue};
use crate::ram::Ram;
use crate::rng::Rng;
use crate::stored::stored;

const MAGIC: u64 = 0x7472_6976;
const VENDOR: u64 = 0x554d_4551;
const BLOCK: u64 = 2;
const QUEUE_MAX: u64 = 1024;
/// `VIRTIO_BLK_F_SEG_MAX`, `VIRTIO_BLK_F_FLUSH` and `VIRTIO_F_VERSION_1`.
const FEATURES: u64 = 1 << 2 | 1 << 9 | 1 << 32;
/// Most pieces of data in a request.
const SEGMENTS_MAX: u64 = 126;
/// Instructions that a request takes without adversity.
const DELAY: u64 = 2000;

#[derive(Clone)]
struct Request {
    due: u64,
    head: u16,
    pieces: Vec<Piece>,
}

stored!(Request { due, head, pieces });

/// What the registers hold.
#[derive(Clone)]
pub struct Registers {
    feature_page: u64,
    driver_page: u64,
    selected: u64,
    status: u64,
    interrupt: u64,
    page_size: u64,
    align: u64,
    legacy_page: u64,
    queue: Queue,
    requests: Vec<Request>,
}

stored!(Registers {
    feature_page,
    driver_page,
    selected,
    status,
    interrupt,
    page_size,
    align,
    legacy_page,
    queue,
    requests,
});

impl Registers {
    /// Whether the driver can have set them so.
    pub(crate) fn are_sound(&self) -> bool {
        u64::from(self.queue.size) <= QUEUE_MAX
    }
}

/// A slot with a disk.
pub struct Virtio {
    legacy: bool,
    /// The registers.
    pub registers: Registers,
    /// The disk's contents.
    pub disk: Medium,
}

impl Virtio {
    /// A block device.
    pub fn new(contents: &[u8], serial: &str, legacy: bool) -> Self {
        let mut sectors = Ram::new(0, contents.len().next_multiple_of(SECTOR as usize));
        sectors.write_bytes(0, contents, |_, _| {});
        Self {
            legacy,
            registers: Registers {
                feature_page: 0,
                driver_page: 0,
                selected: 0,
                status: 0,
                interrupt: 0,
                page_size: 4096,
                align: 4096,
                legacy_page: 0,
                queue: Queue::default(),
                requests: Vec::new(),
            },
            disk: Medium {
                sectors,
                serial: serial.into(),
            },
        }
    }

    /// The interrupt line.
    pub fn interrupts(&self) -> bool {
        self.registers.interrupt != 0
    }

    /// When the next answer is due.
    pub fn due(&self) -> Option<u64> {
        self.registers
            .requests
            .iter()
            .map(|request| request.due)
            .min()
    }

    /// Reads a register.
    pub fn read(&self, offset: u64, size: usize) -> u64 {
        let r = &self.registers;
        if offset >= 0x100 {
            return self.configuration(offset - 0x100, size);
        }
        let first = r.selected == 0;
        match offset {
            0x00 => MAGIC,
            0x04 => 2 - u64::from(self.legacy),
            0x08 => BLOCK,
            0x0c => VENDOR,
            0x10 if self.legacy && r.feature_page > 0 => 0,
            0x10 if r.feature_page < 2 => FEATURES >> (32 * r.feature_page) & 0xffff_ffff,
            0x34 if first => QUEUE_MAX,
            0x40 if first => r.legacy_page,
            0x44 if first => r.queue.ready.into(),
            0x60 => r.interrupt,
            0x70 => r.status,
            _ => 0,
        }
    }

    /// Capacity in sectors, then the limits: segments in a request, and no other.
    fn configuration(&self, offset: u64, size: usize) -> u64 {
        let capacity = self.disk.sectors.len() as u64 / SECTOR;
        let words = [capacity, SEGMENTS_MAX << 32];
        let Some(word) = words.get((offset / 8) as usize) else {
            return 0;
        };
        let part = word >> (8 * (offset % 8));
        if size >= 8 {
            part
        } else {
            part & ((1 << (8 * size)) - 1)
        }
    }

    /// Writes a register; returns whether the driver notified the queue.
    pub fn write(&mut self, offset: u64, value: u64) -> bool {
        let r = &mut self.registers;
        let value = value & 0xffff_ffff;
        let first = r.selected == 0;
        let low = |old: u64| old & !0xffff_ffff | value;
        let high = |old: u64| old & 0xffff_ffff | value << 32;
        match offset {
            0x14 => r.feature_page = value,
            0x24 => r.driver_page = value,
            0x28 if self.legacy => r.page_size = value,
            0x30 => r.selected = value,
            0x38 if first => r.queue.size = value.min(QUEUE_MAX) as u16,
            0x3c if self.legacy => r.align = value,
            0x40 if self.legacy && first => {
                r.legacy_page = value;
                r.queue.set_legacy(value, r.page_size, r.align);
            }
            0x44 if first => r.queue.ready = value & 1 != 0,
            0x50 => return value == 0,
            0x64 => r.interrupt &= !value,
            0x70 => {
                r.status = value;
                if value == 0 {
                    r.queue.reset();
                    r.requests.clear();
                    r.interrupt = 0;
                    r.legacy_page = 0;
                }
            }
            0x80 if first => r.queue.descriptors = low(r.queue.descriptors),
            0x84 if first => r.queue.descriptors = high(r.queue.descriptors),
            0x90 if first => r.queue.available = low(r.queue.available),
            0x94 if first => r.queue.available = high(r.queue.available),
            0xa0 if first => r.queue.used = low(r.queue.used),
            0xa4 if first => r.queue.used = high(r.queue.used),
            _ => {}
        }
        false
    }

    /// Takes what the driver offers. With `late`, each request gets its own delay.
    pub fn notified(&mut self, memory: &impl Dma, now: u64, late: Option<&mut Rng>) {
        let mut late = late;
        while let Some((head, pieces)) = self.registers.queue.take(memory) {
            let delay = match &mut late {
                Some(rng) => 1 + (1 << rng.below(17)) + rng.below(DELAY),
                None => DELAY,
            };
            self.registers.requests.push(Request {
                due: now.saturating_add(delay),
                head,
                pieces,
            });
        }
    }

    /// Answers what is due.
    pub fn advance(&mut self, memory: &mut impl Dma, now: u64) {
        while let Some(at) = self
            .registers
            .requests
            .iter()
            .position(|request| request.due <= now)
        {
            let request = self.registers.requests.remove(at);
            let written = block::perform(&mut self.disk, memory, &request.pieces);
            self.registers.queue.give(memory, request.head, written);
            self.registers.interrupt |= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::tests::{Flat, descriptor};
    use super::*;

    fn offer(memory: &mut Flat, queue: u64, available: u64) {
        descriptor(memory, queue, 0x100, 16, 1, 1);
        descriptor(memory, queue + 16, 0x200, 512, 3, 2);
        descriptor(memory, queue + 32, 0x110, 1, 2, 0);
        memory.write(available + 2, &1u16.to_le_bytes());
    }

    fn answered(mut device: Virtio, mut memory: Flat) {
        memory.0[0x110] = 0xff;
        assert!(device.write(0x50, 0));
        device.notified(&memory, 100, None);
        device.advance(&mut memory, 100);
        assert_eq!(memory.0[0x110], 0xff, "not yet");
        device.advance(&mut memory, device.due().unwrap());
        assert_eq!((memory.0[0x110], memory.0[0x200]), (0, 7));
        assert!(device.interrupts());
        device.write(0x64, 1);
        assert!(!device.interrupts());
    }

    #[test]
    fn a_modern_driver_is_answered() {
        let mut device = Virtio::new(&[7; 1024], "", false);
        assert_eq!(
            (device.read(0, 4), device.read(4, 4), device.read(0x100, 8)),
            (MAGIC, 2, 2)
        );
        assert_eq!(device.read(0x10c, 4), SEGMENTS_MAX);
        let mut memory = Flat(alloc::vec![0; 0x10000]);
        offer(&mut memory, 0x1000, 0x2000);
        for (offset, value) in [
            (0x38, 8),
            (0x80, 0x1000),
            (0x90, 0x2000),
            (0xa0, 0x3000),
            (0x44, 1),
        ] {
            device.write(offset, value);
        }
        answered(device, memory);
    }

    #[test]
    fn a_legacy_driver_is_answered() {
        let mut device = Virtio::new(&[7; 1024], "", true);
        assert_eq!(device.read(4, 4), 1);
        let mut memory = Flat(alloc::vec![0; 0x10000]);
        offer(&mut memory, 0x1000, 0x1000 + 8 * 16);
        for (offset, value) in [(0x28, 4096), (0x38, 8), (0x3c, 4096), (0x40, 1)] {
            device.write(offset, value);
        }
        answered(device, memory);
    }
}
