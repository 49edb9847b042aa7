//! Pages that are being read or written, and the threads that wait for them.
//!
//! Everything here happens under the lock of [`super::slots`], as in [`super::cache`].

use super::PageWait;
use crate::addr::{FrameNo, SlotNo};
use crate::frame::{Cached, Kind};
use crate::machine::Machine;
use crate::memory::Memory;

impl<M: Machine> Memory<M> {
    /// Ends a transfer that the caller began.
    pub(super) fn end_transfer(&self, frame: FrameNo, from: Cached, to: Cached) {
        let record = self.frames.record(frame);
        self.slots.locked(|_| {
            debug_assert!(
                record.slot().is_some() && record.cached() == from,
                "a frame in transfer stays in the cache"
            );
            record.set_cached(to);
        });
    }

    /// Returns the frame of a slot that the caller transfers. It stays in the cache until the
    /// transfer has ended.
    pub(super) fn frame_in_transfer(&self, slot: SlotNo) -> FrameNo {
        let index = self.slots.record(slot).frame();
        self.frames
            .frame(index.expect("a slot in transfer is cached"))
    }

    /// Returns the frames of `count` slots that the caller transfers.
    pub(super) fn frames_in_transfer(
        &self,
        first: SlotNo,
        count: usize,
    ) -> impl Iterator<Item = FrameNo> {
        (first.0..first.0 + count as u64).map(|slot| self.frame_in_transfer(SlotNo(slot)))
    }

    /// Returns whether a page is still being read or written. The caller waits for it and so holds
    /// a reference.
    pub(super) fn is_in_transfer(&self, frame: FrameNo) -> bool {
        let record = self.frames.record(frame);
        let cached = record.slot().is_some() || record.kind() == Kind::File;
        let moves = matches!(
            record.cached(),
            Cached::Reading | Cached::Writing | Cached::Leaving
        );
        cached && moves
    }

    /// Prepares for a write to a shared page: if the page is in the cache, its slot is out of date
    /// from now on. If the page is being written out, returns what to wait for first.
    pub(crate) fn dirty_in_cache(&self, frame: FrameNo) -> Option<PageWait<'_, M>> {
        let record = self.frames.record(frame);
        record.slot()?;
        self.slots.locked(|_| {
            record.slot()?;
            match record.cached() {
                Cached::Clean => record.set_cached(Cached::Dirty),
                Cached::Writing => {
                    record.add_waiter();
                    return Some(PageWait::new(self, frame));
                }
                Cached::Dirty
                | Cached::Reading
                | Cached::Failed
                | Cached::Gone
                | Cached::Leaving => {}
            }
            None
        })
    }

    /// Ends a wait for a page.
    pub(super) fn stop_waiting(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        match record.kind() {
            Kind::File => self.stop_waiting_for_file(frame),
            _ => self.slots.locked(|_| record.end_wait()),
        }
        self.drop_reference(frame);
    }

    /// Makes the thread that reads a page one of its waiters.
    pub(super) fn wait_too(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        self.slots.locked(|_| record.add_waiter());
    }
}
