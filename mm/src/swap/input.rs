//! Reads from swap: pages on their way into memory.

use abi::{MemCounter, PAGE_SIZE};

use super::{CLUSTER, TransferError};
use crate::addr::{FrameNo, SlotNo};
use crate::frame::{Cached, Kind};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::reclaim::Patience;

/// How many slots one fault reads ahead at most: the wanted one, and those behind it, which were
/// probably swapped out together with it.
pub(crate) const READ_AHEAD: usize = 8;
/// How many slots one fault reads ahead for a process that touches pages in order. The read takes
/// about as long as the process needs for the pages before it.
pub(crate) const READ_AHEAD_MOST: usize = 4 * CLUSTER;

/// A read of neighbouring slots. The faulting process wants the first; the others cost little more.
///
/// The holder reads [`SwapIn::count`] pages from the device, beginning with slot [`SwapIn::first`],
/// into [`SwapIn::bytes_mut`], and then calls [`SwapIn::finish`] or [`SwapIn::finish_with`]. A
/// `SwapIn` that is dropped counts as a failed read. [`SwapIn::behind`] returns a further read if
/// more is to be read ahead.
#[must_use = "somebody waits for the page"]
pub struct SwapIn<'m, M: Machine> {
    memory: &'m Memory<M>,
    first: SlotNo,
    count: usize,
    /// How many slots behind these are also to be read ahead.
    behind: usize,
}

/// A page that a faulting process waits for. The page is not evicted until this value is dropped;
/// the process must have tried the fault again by then.
#[must_use = "the page may be evicted again before it was used"]
pub struct PageWait<'m, M: Machine> {
    memory: &'m Memory<M>,
    frame: FrameNo,
}

impl<'m, M: Machine> SwapIn<'m, M> {
    /// Returns a read of `slot` and of those slots behind it that can be read. The read, together
    /// with [`SwapIn::behind`], covers at most `window` slots. Returns `None` if `slot` is cached,
    /// because another thread reads it already, or if it is free; the caller need not hold a
    /// reference to it.
    pub(crate) fn begin(
        memory: &'m Memory<M>,
        slot: SlotNo,
        window: usize,
        patience: Patience,
    ) -> Result<Option<Self>, crate::NoMemory> {
        memory.may_allocate()?;
        if !memory.prepare_to_read(slot, patience)? {
            return Ok(None);
        }
        let mut read = Self {
            memory,
            first: slot,
            count: 1,
            behind: 0,
        };
        while read.count < window.min(CLUSTER)
            && let Some(next) = read.next()
            && memory.prepare_to_read(next, Patience::default()) == Ok(true)
        {
            read.count += 1;
        }
        if read.count == CLUSTER {
            read.behind = window - CLUSTER;
        }
        Ok(Some(read))
    }

    /// Returns the slot behind the last one, if it is in use and not cached.
    fn next(&self) -> Option<SlotNo> {
        let last = SlotNo(self.first.0 + self.count as u64 - 1);
        let (next, record) = self.memory.slots.after(last)?;
        (record.count() != 0 && record.frame().is_none()).then_some(next)
    }

    /// Returns a read of the slots behind these, which may run at the same time, or `None` if there
    /// is none. It may have one behind it, too. No process waits for its pages yet, so failing to
    /// begin it does no harm.
    pub fn behind(&mut self) -> Option<Self> {
        let window = core::mem::take(&mut self.behind);
        let next = self.next().filter(|_| window != 0)?;
        Self::begin(self.memory, next, window, Patience::default())
            .ok()
            .flatten()
    }

    /// Returns the first slot of the read.
    pub fn first(&self) -> SlotNo {
        self.first
    }

    /// Returns the number of slots in the read.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the frames to read into, in the order of the slots. They belong to the reader until
    /// [`SwapIn::finish`].
    pub fn frames(&self) -> impl Iterator<Item = FrameNo> {
        self.memory.frames_in_transfer(self.first, self.count)
    }

