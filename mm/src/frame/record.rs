//! The record of a frame: its kind, its references, and room for what each kind must know (Linux:
//! `struct page`, 64 bytes).
//!
//! Neighbours: [`super::views`] names what the room holds for each kind; [`super::table`] has the
//! records of all frames.

use sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering, fence};

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
    /// Returns the name for messages.
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

/// How a frame in a cache compares with the device's copy, in a slot or in a page of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cached {
    /// Both have equal contents.
    Clean = 0,
    /// The frame has newer contents than the device.
    Dirty = 1,
    /// The frame is being written; the write holds a reference.
    Writing = 2,
    /// The frame is being read; the read holds a reference.
    Reading = 3,
    /// The slot could not be read, so the frame does not hold the page.
    Failed = 4,
    /// Pages of files: the frame has left the cache, because the file has no such page any more or
    /// it could not be read.
    Gone = 5,
    /// Pages of files: the frame is being written and then leaves the cache; the write holds a
    /// reference. No new entry maps the frame.
    Leaving = 6,
}

/// What is known about one frame, in 32 bytes.
///
/// The fields `first` to `sixth` mean something else for each kind; [`super::views`] has the table.
#[repr(C)]
pub struct FrameRecord {
    /// References to the frame (R1). 32 bits: 4 billion entries would fill 32 GiB of tables.
    count: AtomicU32,
    pub(super) first: AtomicU32,
    pub(super) second: AtomicU32,
    pub(super) fourth: AtomicU16,
    pub(super) fifth: AtomicU16,
    /// The number of referrers that an audit has met. It is kept here so that an audit needs no
    /// memory.
    pub(crate) met: AtomicU32,
    pub(super) third: AtomicU32,
    /// This field does not describe this frame. It is the head of the chain of cached file pages
    /// whose hash is this record's index ([`crate::file`]): 1 plus the index of the chain's first
    /// frame, or 0.
    pub(crate) anchor: AtomicU32,
    kind: AtomicU8,
    cached: AtomicU8,
    pub(super) sixth: AtomicU8,
}

// Under loom an atomic is larger, because loom keeps its history.
#[cfg(not(loom))]
const _: () = assert!(size_of::<FrameRecord>() <= 32);

impl FrameRecord {
    /// Returns the record of a frame that is free and on no list.
    pub(crate) fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            first: AtomicU32::new(0),
            second: AtomicU32::new(0),
            fourth: AtomicU16::new(0),
            fifth: AtomicU16::new(0),
            met: AtomicU32::new(0),
            third: AtomicU32::new(0),
            anchor: AtomicU32::new(0),
            kind: AtomicU8::new(Kind::Free as u8),
            cached: AtomicU8::new(Cached::Clean as u8),
            sixth: AtomicU8::new(0),
        }
    }

    /// Returns the frame's kind.
    pub(crate) fn kind(&self) -> Kind {
        match self.kind.load(Ordering::Relaxed) {
            1 => Kind::Anonymous,
            2 => Kind::Table,
            3 => Kind::Kernel,
            4 => Kind::File,
            _ => Kind::Free,
        }
    }

    /// Returns the number of references. Unless a lock keeps it from changing, the answer may be
    /// out of date at once.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Returns whether the caller's reference is the only one.
    ///
    /// The answer stays true while the caller keeps other threads from its entry, because only the
    /// holder of a reference can add one. Acquire: everything that the last other holder did with
    /// the frame happened before.
    #[inline]
    pub(crate) fn is_sole(&self) -> bool {
        self.count() == 1
    }

    /// Adds a reference. The caller holds one already.
    #[inline]
    pub(crate) fn add_reference(&self) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        assert!(
            before != 0 && before != u32::MAX,
            "a reference was taken to a frame with {before}"
        );
    }

    /// Adds a reference for a caller that holds none, unless the frame is free. Returns whether it
    /// did. The frame may have become another page meanwhile, so the caller checks it again.
    pub(crate) fn try_add_reference(&self) -> bool {
        self.count
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |count| {
                (count != 0).then(|| count + 1)
            })
            .is_ok()
    }

    /// Drops the caller's reference if it is the only one. Returns whether it was; the caller frees
    /// the frame then.
    pub(crate) fn drop_sole_reference(&self) -> bool {
        self.count
            .compare_exchange(1, 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Drops a reference. Returns how many are left. If none is left, the caller frees the frame.
    #[inline]
    pub(crate) fn drop_reference(&self) -> u32 {
        let before = self.count.fetch_sub(1, Ordering::Release);
        assert!(
            before != 0,
            "a reference was dropped to a frame without any"
        );
        if before == 1 {
            // Everything that the other holders did with the frame happens before it is freed.
            fence(Ordering::Acquire);
        }
        before - 1
    }

    /// Returns how the frame compares with its slot or its page of the file. It changes under the
    /// lock of the cache.
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

    /// Sets how the frame compares with the device's copy. Release: a thread that sees the end of a
    /// read also sees what was read.
    pub(crate) fn set_cached(&self, cached: Cached) {
        self.cached.store(cached as u8, Ordering::Release);
    }

    /// Makes a frame from a free list one of `kind`, with one reference.
    pub(crate) fn begin(&self, kind: Kind) {
        debug_assert_eq!(self.count(), 0);
        self.fourth.store(0, Ordering::Relaxed);
        self.kind.store(kind as u8, Ordering::Relaxed);
        // Release: a thread that takes a reference without holding one sees the frame's kind.
        self.count.store(1, Ordering::Release);
    }

    /// Marks a frame without references as free. Returns its former kind.
    pub(crate) fn end(&self) -> Kind {
        debug_assert_eq!(self.count(), 0);
        let kind = self.kind();
        self.kind.store(Kind::Free as u8, Ordering::Relaxed);
        kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> FrameRecord {
        let record = FrameRecord::new();
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
}
