//! Pages of files in a round of eviction.

use arrayvec::ArrayVec;

use super::{DIRTY_MOST, ROUND, Spare};
use crate::addr::FrameNo;
use crate::file::FilePage;
use crate::frame::Cached;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::Format;

/// A page that no entry maps any more, but that stale translations may reach until those who had it
/// are flushed.
struct Unmapped {
    frame: FrameNo,
    page: FilePage,
    /// References that are to be dropped: those of the entries, and one that was taken for the
    /// look.
    references: u32,
}

/// Most pages of files in a round: it lies on a kernel stack beside the private ones.
const FILES_MOST: usize = ROUND / 2;

/// The pages of files in a round.
pub(super) struct FileRound {
    unmapped: ArrayVec<Unmapped, FILES_MOST>,
    /// Pages that could go, but for what their files lack of them.
    pub(super) dirty: ArrayVec<FilePage, DIRTY_MOST>,
}

impl FileRound {
    pub(super) fn new() -> Self {
        Self {
            unmapped: ArrayVec::new(),
            dirty: ArrayVec::new(),
        }
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.unmapped.len() + self.dirty.len()
    }

    /// Returns whether there is no room for another one.
    pub(super) fn is_full(&self) -> bool {
        self.unmapped.is_full()
    }
}

impl<M: Machine> Memory<M> {
    /// Unmaps the page in a frame if it is a file's and may go, or notes that it must be written
    /// back first.
    pub(super) fn consider_file(&self, frame: FrameNo, spare: Spare, round: &mut FileRound) {
        let Some(page) = self.pin_if_at_rest(frame) else {
            return;
        };
        match self.unmap_unused_file(frame, page, spare, round) {
            Some(unmapped) => round.unmapped.push(unmapped),
            None => self.drop_reference(frame),
        }
    }

    fn unmap_unused_file(
        &self,
        frame: FrameNo,
        page: FilePage,
        spare: Spare,
        round: &mut FileRound,
    ) -> Option<Unmapped> {
        let record = self.frames.record(frame);
        let mut entries = 0;
        let mut used = record.is_used();
        record.set_used(false);
        self.for_each_file_mapping(page, frame, |leaf, at, word| {
            entries += 1;
            if word & M::Format::ACCESSED != 0 {
                used = true;
                // If the entry changes meanwhile, it is in use.
                let _ = leaf.replace::<M::Format>(at, word, word & !M::Format::ACCESSED);
            }
        });
        // The caller's and the cache's.
        if used && spare == Spare::Used || record.count() != entries + 2 {
            return None;
        }
        if record.cached() == Cached::Dirty {
            if !round.dirty.contains(&page) {
                // Where there are many, others are found next time.
                let _ = round.dirty.try_push(page);
            }
            return None;
        }
        let mut references = 1;
        self.for_each_file_mapping(page, frame, |leaf, at, word| {
            let evicted = M::Format::EVICTED;
            references += u32::from(leaf.tighten::<M::Format>(at, word, evicted));
        });
        Some(Unmapped {
            frame,
            page,
            references,
        })
    }

    /// Makes every hart forget the pages.
    pub(super) fn flush_files(&self, round: &FileRound) {
        let mut flushed = None;
        for unmapped in &round.unmapped {
            let file = unmapped.page.file;
            // Neighbours in memory are mostly of one file; a page that had no entry is in nobody's
            // TLB.
            if unmapped.references > 1 && flushed.replace(file) != Some(file) {
                self.flush_file(file);
            }
        }
    }

    /// Lets go of the pages, which no translation reaches any more. Returns how many frames are
    /// free.
    pub(super) fn finish_files(&self, round: &FileRound) -> u64 {
        let mut freed = 0;
        for unmapped in &round.unmapped {
            for _ in 0..unmapped.references {
                self.drop_reference(unmapped.frame);
            }
            freed += u64::from(self.drop_clean_file_page(unmapped.page));
        }
        freed
    }
}
