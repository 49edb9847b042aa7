//! The look-up of the page cache: from a page of a file to its frame and that frame's state.
//!
//! Every decision here is made under the lock of the page's chain. A frame is given back after that
//! lock has been released. The invariants are those of [`super`].

use abi::MemCounter;
use sync::LeafLock;
use sync::atomic::{AtomicU64, Ordering};

use super::FilePage;
use super::mapping::Mappings;
use crate::addr::FrameNo;
use crate::commit::NoMemory;
use crate::frame::{Cached, FrameRecord, Kind};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::swap::TransferError;

/// The number of locks that protect the chains. Lock `n` protects the chains whose heads are `n`
/// modulo this number.
const LOCKS: usize = 64;

/// The parts of the page cache that are not in the frame table.
pub(crate) struct FileCache {
    chains: [LeafLock<()>; LOCKS],
    pub(super) mappings: Mappings,
    pub(crate) cuts: Cuts,
}

/// Counts truncations. A truncation cannot see entries that are not published yet, so their owner
/// asks afterwards whether there was one.
pub(crate) struct Cuts {
    begun: AtomicU64,
    done: AtomicU64,
}

impl Cuts {
    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns how many truncations have ended.
    pub(crate) fn so_far(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Returns whether a truncation was in progress when `over` truncations had ended, or has begun
    /// since.
    pub(crate) fn any_since(&self, over: u64) -> bool {
        self.begun.load(Ordering::SeqCst) != over
    }
}

impl FileCache {
    pub(crate) fn new() -> Self {
        Self {
            chains: core::array::from_fn(|_| LeafLock::new(())),
            mappings: Mappings::new(),
            cuts: Cuts {
                begun: AtomicU64::new(0),
                done: AtomicU64::new(0),
            },
        }
    }
}

/// The answer of a look-up.
pub(crate) enum Lookup {
    /// The frame of the page. The caller has got a reference to it.
    Here(FrameNo),
    /// The frame into which the page is being read, or which leaves the cache once it is written.
    /// The caller has got a reference and waits ([`crate::swap::PageWait`]).
    Coming(FrameNo),
    /// The page is not in the cache.
    Missing,
}

impl<M: Machine> Memory<M> {
    /// Returns the index of the record that holds the head of a page's chain.
    fn head_of(&self, page: FilePage) -> u32 {
        // Pages of one file are neighbours, and files begin far apart (multiplicative hashing;
        // Knuth, The Art of Computer Programming, 6.4).
        let hash = page
            .file
            .0
            .wrapping_mul(0x9e37_79b1)
            .wrapping_add(page.index);
        hash % self.frames.len() as u32
    }

    fn locked_chain<R>(&self, page: FilePage, body: impl FnOnce(u32) -> R) -> R {
        let head = self.head_of(page);
        let lock = &self.files.chains[head as usize % LOCKS];
        lock.with(|()| body(head))
    }

    /// Runs `body` on the frame of a page under the lock of its chain. Returns `None` if the page
    /// is not cached.
    fn with_cached<R>(
        &self,
        page: FilePage,
        body: impl FnOnce(FrameNo, &FrameRecord) -> R,
    ) -> Option<R> {
        self.locked_chain(page, |head| {
            self.chain(head)
                .find(|(_, record)| record.file().page() == page)
                .map(|(frame, record)| body(frame, record))
        })
    }

    /// Returns the frames of a chain, whose lock is held.
    fn chain(&self, head: u32) -> impl Iterator<Item = (FrameNo, &FrameRecord)> {
        let mut next = self.frames.at(head).anchor.load(Ordering::Relaxed);
        core::iter::from_fn(move || {
            let index = next.checked_sub(1)?;
            let record = self.frames.at(index);
            next = record.file().next_in_chain().load(Ordering::Relaxed);
            Some((self.frames.frame(index), record))
        })
    }

    /// Returns what the cache has for a page.
    pub(crate) fn look_up_file(&self, page: FilePage) -> Lookup {
        let found = self.with_cached(page, |frame, record| {
            if matches!(record.cached(), Cached::Reading | Cached::Leaving) {
                record.add_waiter();
                Lookup::Coming(frame)
            } else {
                record.add_reference();
                Lookup::Here(frame)
            }
        });
        found.unwrap_or(Lookup::Missing)
    }

