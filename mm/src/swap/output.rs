//! Pages on their way out.

use abi::{MemCounter, PAGE_SIZE};

use super::TransferError;
use crate::addr::{FrameNo, SlotNo};
use crate::frame::Cached;
use crate::machine::Machine;
use crate::memory::Memory;

/// Most pages that are written at once.
pub(crate) const CLUSTER: usize = 32;

/// Neighbouring slots to be written.
///
/// Whoever gets one writes [`SwapOut::bytes`] to [`SwapOut::count`] slots, beginning with [`SwapOut::first`], and ends it with
/// [`SwapOut::finish`]. One that is dropped has failed.
#[must_use = "the pages are not free before they are written"]
pub struct SwapOut<'m, M: Machine> {
    memory: &'m Memory<M>,
    first: SlotNo,
    count: usize,
}

impl<'m, M: Machine> SwapOut<'m, M> {
    /// A write of one page, for which [`Memory::begin_write`] said yes.
    pub(crate) fn new(memory: &'m Memory<M>, slot: SlotNo) -> Self {
        Self {
            memory,
            first: slot,
            count: 1,
        }
    }

    /// Whether the slot is the next one and there is room for its page.
    pub(crate) fn continues_with(&self, slot: SlotNo) -> bool {
        self.count < CLUSTER && slot.0 == self.first.0 + self.count as u64
    }

    /// Adds the page of the next slot, likewise begun.
    pub(crate) fn extend(&mut self) {
        self.count += 1;
    }

    /// The first slot.
    pub fn first(&self) -> SlotNo {
        self.first
    }

    /// How many slots.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The frames to write, in the order of the slots. Nobody writes them until [`SwapOut::finish`].
    pub fn frames(&self) -> impl Iterator<Item = FrameNo> {
        self.memory.frames_in_transfer(self.first, self.count)
    }

    /// The contents for the slot of this index.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn bytes(&self, index: usize) -> &[u8; PAGE_SIZE] {
        let frame = self.frames().nth(index).expect("there are not so many");
        crate::phys::outgoing_bytes(&self.memory.machine, frame, self)
    }

    /// Says how it went. What was written and is not in use again is freed, and so counted in the answer; what was not
    /// written stays.
    pub fn finish(mut self, result: Result<(), TransferError>) -> u64 {
        self.end(result)
    }

    fn end(&mut self, result: Result<(), TransferError>) -> u64 {
        let memory = self.memory;
        let (now, written) = match result {
            Ok(()) => (Cached::Clean, self.count),
            Err(TransferError) => (Cached::Dirty, 0),
        };
        memory.count(MemCounter::SwapOuts, written as i64);
        let mut freed = 0;
        for frame in memory.frames_in_transfer(self.first, core::mem::take(&mut self.count)) {
            memory.end_transfer(frame, Cached::Writing, now);
            memory.drop_reference(frame);
            freed += u64::from(memory.drop_clean(frame));
        }
        freed
    }
}

impl<M: Machine> Drop for SwapOut<'_, M> {
    fn drop(&mut self) {
        self.end(Err(TransferError));
    }
}
