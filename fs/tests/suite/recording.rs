//! A disk that records the order of its writes and flushes, so that a test can cut the power
//! anywhere.

use std::cell::RefCell;
use std::rc::Rc;

use abi::BLOCK_SIZE;
use fs::{BlockDevice, DeviceError, MemoryDisk};

use crate::support::Numbers;

/// An event that reached the disk.
#[derive(Clone)]
pub enum Event {
    /// A write of one block. A longer request is one event per block.
    Write(u32, Vec<u8>),
    Flush,
}

/// All events in order.
pub type History = Rc<RefCell<Vec<Event>>>;

/// A disk that records its events.
pub struct RecordingDisk {
    disk: MemoryDisk,
    history: History,
}

impl RecordingDisk {
    pub fn new(disk: MemoryDisk) -> (Self, History) {
        let history = History::default();
        let recorded = Rc::clone(&history);
        (Self { disk, history }, recorded)
    }
}

impl BlockDevice for RecordingDisk {
    fn blocks(&self) -> u32 {
        self.disk.blocks()
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        self.disk.read(first, buffer)
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        self.disk.write(first, buffer)?;
        let blocks = (first..).zip(buffer.chunks(BLOCK_SIZE));
        let writes = blocks.map(|(block, bytes)| Event::Write(block, bytes.to_vec()));
        self.history.borrow_mut().extend(writes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        self.history.borrow_mut().push(Event::Flush);
        Ok(())
    }
}

/// Repeats writes on a disk.
pub fn replay(disk: &mut MemoryDisk, events: &[Event]) {
    for event in events {
        if let Event::Write(block, bytes) = event {
            disk.write(*block, bytes).unwrap();
        }
    }
}

/// Returns the index in `events` behind the last flush, where the writes begin that a power cut may
/// lose.
pub fn last_flush(events: &[Event]) -> usize {
    let flush = events
        .iter()
        .rposition(|event| matches!(event, Event::Flush));
    flush.map_or(0, |flush| flush + 1)
}

/// Repeats each of the writes on the disk or leaves it out, as the numbers decide. (Writes of
/// different blocks that all reach the disk have one result in any order, so this covers
/// reordering.)
pub fn replay_some(disk: &mut MemoryDisk, events: &[Event], numbers: &mut Numbers) {
    let keep = numbers.below(5);
    for event in events {
        if numbers.below(4) < keep {
            replay(disk, std::slice::from_ref(event));
        }
    }
}
