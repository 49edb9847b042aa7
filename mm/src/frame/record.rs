//! The frame table: one small record per frame of RAM (Linux: `struct page`, 64 bytes).

use core::mem::MaybeUninit;

use arrayvec::ArrayVec;
use sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering, fence};

use crate::addr::{FrameNo, FrameRanges, PageNo, RANGES_MAX, SlotNo};

/// What a frame is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Nothing: it is on a free list, or never was given to the memory system.
    Free = 0,
    /// Private memory of programs.
    Anonymous = 1,
    /// A page table.
    Table = 2,
    /// A kernel stack, a buffer or kernel objects.
    Kernel = 3,
    /// A page of a file.
    File = 4,
}

impl Kind {
    /// Returns what people call such a frame.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Anonymous => "a page",
            Self::Table => "a page table",
            Self::Kernel => "the kernel's",
            Self::File => "a page of a file",
        }
    }
}

/// How a frame in a cache and what is on the device (a slot, or a page of a file) compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cached {
    /// They are the same.
    Clean = 0,
    /// The device lacks what the frame has.
    Dirty = 1,
    /// The frame is being written; the write holds a reference.
    Writing = 2,
    /// The frame is being read; the read holds a reference.
    Reading = 3,
    /// The slot could not be read: there is nothing of the page in the frame.
    Failed = 4,
    /// Pages of files: the frame has left the cache, because the file has no such page any more or
    /// it could not be read.
    Gone = 5,
    /// Pages of files: the frame is being written and then leaves the cache; the write holds a
    /// reference. No new entry maps the frame.
    Leaving = 6,
}

/// What is known about one frame, in 32 bytes.
#[repr(C)]
pub struct FrameRecord {
    /// References to the frame (R1). 32 bits: 4 billion entries would fill 32 GiB of tables.
    count: AtomicU32,
    /// The next frame of a list, as an index into the frame table. Pages: the family, or the file.
    pub(crate) next: AtomicU32,
    /// The frame before this one in a list, or the next batch of frames. Pages: the number of the
    /// page in either.
    pub(crate) previous: AtomicU32,
    /// Page tables: entries that are not empty. Kernel objects: objects in use. Pages: references
    /// of those who wait for it.
    pub(crate) live: AtomicU16,
    /// Kernel objects: the first free one. Pages of files: whether somebody read it who has no
    /// entry.
    pub(crate) first_free: AtomicU16,
    /// Referrers that an audit has met. Kept here so that an audit needs no memory.
    pub(crate) met: AtomicU32,
    /// Pages in the swap cache: one more than the slot. Pages of files: the next one of the chain,
    /// see `anchor`. All others: 0.
    slot: AtomicU32,
    /// Nothing of this frame's: the first of the cached pages of files whose hash is this record
    /// ([`crate::file`]), one more than its index, or 0.
    pub(crate) anchor: AtomicU32,
    kind: AtomicU8,
    cached: AtomicU8,
    /// Pages of private memory: the part of the page's number that `previous` has no room for.
    page_high: AtomicU8,
}

// Loom keeps a history in each number.
#[cfg(not(loom))]
const _: () = assert!(size_of::<FrameRecord>() <= 32);

impl FrameRecord {
    pub(crate) fn free() -> Self {
        Self {
            count: AtomicU32::new(0),
            next: AtomicU32::new(0),
            previous: AtomicU32::new(0),
            live: AtomicU16::new(0),
            first_free: AtomicU16::new(0),
            met: AtomicU32::new(0),
            slot: AtomicU32::new(0),
            anchor: AtomicU32::new(0),
            kind: AtomicU8::new(Kind::Free as u8),
            cached: AtomicU8::new(Cached::Clean as u8),
            page_high: AtomicU8::new(0),
        }
    }

    /// Returns what the frame is used for.
    pub(crate) fn kind(&self) -> Kind {
        match self.kind.load(Ordering::Relaxed) {
            1 => Kind::Anonymous,
            2 => Kind::Table,
            3 => Kind::Kernel,
            4 => Kind::File,
            _ => Kind::Free,
        }
    }