    /// Returns the bytes of the frame for the slot with this index.
    ///
    /// # Panics
    /// If `index` is not below [`SwapIn::count`].
    pub fn bytes_mut(&mut self, index: usize) -> &mut [u8; PAGE_SIZE] {
        let frame = self.frames().nth(index).expect("there are not so many");
        let memory = self.memory;
        crate::phys::incoming_bytes_mut(&memory.machine, frame, self)
    }

    /// Runs `transfer` for all the pages at once and, if that fails, once more for each page by
    /// itself: a device does not say which page failed, and no page may be lost because its
    /// neighbour failed. A page that was read alone gets a second attempt, too, so that its fate
    /// does not depend on how many pages were read with it. Returns the wanted page, as
    /// [`SwapIn::finish`] does.
    pub fn finish_with(
        mut self,
        mut transfer: impl FnMut(&mut Self) -> Result<(), TransferError>,
    ) -> PageWait<'m, M> {
        let mut result = transfer(&mut self);
        if result.is_err() {
            while let Some(mut last) = self.split_last() {
                let result = transfer(&mut last);
                last.end(result);
            }
            result = transfer(&mut self);
        }
        self.finish(result)
    }

    /// Splits the last page off, as a read of its own. Returns `None` if only the wanted page is
    /// left.
    fn split_last(&mut self) -> Option<Self> {
        let ahead = self.count.checked_sub(1).filter(|&ahead| ahead != 0)?;
        self.count = ahead;
        Some(Self {
            memory: self.memory,
            first: SlotNo(self.first.0 + ahead as u64),
            count: 1,
            behind: 0,
        })
    }

    /// Ends the read with the device's result. Returns the wanted page, which the caller holds
    /// while it tries the fault again.
    pub fn finish(mut self, result: Result<(), TransferError>) -> PageWait<'m, M> {
        let memory = self.memory;
        let frame = memory.frame_in_transfer(self.first);
        memory.wait_too(frame);
        self.end(result);
        PageWait { memory, frame }
    }

    fn end(&mut self, result: Result<(), TransferError>) {
        let memory = self.memory;
        let (now, read) = match result {
            Ok(()) => (Cached::Clean, self.count),
            Err(TransferError) => (Cached::Failed, 0),
        };
        memory.count(MemCounter::SwapIns, read as i64);
        for frame in memory.frames_in_transfer(self.first, core::mem::take(&mut self.count)) {
            memory.end_transfer(frame, Cached::Reading, now);
            memory.drop_reference(frame);
        }
    }
}

impl<M: Machine> Drop for SwapIn<'_, M> {
    fn drop(&mut self) {
        self.end(Err(TransferError));
    }
}

impl<'m, M: Machine> PageWait<'m, M> {
    /// Returns a wait for the page in `frame`. The caller holds a reference to the frame and has
    /// counted itself as a waiter.
    pub(crate) fn new(memory: &'m Memory<M>, frame: FrameNo) -> Self {
        Self { memory, frame }
    }

    /// Returns whether the page is still being read or written. A write matters for a shared page,
    /// which must not be stored to meanwhile.
    pub fn is_coming(&self) -> bool {
        self.memory.is_in_transfer(self.frame)
    }
}

impl<M: Machine> Drop for PageWait<'_, M> {
    fn drop(&mut self) {
        self.memory.stop_waiting(self.frame);
    }
}

impl<M: Machine> Memory<M> {
    /// Puts a new frame for `slot` into the swap cache, to be read into. Returns `false` if the
    /// slot is cached already or free.
    fn prepare_to_read(&self, slot: SlotNo, patience: Patience) -> Result<bool, crate::NoMemory> {
        let mut reservation = self.budget.take_for_placed_page(patience)?;
        let frame = self
            .allocate(Kind::Anonymous, &mut reservation)
            .into_reference();
        if self.cache_for_read(slot, frame) {
            return Ok(true);
        }
        // The frame never was a page, so it has no place to give back.
        self.free_without_place(frame);
        Ok(false)
    }
}
