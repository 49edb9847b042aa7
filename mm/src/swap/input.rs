//! Pages on their way in.

use abi::{MemCounter, PAGE_SIZE};

use super::{CLUSTER, TransferError};
use crate::addr::{FrameNo, SlotNo};
use crate::frame::{Cached, Kind};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::reclaim::Patience;

/// How many slots are read at once: the one that is wanted and those behind it, which were probably
/// swapped out with it.
pub(crate) const READ_AHEAD: usize = 8;
/// The same, for whoever wants pages in their order: so many that reading a part takes as long as
/// using another.
pub(crate) const READ_AHEAD_MOST: usize = 4 * CLUSTER;

/// Neighbouring slots to be read. The first is wanted, the others are read because it costs little.
///
/// Whoever gets one reads [`SwapIn::count`] pages from the device, beginning with
/// [`SwapIn::first`], into [`SwapIn::bytes_mut`], and ends it with [`SwapIn::finish`] or
/// [`SwapIn::finish_with`]. One that is dropped has failed. There may be more to read ahead than is
/// read at once: [`SwapIn::behind`].
#[must_use = "somebody waits for the page"]
pub struct SwapIn<'m, M: Machine> {
    memory: &'m Memory<M>,
    first: SlotNo,
    count: usize,
    /// How many slots behind these are to be read ahead, too.
    behind: usize,
}

/// A page that somebody waits for. It stays where it is until this is dropped: by then the fault
/// must have been tried again.
#[must_use = "the page may be evicted again before it was used"]
pub struct PageWait<'m, M: Machine> {
    memory: &'m Memory<M>,
    frame: FrameNo,
}

impl<'m, M: Machine> SwapIn<'m, M> {
    /// Returns a read of `slot`, which is not cached, and of those behind it, at most `window` in
    /// all with what is [`SwapIn::behind`]. Returns none if somebody else began meanwhile, or if
    /// the slot, to which the caller need not have a reference, is free.
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

    /// Returns the slot behind the last, if it can be read.
    fn next(&self) -> Option<SlotNo> {
        let last = SlotNo(self.first.0 + self.count as u64 - 1);
        let (next, record) = self.memory.slots.after(last)?;
        (record.count() != 0 && record.frame().is_none()).then_some(next)
    }

    /// Returns a read of slots behind these, to be on its way at the same time; it may have one
    /// behind it, too. Nobody waits for its pages yet, so it can be left alone if this is none.
    pub fn behind(&mut self) -> Option<Self> {
        let window = core::mem::take(&mut self.behind);
        let next = self.next().filter(|_| window != 0)?;
        Self::begin(self.memory, next, window, Patience::default())
            .ok()
            .flatten()
    }

    /// Returns the first slot.
    pub fn first(&self) -> SlotNo {
        self.first
    }

    /// Returns how many slots.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the frames to read into, in the order of the slots. They are the reader's until
    /// [`SwapIn::finish`].
    pub fn frames(&self) -> impl Iterator<Item = FrameNo> {
        self.memory.frames_in_transfer(self.first, self.count)
    }

    /// Returns the bytes of the frame for the slot of this index.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn bytes_mut(&mut self, index: usize) -> &mut [u8; PAGE_SIZE] {
        let frame = self.frames().nth(index).expect("there are not so many");
        let memory = self.memory;
        crate::phys::incoming_bytes_mut(&memory.machine, frame, self)
    }

    /// Has `transfer` read the pages at once or, if that fails, each for itself: a device that
    /// failed does not say at which, and nobody is to lose a page for a neighbour's sake. What
    /// comes back is as for [`SwapIn::finish`].
    pub fn finish_with(
        mut self,
        mut transfer: impl FnMut(&mut Self) -> Result<(), TransferError>,
    ) -> PageWait<'m, M> {
        let mut result = transfer(&mut self);
        if result.is_err() && self.count > 1 {
            while let Some(mut last) = self.split_last() {
                let result = transfer(&mut last);
                last.end(result);
            }
            result = transfer(&mut self);
        }
        self.finish(result)
    }

    /// Makes a read of its own of the last page, if it is not the one that is wanted.
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

    /// Says how it went. What comes back is the page that was wanted, for the fault to be tried
    /// again with.
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
    /// Of a page to which whoever waits has got a reference, and is counted as one who does.
    pub(crate) fn new(memory: &'m Memory<M>, frame: FrameNo) -> Self {
        Self { memory, frame }
    }

    /// Returns whether it is still being read, or written, which a shared page must not be while
    /// somebody stores to it.
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
    /// Puts a frame into the cache for a slot to be read into; false if the slot is cached already,
    /// or nobody's any more.
    fn prepare_to_read(&self, slot: SlotNo, patience: Patience) -> Result<bool, crate::NoMemory> {
        let mut reservation = self.budget.take_for_placed_page(patience)?;
        let frame = self
            .allocate(Kind::Anonymous, &mut reservation)
            .into_reference();
        if self.cache_for_read(slot, frame) {
            return Ok(true);
        }
        // It never was a page, so it had no place.
        self.free_without_place(frame);
        Ok(false)
    }
}