    /// Returns how many references there are. Without a lock that holds it still the answer is old
    /// already.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Returns whether the reference the caller holds is the only one.
    ///
    /// The answer stays true while the caller keeps others from its entry: only a holder of a
    /// reference makes another. Acquire: what the last other holder did with the frame happened
    /// before.
    #[inline]
    pub(crate) fn is_sole(&self) -> bool {
        self.count() == 1
    }

    /// A further reference, for somebody who holds one.
    #[inline]
    pub(crate) fn add_reference(&self) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        assert!(
            before != 0 && before != u32::MAX,
            "a reference was taken to a frame with {before}"
        );
    }

    /// Adds a reference for a caller that holds none, unless the frame is free. Returns whether it
    /// did. The frame may have become another page meanwhile, so the caller looks at it again.
    pub(crate) fn try_add_reference(&self) -> bool {
        self.count
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |count| {
                (count != 0).then(|| count + 1)
            })
            .is_ok()
    }

    /// Gives up the reference the caller holds if it is the only one. Returns whether it was, and
    /// the frame is the caller's to free.
    pub(crate) fn drop_sole_reference(&self) -> bool {
        self.count
            .compare_exchange(1, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Gives a reference up. Returns how many are left. With the last, the frame is the caller's to
    /// free.
    #[inline]
    pub(crate) fn drop_reference(&self) -> u32 {
        let before = self.count.fetch_sub(1, Ordering::Release);
        assert!(
            before != 0,
            "a reference was dropped to a frame without any"
        );
        if before == 1 {
            // What the other holders did with the frame happens before it is freed.
            fence(Ordering::Acquire);
        }
        before - 1
    }

    /// Returns the page this frame is: its family and its number. Private memory keeps its address
    /// in a family, so this finds every entry ([`crate::rmap`]).
    pub(crate) fn owner(&self) -> (u32, PageNo) {
        let low = u64::from(self.previous.load(Ordering::Relaxed));
        let high = u64::from(self.page_high.load(Ordering::Relaxed));
        (self.next.load(Ordering::Relaxed), PageNo(high << 32 | low))
    }

    /// Says which page the frame is.
    #[inline]
    pub(crate) fn set_owner(&self, family: u32, page: PageNo) {
        self.next.store(family, Ordering::Relaxed);
        // User addresses end below 2^47 in every format, so page numbers below 2^35.
        self.previous.store(page.0 as u32, Ordering::Relaxed);
        self.page_high
            .store((page.0 >> 32) as u8, Ordering::Relaxed);
    }

    /// Returns the slot with which the frame is in the swap cache. Changes under the cache's lock.
    #[inline]
    pub(crate) fn slot(&self) -> Option<SlotNo> {
        let stored = self.slot.load(Ordering::Relaxed);
        let slot = SlotNo(u64::from(stored.checked_sub(1)?));
        (self.kind() != Kind::File).then_some(slot)
    }

    /// Pages of files: the next one of the chain. Changes under the chain's lock.
    pub(crate) fn chained(&self) -> &AtomicU32 {
        debug_assert_eq!(self.kind(), Kind::File);
        &self.slot
    }

    /// Notes whether a page of a file was read by somebody who has no entry for it.
    pub(crate) fn set_used(&self, used: bool) {
        self.first_free.store(u16::from(used), Ordering::Relaxed);
    }

    /// Returns whether it was.
    pub(crate) fn is_used(&self) -> bool {
        self.first_free.load(Ordering::Relaxed) != 0
    }

    /// Returns whether it is a page that is not being transferred.
    pub(crate) fn is_page_at_rest(&self) -> bool {
        self.kind() == Kind::Anonymous
            && (self.slot().is_none() || matches!(self.cached(), Cached::Clean | Cached::Dirty))
    }

    /// Puts the frame into the swap cache, or takes it out.
    pub(crate) fn set_slot(&self, slot: Option<SlotNo>) {
        let stored = slot.map_or(0, |slot| slot.0 as u32 + 1);
        self.slot.store(stored, Ordering::Relaxed);
    }

    /// Returns how a frame in the cache and its slot compare. Changes under the cache's lock.
    pub(crate) fn cached(&self) -> Cached {
        match self.cached.load(Ordering::Acquire) {
            0 => Cached::Clean,
            1 => Cached::Dirty,
            2 => Cached::Writing,
            3 => Cached::Reading,
            4 => Cached::Failed,
            6 => Cached::Leaving,
            _ => Cached::Gone,
        }
    }

    /// Says how they compare. Release: who sees that a read is over sees what was read.
    pub(crate) fn set_cached(&self, cached: Cached) {
        self.cached.store(cached as u8, Ordering::Release);
    }

    /// References of those who wait for the page; part of the count. Changes under the cache's
    /// lock.
    pub(crate) fn waiters(&self) -> u32 {
        u32::from(self.live.load(Ordering::Relaxed))
    }

    /// One waits more, or less.
    pub(crate) fn change_waiters(&self, by: i16) {
        let waiters = self.live.load(Ordering::Relaxed);
        self.live
            .store(waiters.wrapping_add_signed(by), Ordering::Relaxed);
    }

    /// A frame from a free list begins its new life with one reference.
    pub(crate) fn begin(&self, kind: Kind) {
        debug_assert_eq!(self.count(), 0);
        self.live.store(0, Ordering::Relaxed);
        self.kind.store(kind as u8, Ordering::Relaxed);
        // Release: who takes a reference without having one sees what the frame is.
        self.count.store(1, Ordering::Release);
    }

    /// Marks a frame without references as free. Returns what it was.
    pub(crate) fn end(&self) -> Kind {
        debug_assert_eq!(self.count(), 0);
        let kind = self.kind();
        self.kind.store(Kind::Free as u8, Ordering::Relaxed);
        kind
    }
}

/// The records of the frames of one range of RAM.
struct Span {
    first: u64,
    /// The index of the first record in the whole table.
    base: u32,
    records: &'static [FrameRecord],
}

impl Span {
    #[inline]
    fn get(&self, frame: FrameNo) -> Option<&'static FrameRecord> {
        self.records.get(frame.0.wrapping_sub(self.first) as usize)
    }
}

