//! Pages of files in a round of eviction.

use arrayvec::ArrayVec;

use super::{DIRTY_MOST, ROUND, Spare};
use crate::addr::FrameNo;
use crate::file::FilePage;
use crate::frame::Cached;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::Pte;

/// A page that no entry maps any more. Stale translations may reach it until they are flushed.
struct Unmapped {
    frame: FrameNo,
    page: FilePage,
    /// The references to be dropped: those of its former entries, and the one taken to examine it.
    references: u32,
}

/// The most pages of files in a round. They are kept on a kernel stack, beside the private pages.
const FILES_MOST: usize = ROUND / 2;

/// The pages of files in a round.
pub(super) struct FileRound {
    unmapped: ArrayVec<Unmapped, FILES_MOST>,
    /// Pages that can be evicted once they are written back.
    pub(super) dirty: ArrayVec<FilePage, DIRTY_MOST>,
}

impl FileRound {
    pub(super) fn new() -> Self {
        Self {
            unmapped: ArrayVec::new(),
            dirty: ArrayVec::new(),
        }
    }

    /// Returns the number of pages, to be written or not.
    pub(super) fn len(&self) -> usize {
        self.unmapped.len() + self.dirty.len()
    }

    /// Returns whether there is no room for another unmapped page.
    pub(super) fn is_full(&self) -> bool {
        self.unmapped.is_full()
    }
}

impl<M: Machine> Memory<M> {
    /// If `frame` holds a page of a file that can be evicted, unmaps it, or adds it to the pages to
    /// be written back if it is dirty.
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
        let mut used = record.file().take_use();
        self.for_each_file_mapping(page, frame, |leaf, at, pte| {
            entries += 1;
            if pte.is_accessed() {
                used = true;
                // If the entry changes meanwhile, the page is in use.
                let _ = leaf.replace(at, pte, pte.not_accessed());
            }
        });
        // The two others are the caller's reference and the cache's.
        if used && spare == Spare::Used || record.count() != entries + 2 {
            return None;
        }
        if record.cached() == Cached::Dirty {
            if !round.dirty.contains(&page) {
                // If the list is full, the next round finds the rest.
                let _ = round.dirty.try_push(page);
            }
            return None;
        }
        let mut references = 1;
        self.for_each_file_mapping(page, frame, |leaf, at, pte| {
            let evicted = Pte::EVICTED;
            references += u32::from(leaf.tighten(at, pte, evicted));
        });
        Some(Unmapped {
            frame,
            page,
            references,
        })
    }

    /// Flushes the translations of the unmapped pages on every hart.
    pub(super) fn flush_files(&self, round: &FileRound) {
        let mut flushed = None;
        for unmapped in &round.unmapped {
            let file = unmapped.page.file;
            // Adjacent frames mostly hold pages of one file, so each file is flushed once for a run
            // of them. A page that no entry mapped is in no TLB.
            if unmapped.references > 1 && flushed.replace(file) != Some(file) {
                self.flush_file(file);
            }
        }
    }

    /// Releases the pages, which no translation reaches any more. Returns how many frames that
    /// freed.
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
