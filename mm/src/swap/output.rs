//! Pages that the kernel is to write to the swap device.

use abi::{MemCounter, PAGE_SIZE};
use arrayvec::ArrayVec;

use super::{CLUSTER, TransferError};
use crate::addr::{FrameNo, SlotNo};
use crate::frame::Cached;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::reclaim::ROUND;

/// A write to neighbouring slots, which the kernel is to do.
///
/// The kernel writes [`SwapOut::bytes`] to [`SwapOut::count`] slots from [`SwapOut::first`] on, and
/// then calls [`SwapOut::finish`]. A write that is dropped counts as failed.
#[must_use = "the pages are not free before they are written"]
pub struct SwapOut<'m, M: Machine> {
    memory: &'m Memory<M>,
    first: SlotNo,
    count: usize,
}

/// The writes that a round of eviction has left to do, each to neighbouring slots. Writes that are
/// not taken out count as failed.
#[must_use = "the pages are not free before they are written"]
pub struct SwapOuts<'m, M: Machine> {
    memory: &'m Memory<M>,
    /// The slots, the last one first.
    slots: ArrayVec<u32, ROUND>,
}

impl<'m, M: Machine> SwapOuts<'m, M> {
    /// Returns an empty set of writes.
    pub(crate) fn new(memory: &'m Memory<M>) -> Self {
        Self {
            memory,
            slots: ArrayVec::new(),
        }
    }

    /// Adds a page for which [`Memory::put_back`] has said that it must be written.
    /// [`SwapOuts::sort`] must follow the last one.
    pub(crate) fn push(&mut self, slot: SlotNo) {
        // There is a record for each slot in RAM, so their number fits.
        self.slots.push(slot.0 as u32);
    }

    /// Sorts the slots, so that neighbours are written together.
    pub(crate) fn sort(&mut self) {
        self.slots.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// Returns whether nothing is left to write.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns how many pages are left to write.
    pub fn pages(&self) -> usize {
        self.slots.len()
    }
}

impl<'m, M: Machine> Iterator for SwapOuts<'m, M> {
    type Item = SwapOut<'m, M>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.slots.pop()?;
        let mut count = 1;
        while count < CLUSTER && self.slots.last() == Some(&(first + count as u32)) {
            self.slots.pop();
            count += 1;
        }
        Some(SwapOut {
            memory: self.memory,
            first: SlotNo(first.into()),
            count,
        })
    }
}

impl<M: Machine> Drop for SwapOuts<'_, M> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<'m, M: Machine> SwapOut<'m, M> {
    /// Returns the first slot.
    pub fn first(&self) -> SlotNo {
        self.first
    }

    /// Returns how many slots are written.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the frames to write, in the order of the slots. They do not change before
    /// [`SwapOut::finish`].
    pub fn frames(&self) -> impl Iterator<Item = FrameNo> {
        self.memory.frames_in_transfer(self.first, self.count)
    }

    /// Returns the contents for the slot of this index.
    ///
    /// # Panics
    /// If the index is [`SwapOut::count`] or more.
    pub fn bytes(&self, index: usize) -> &[u8; PAGE_SIZE] {
        let frame = self.frames().nth(index).expect("there are not so many");
        crate::phys::outgoing_bytes(&self.memory.machine, frame, self)
    }

    /// Ends the write. After a success, frames that are not in use again are freed; returns how
    /// many. After a failure, all pages stay in memory.
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