/// The records of all frames of RAM.
///
/// RAM is one range or several, with holes between them that have no records. An index counts
/// records, so it says nothing about the distance between two frames of different ranges. The first
/// range is looked at first, because most machines have no other.
pub(crate) struct FrameTable {
    main: Span,
    others: ArrayVec<Span, { RANGES_MAX - 1 }>,
    records: &'static [FrameRecord],
}

impl FrameTable {
    /// Returns a table for the frames of `ram`, all free and on no list.
    ///
    /// # Panics
    /// If there is no RAM, if there are fewer records than frames, or more frames than an index can
    /// number (16 TiB).
    pub(crate) fn new(ram: &FrameRanges, records: &'static mut [MaybeUninit<FrameRecord>]) -> Self {
        let frames: u64 = ram.iter().map(|range| range.len()).sum();
        let frames = usize::try_from(frames).expect("RAM fits the address space");
        assert!(
            frames < u32::MAX as usize,
            "more frames than the frame table can number"
        );
        let records = &mut records[..frames];
        for record in records.iter_mut() {
            record.write(FrameRecord::free());
        }
        let records = crate::phys::assume_init(records);
        let mut base = 0;
        let mut spans = ram.iter().map(|range| {
            let first = base;
            base += range.len() as u32;
            Span {
                first: range.start.0,
                base: first,
                records: &records[first as usize..base as usize],
            }
        });
        Self {
            main: spans.next().expect("a machine has RAM"),
            others: spans.collect(),
            records,
        }
    }

    /// Returns how many frames RAM has.
    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Returns the record of a frame.
    ///
    /// # Panics
    /// If the frame is not in RAM: an entry or a list is corrupt.
    #[inline]
    pub(crate) fn record(&self, frame: FrameNo) -> &FrameRecord {
        match self.main.get(frame) {
            Some(record) => record,
            None => &self.records[self.index_elsewhere(frame) as usize],
        }
    }

