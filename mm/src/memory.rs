//! The memory system as one value: the machine, the frames, the promises, and the counters.
//!
//! Lock order within this crate: a list of mappings of a file ([`crate::file`]), a list of
//! families, a member's entries ([`crate::rmap`]), a shared table ([`TableLocks`]); every other
//! lock is a leaf, held while none is taken. Neighbours: [`crate::space`] for address spaces,
//! [`crate::heap`] for kernel objects.

use core::mem::MaybeUninit;

use abi::MemCounter;

use crate::addr::{FrameNo, FrameRange, FrameRanges};
use crate::asids::Asids;
use crate::commit::{Budget, Claim, Need, NoMemory, Reservation};
use crate::file::FileCache;
use crate::frame::allocator::Allocator;
use crate::frame::{FrameRecord, FrameTable, Kind, OwnedFrame};
use crate::heap::Heap;
use crate::machine::{HartSet, Machine};
use crate::phys;
use crate::pt::{Table, TableLocks};
use crate::reclaim::Clock;
use crate::rmap::Families;
use crate::stats::Stats;
use crate::swap::{SlotRecord, Slots};

/// The description of the machine's memory for [`Memory::new`].
pub struct Layout {
    /// All of RAM.
    pub ram: FrameRanges,
    /// The free parts of RAM: those that neither the firmware, nor the kernel, nor the frame table
    /// uses.
    pub free: FrameRanges,
    /// The root table whose kernel half every address space shares.
    pub kernel_root: FrameNo,
    /// The number of harts.
    pub harts: usize,
}

/// The memory system.
pub struct Memory<M: Machine> {
    pub(crate) machine: M,
    pub(crate) frames: FrameTable,
    pub(crate) budget: Budget,
    pub(crate) stats: Stats,
    pub(crate) asids: Asids,
    pub(crate) heap: Heap,
    pub(crate) kernel_root: FrameNo,
    pub(crate) harts: HartSet,
    pub(crate) families: Families,
    pub(crate) tables: TableLocks,
    pub(crate) slots: Slots,
    pub(crate) files: FileCache,
    pub(crate) clock: Clock,
    pub(crate) allocator: Allocator,
    total: u64,
}

impl<M: Machine> Memory<M> {
    /// Returns a memory system that owns the frames in `layout.free`. `records` becomes the frame
    /// table, with one record for each frame of `layout.ram`. `slots` becomes the table of slots,
    /// with one record for each slot of the swap device; it is empty without one. `free_slots`
    /// becomes the set of free slots. It has as many words as [`words_for`](crate::swap::words_for)
    /// says.
    ///
    /// # Panics
    ///
    /// If `records` or `free_slots` is too short.
    pub fn new(
        machine: M,
        layout: Layout,
        records: &'static mut [MaybeUninit<FrameRecord>],
        slots: &'static mut [MaybeUninit<SlotRecord>],
        free_slots: &'static mut [MaybeUninit<u64>],
    ) -> Self {
        let total = layout.free.iter().map(|range| range.len()).sum();
        Self {
            frames: FrameTable::new(&layout.ram, records),
            budget: Budget::new(total, slots.len() as u64),
            slots: Slots::new(slots, free_slots),
            families: Families::new(),
            tables: TableLocks::new(),
            files: FileCache::new(),
            clock: Clock::new(),
            stats: Stats::new(),
            asids: Asids::new(machine.asids()),
            heap: Heap::new(),
            kernel_root: layout.kernel_root,
            harts: HartSet::first(layout.harts),
            allocator: Allocator::new(layout.free),
            total,
            machine,
        }
    }