    /// Returns the page of a frame, with a reference for the caller, if the frame is cached and not
    /// being transferred. A frame that is anything else gets no reference, not even for a moment.
    pub(crate) fn pin_if_at_rest(&self, frame: FrameNo) -> Option<FilePage> {
        let record = self.frames.record(frame);
        if record.kind() != Kind::File {
            return None;
        }
        // The frame may become something else before it is found in a chain.
        let page = record.file().page();
        let pinned = self.with_cached(page, |found, record| {
            let at_rest = matches!(record.cached(), Cached::Clean | Cached::Dirty);
            let pinned = found == frame && at_rest;
            if pinned {
                record.add_reference();
            }
            pinned
        });
        (pinned == Some(true)).then_some(page)
    }

    /// Adds a new frame for a page to the cache, into which the caller will read the page. The
    /// caller gets a reference. Returns `None` if the page is cached already.
    pub(super) fn cache_for_file_read(
        &self,
        page: FilePage,
        floor: u64,
    ) -> Result<Option<FrameNo>, NoMemory> {
        self.may_allocate()?;
        let mut reservation = self.budget.take_without_place(floor)?;
        let frame = self.allocate(Kind::File, &mut reservation).into_reference();
        let record = self.frames.record(frame);
        record.file().set_page(page);
        record.set_cached(Cached::Reading);
        record.file().note_use();
        let cached = self.locked_chain(page, |head| {
            let missing = self
                .chain(head)
                .all(|(_, other)| other.file().page() != page);
            if missing {
                let anchor = &self.frames.at(head).anchor;
                let next = anchor.load(Ordering::Relaxed);
                record.file().next_in_chain().store(next, Ordering::Relaxed);
                anchor.store(self.frames.index(frame) + 1, Ordering::Relaxed);
                record.add_reference();
            }
            missing
        });
        if !cached {
            self.drop_reference(frame);
        }
        Ok(cached.then_some(frame))
    }

    /// Removes a frame from its chain, whose lock is held. The cache's reference becomes the
    /// caller's.
    fn unchain(&self, head: u32, frame: FrameNo) {
        let own = self.frames.index(frame) + 1;
        let mut link = &self.frames.at(head).anchor;
        loop {
            let next = link.load(Ordering::Relaxed);
            let Some(index) = next.checked_sub(1) else {
                unreachable!("a cached page is in its chain");
            };
            let record = self.frames.at(index);
            if next == own {
                link.store(
                    record.file().next_in_chain().load(Ordering::Relaxed),
                    Ordering::Relaxed,
                );
                record.file().next_in_chain().store(0, Ordering::Relaxed);
                record.set_cached(Cached::Gone);
                return;
            }
            link = record.file().next_in_chain();
        }
    }

    /// Ends the read of a frame. If the read failed, the frame leaves the cache.
    pub(super) fn end_file_read(&self, frame: FrameNo, result: Result<(), TransferError>) {
        let record = self.frames.record(frame);
        self.locked_chain(record.file().page(), |head| {
            if result.is_ok() {
                record.set_cached(Cached::Clean);
            } else {
                self.unchain(head, frame);
            }
        });
        if result.is_err() {
            self.drop_reference(frame);
        }
    }

    /// Ends the write of a frame, which may have left the cache meanwhile, and drops the write's
    /// reference. Returns how many frames are free. A frame that is [`Cached::Leaving`] leaves the
    /// cache now, even if threads wait for it. Otherwise a program that stores all the time would
    /// wait for every page that is evicted, and none would become free. The waiters drop their
    /// references when they try again.
    pub(super) fn end_file_write(&self, frame: FrameNo, result: Result<(), TransferError>) -> u64 {
        let record = self.frames.record(frame);
        let left = self.locked_chain(record.file().page(), |head| {
            // The write's reference and the cache's. Further ones belong to readers, or to entries
            // that the write did not see because their space is not published yet.
            let unmapped = record.count_without_waiters() == 2;
            match record.cached() {
                Cached::Leaving if result.is_ok() && unmapped => {
                    self.unchain(head, frame);
                    return true;
                }
                Cached::Writing | Cached::Leaving => {
                    record.set_cached(match result {
                        Ok(()) => Cached::Clean,
                        Err(TransferError) => Cached::Dirty,
                    });
                }
                _ => {}
            }
            false
        });
        if left {
            self.drop_reference(frame);
            self.count(MemCounter::Reclaimed, 1);
        }
        let freed = record.drop_sole_reference();
        if freed {
            self.give_back(frame);
        } else {
            self.drop_reference(frame);
        }
        freed.into()
    }