    /// Returns the record with this index, which came from a list.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> &FrameRecord {
        &self.records[index as usize]
    }

    fn spans(&self) -> impl Iterator<Item = &Span> {
        core::iter::once(&self.main).chain(&self.others)
    }

    /// Every frame of RAM and its record.
    pub(crate) fn all(&self) -> impl Iterator<Item = (FrameNo, &FrameRecord)> {
        self.spans()
            .flat_map(|span| (span.first..).map(FrameNo).zip(span.records))
    }

    /// Returns a frame's index, for lists.
    #[inline]
    pub(crate) fn index(&self, frame: FrameNo) -> u32 {
        let distance = frame.0.wrapping_sub(self.main.first);
        if distance < self.main.records.len() as u64 {
            distance as u32
        } else {
            self.index_elsewhere(frame)
        }
    }

    #[cold]
    fn index_elsewhere(&self, frame: FrameNo) -> u32 {
        let span = self.others.iter().find(|span| span.get(frame).is_some());
        let Some(span) = span else {
            panic!("{frame:?} is not in RAM");
        };
        span.base + (frame.0 - span.first) as u32
    }

    /// Returns the frame with this index.
    #[inline]
    pub(crate) fn frame(&self, index: u32) -> FrameNo {
        let mut span = &self.main;
        if index as usize >= span.records.len() {
            let mut others = self.others.iter().rev();
            span = others.find(|span| index >= span.base).unwrap_or(span);
        }
        FrameNo(span.first + u64::from(index - span.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::FrameRange;

    fn record() -> FrameRecord {
        let record = FrameRecord::free();
        record.begin(Kind::Anonymous);
        record
    }

    #[test]
    fn mistake_01_seventy_thousand_references() {
        let record = record();
        for _ in 1..70_000 {
            record.add_reference();
        }
        assert_eq!(record.count(), 70_000);
        for _ in 1..70_000 {
            assert_ne!(record.drop_reference(), 0);
        }
        assert!(record.is_sole());
        assert_eq!(record.drop_reference(), 0);
    }

    #[test]
    #[should_panic(expected = "a reference was taken to a frame with 0")]
    fn no_resurrection() {
        let record = record();
        assert_eq!(record.drop_reference(), 0);
        record.add_reference();
    }

    #[test]
    #[should_panic(expected = "a reference was dropped to a frame without any")]
    fn no_double_free() {
        let record = record();
        record.drop_reference();
        record.drop_reference();
    }

    #[test]
    fn exactly_one_dropper_frees() {
        for _ in 0..200 {
            let record = record();
            for _ in 1..4 {
                record.add_reference();
            }
            let last: u32 = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| u32::from(record.drop_reference() == 0)))
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .sum()
            });
            assert_eq!(last, 1);
        }
    }

    #[test]
    fn the_number_of_a_page_is_kept_whole() {
        let record = record();
        for page in [0, 0x3ff_ffff, 1 << 32, 0x7_ffff_fffd] {
            record.set_owner(7, PageNo(page));
            assert_eq!(record.owner(), (7, PageNo(page)));
        }
    }

    #[test]
    fn a_hole_between_two_ranges_has_no_records() {
        let range = |start, end| FrameRange::new(FrameNo(start), FrameNo(end));
        let ram: FrameRanges = [
            range(0x100, 0x104),
            range(0x10_0000, 0x10_0003),
            range(50, 52),
        ]
        .into_iter()
        .collect();
        let table = FrameTable::new(&ram, Box::leak(Box::new_uninit_slice(9)));
        assert_eq!(table.len(), 9);
        let frames: Vec<u64> = table.all().map(|(frame, _)| frame.0).collect();
        let expected = [
            0x100, 0x101, 0x102, 0x103, 0x10_0000, 0x10_0001, 0x10_0002, 50, 51,
        ];
        assert_eq!(frames, expected);
        for (index, frame) in (0..).zip(expected.map(FrameNo)) {
            assert_eq!((table.index(frame), table.frame(index)), (index, frame));
            assert!(core::ptr::eq(table.record(frame), table.at(index)));
        }
        for outside in [0xff, 0x104, 0xf_ffff, 0x10_0003, 49, 52, 0, u64::MAX] {
            let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                table.record(FrameNo(outside)).count()
            }));
            assert!(found.is_err(), "{outside:#x}");
        }
    }
}