    /// Returns the machine underneath.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Returns a zeroed frame for the kernel itself: a stack, a buffer.
    pub fn frame_for_kernel(&self, need: Need) -> Result<OwnedFrame<'_, M>, NoMemory> {
        let mut reservation = self.reserve_frames(1, need.into())?;
        let mut frame = self.allocate(Kind::Kernel, &mut reservation);
        frame.zero();
        Ok(frame)
    }

    /// Takes back a frame that was turned into a reference by [`OwnedFrame::into_reference`]. No
    /// translation may reach it any more.
    pub fn reclaim_kernel_frame(&self, frame: FrameNo) -> OwnedFrame<'_, M> {
        OwnedFrame::new(self, frame)
    }

    /// Counts a process that was killed because there was no memory for it.
    pub fn note_killed(&self) {
        self.count(MemCounter::Killed, 1);
    }

    /// Returns all counters of `memstat`.
    pub fn stats(&self) -> [u64; abi::MEM_COUNTERS] {
        let mut out = [0; abi::MEM_COUNTERS];
        for &counter in MemCounter::ALL {
            out[counter as usize] = self.stat(counter);
        }
        out
    }

    fn stat(&self, counter: MemCounter) -> u64 {
        let in_use =
            |kinds: &[MemCounter]| kinds.iter().map(|&kind| self.stats.get(kind)).sum::<u64>();
        let kernel = [MemCounter::PageTables, MemCounter::Kernel];
        match counter {
            MemCounter::Frames => self.total,
            MemCounter::Free => {
                let pages = [MemCounter::Anonymous, MemCounter::FileCache];
                self.total.saturating_sub(in_use(&kernel) + in_use(&pages))
            }
            MemCounter::Committed => self.stats.promised() + in_use(&kernel),
            MemCounter::CommitLimit => self.total + self.slots.len() - self.budget.never_promised(),
            MemCounter::SwapSlots => self.slots.len(),
            MemCounter::FreeSlots => self.slots.free(),
            _ => self.stats.get(counter),
        }
    }

    /// Returns how many frames the memory system owns.
    pub(crate) fn frames_managed(&self) -> u64 {
        self.total
    }

    /// Calls `visit` with every free frame. No frame may be taken or given meanwhile.
    pub(crate) fn for_each_free_frame(&self, visit: impl FnMut(FrameNo)) {
        self.allocator.for_each_free(&self.frames, visit);
    }

    /// Adds to a counter on behalf of this hart.
    #[inline]
    pub(crate) fn count(&self, counter: MemCounter, by: i64) {
        self.stats.add(self.machine.hart(), counter, by);
    }

    /// Returns `Ok` if the next allocation that may fail is allowed: see
    /// [`Machine::refuses_allocation`].
    #[inline]
    pub(crate) fn may_allocate(&self) -> Result<(), NoMemory> {
        if self.machine.refuses_allocation() {
            return Err(NoMemory::Places);
        }
        Ok(())
    }

    /// Reserves `count` frames.
    #[inline]
    pub(crate) fn reserve_frames(
        &self,
        count: u64,
        claim: Claim,
    ) -> Result<Reservation<'_>, NoMemory> {
        self.may_allocate()?;
        self.budget.take(count, claim)
    }

    /// Reserves `count` frames for a page that a program touches and for the tables that it lacks.
    #[inline]
    pub(crate) fn reserve_for_page(&self, count: u64) -> Result<Reservation<'_>, NoMemory> {
        self.may_allocate()?;
        self.budget.take_for_page(count)
    }

    /// Returns a frame with unknown contents.
    #[inline]
    pub(crate) fn allocate(
        &self,
        kind: Kind,
        reservation: &mut Reservation<'_>,
    ) -> OwnedFrame<'_, M> {
        reservation.use_one();
        let frame = self.allocator.take(&self.frames, self.machine.hart());
        self.frames.record(frame).begin(kind);
        self.note_use(kind, 1);
        OwnedFrame::new(self, frame)
    }

    /// Counts that `by` more frames of a kind are in use.
    #[inline]
    fn note_use(&self, kind: Kind, by: i64) {
        self.count(gauge(kind), by);
        match kind {
            Kind::Anonymous | Kind::Free => {}
            Kind::File => self.budget.note_cached(by),
            Kind::Table | Kind::Kernel => self.budget.note_fixed(by),
        }
    }

    /// Returns an empty page table.
    pub(crate) fn allocate_table(&self, reservation: &mut Reservation<'_>) -> Table<'_, M::Format> {
        let mut frame = self.allocate(Kind::Table, reservation);
        frame.zero();
        let table = self.table(frame.into_reference());
        table.record().set_protected(false);
        table.record().set_visit(0);
        table
    }

    /// Returns `count` neighbouring frames, for a large object of the boot.
    pub(crate) fn allocate_neighbours(&self, count: u64) -> Result<FrameRange, NoMemory> {
        let mut reservation = self.reserve_frames(count, Claim::Kernel)?;
        let range = self
            .allocator
            .take_neighbours(count)
            .ok_or(NoMemory::Places)?;
        reservation.use_many(count);
        for frame in range.start.0..range.end.0 {
            self.frames.record(FrameNo(frame)).begin(Kind::Kernel);
        }
        self.note_use(Kind::Kernel, count as i64);
        Ok(range)
    }

    /// Drops a reference to a frame. With the last one, the frame is freed.
    ///
    /// The function is always inlined, because the end of a process calls it once for each of its
    /// pages, most of which are shared.
    #[inline(always)]
    pub(crate) fn drop_reference(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        match record.drop_reference() {
            0 => self.free_unreferenced(frame),
            1 if record.slot().is_some() => self.free_if_only_cached(frame),
            _ => {}
        }
    }

    /// Frees a frame without references, and its place.
    #[inline(never)]
    fn free_unreferenced(&self, frame: FrameNo) {
        // Frames of the page cache have no place.
        let placed = self.give_back(frame) != Kind::File;
        self.budget.add_places(placed.into());
    }

    /// Drops the only reference to a frame. The place is kept.
    pub(crate) fn free_without_place(&self, frame: FrameNo) {
        let freed = self.frames.record(frame).drop_sole_reference();
        debug_assert!(freed, "nobody else knows the frame");
        self.give_back(frame);
    }

    /// Frees a frame without references. Returns its former kind. The caller frees its place.
    #[inline]
    pub(crate) fn give_back(&self, frame: FrameNo) -> Kind {
        let kind = self.frames.record(frame).end();
        if cfg!(debug_assertions) {
            phys::poison(&self.machine, frame);
        }
        self.allocator
            .give(&self.frames, self.machine.hart(), frame);
        self.note_use(kind, -1);
        // The budget is last: a claimant that sees it must find the frame.
        self.budget.add_frames(1);
        kind
    }
}

/// Returns the counter of `memstat` that counts frames of a kind.
#[inline]
fn gauge(kind: Kind) -> MemCounter {
    match kind {
        Kind::Anonymous => MemCounter::Anonymous,
        Kind::Table => MemCounter::PageTables,
        Kind::Kernel => MemCounter::Kernel,
        Kind::File => MemCounter::FileCache,
        Kind::Free => unreachable!("a free frame is not in use"),
    }
}