    /// Removes a page from the cache and frees its frame, if the page is clean and only the cache
    /// refers to it. Returns whether it did.
    pub(crate) fn drop_clean_file_page(&self, page: FilePage) -> bool {
        let sole =
            |record: &FrameRecord| record.cached() == Cached::Clean && record.drop_sole_reference();
        let freed = self.locked_chain(page, |head| {
            let (frame, _) = self
                .chain(head)
                .find(|(_, record)| record.file().page() == page && sole(record))?;
            self.unchain(head, frame);
            Some(frame)
        });
        if let Some(frame) = freed {
            self.give_back(frame);
            self.count(MemCounter::Reclaimed, 1);
        }
        freed.is_some()
    }

    /// Removes a page from the cache, whatever else refers to it. Returns its frame with the
    /// reference that the cache had. A page that is being read stays in the cache, and its reader
    /// will find that it is gone.
    pub(super) fn uncache_file_page(&self, page: FilePage) -> Option<FrameNo> {
        self.locked_chain(page, |head| {
            let (frame, _) = self.chain(head).find(|(_, record)| {
                record.file().page() == page && record.cached() != Cached::Reading
            })?;
            self.unchain(head, frame);
            Some(frame)
        })
    }

    /// Begins the write-back of a page if it is dirty. Its state becomes `writing`. Returns its
    /// frame, to which the write has got a reference.
    pub(super) fn begin_file_write(&self, page: FilePage, writing: Cached) -> Option<FrameNo> {
        self.with_cached(page, |frame, record| {
            let dirty = record.cached() == Cached::Dirty;
            if dirty {
                record.set_cached(writing);
                record.add_reference();
            }
            dirty.then_some(frame)
        })?
    }

    /// Makes a mapped page dirty, before an entry gets the right to write it.
    pub(crate) fn dirty_file_page(&self, frame: FrameNo) -> Dirtied {
        let record = self.frames.record(frame);
        self.locked_chain(record.file().page(), |_| match record.cached() {
            Cached::Clean | Cached::Dirty => {
                record.set_cached(Cached::Dirty);
                Dirtied::Now
            }
            Cached::Writing | Cached::Leaving => {
                record.add_waiter();
                Dirtied::Later
            }
            Cached::Gone => Dirtied::Never,
            Cached::Reading | Cached::Failed => unreachable!("such a page is mapped by nobody"),
        })
    }

    /// Ends a wait for a page of a file.
    pub(crate) fn stop_waiting_for_file(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        self.locked_chain(record.file().page(), |_| record.end_wait());
    }

    /// Makes the thread that reads a page one of its waiters.
    pub(super) fn wait_for_file_too(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        self.locked_chain(record.file().page(), |_| record.add_waiter());
    }

    /// Visits every cached frame, while nothing else runs.
    pub(crate) fn for_each_cached_page(&self, mut visit: impl FnMut(FrameNo)) {
        for head in 0..self.frames.len() as u32 {
            for (frame, record) in self.chain(head) {
                debug_assert_eq!(self.head_of(record.file().page()), head);
                visit(frame);
            }
        }
    }
}

/// The answer of [`Memory::dirty_file_page`].
pub(crate) enum Dirtied {
    /// The page is dirty.
    Now,
    /// The page is being written back. The caller waits for it.
    Later,
    /// The page does not belong to the file any more.
    Never,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::file::FileNo;
    use crate::testing::memory;

    #[test]
    fn a_truncation_that_is_over_was_before() {
        let cuts = FileCache::new().cuts;
        for _ in 0..3 {
            let over = cuts.so_far();
            assert!(!cuts.any_since(over));
            cuts.begin();
            assert!(cuts.any_since(over), "one is under way");
            assert!(cuts.any_since(cuts.so_far()));
            cuts.end();
            assert!(cuts.any_since(over));
        }
    }

    #[test]
    fn neighbours_in_a_file_are_in_chains_of_their_own() {
        let memory = memory(999);
        for file in [1, 2, 70_000].map(FileNo) {
            let heads = (0..1000).map(|index| memory.head_of(FilePage { file, index }));
            assert_eq!(heads.collect::<HashSet<_>>().len(), 1000);
        }
    }
}
