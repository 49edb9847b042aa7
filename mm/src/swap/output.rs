//! Pages on their way out.

use abi::{MemCounter, PAGE_SIZE};
use arrayvec::ArrayVec;

use super::{CLUSTER, TransferError};
use crate::addr::{FrameNo, SlotNo};
use crate::frame::Cached;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::reclaim::ROUND;

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

/// What is to be written after a round of eviction, in pieces of neighbouring slots. What is not asked for has failed.
#[must_use = "the pages are not free before they are written"]
pub struct SwapOuts<'m, M: Machine> {
    memory: &'m Memory<M>,
    /// The last first.
    slots: ArrayVec<u32, ROUND>,
}

impl<'m, M: Machine> SwapOuts<'m, M> {
    /// Nothing.
    pub(crate) fn new(memory: &'m Memory<M>) -> Self {
        Self {
            memory,
            slots: ArrayVec::new(),
        }
    }

    /// Adds a page that is to be written, says [`Memory::release`]. [`SwapOuts::sort`] must follow.
    pub(crate) fn push(&mut self, slot: SlotNo) {
        // There is a record for each in RAM, so they are not too many for that.
        self.slots.push(slot.0 as u32);
    }

    /// Finds neighbours.
    pub(crate) fn sort(&mut self) {
        self.slots.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// Whether there is nothing left.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many pages.
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
