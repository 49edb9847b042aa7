//! Pages that are being transferred, and those who wait for them.
//!
//! Everything here happens under the lock of [`super::slots`], as in [`super::cache`].

use super::PageWait;
use crate::addr::{FrameNo, SlotNo};
use crate::frame::{Cached, Kind};
use crate::machine::Machine;
use crate::memory::Memory;

impl<M: Machine> Memory<M> {
    /// Says how a transfer went that the caller began.
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

    /// The frame of a slot that the caller transfers: it stays in the cache until that has ended.
    pub(super) fn frame_in_transfer(&self, slot: SlotNo) -> FrameNo {
        let index = self.slots.record(slot).frame();
        self.frames
            .frame(index.expect("a slot in transfer is cached"))
    }

    /// The frames of `count` slots that the caller transfers.
    pub(super) fn frames_in_transfer(
        &self,
        first: SlotNo,
        count: usize,
    ) -> impl Iterator<Item = FrameNo> {
        (first.0..first.0 + count as u64).map(|slot| self.frame_in_transfer(SlotNo(slot)))
    }

    /// Whether a page that somebody waits for is still being read or written.
    pub(super) fn is_in_transfer(&self, frame: FrameNo) -> bool {
        let record = self.frames.record(frame);
        let cached = record.slot().is_some() || record.kind() == Kind::File;
        cached && matches!(record.cached(), Cached::Reading | Cached::Writing)
    }

    /// Before somebody writes a shared page: if it is in the cache, its slot has something else from now on. If it is being
    /// written out, that must end first.
    pub(crate) fn dirty_in_cache(&self, frame: FrameNo) -> Option<PageWait<'_, M>> {
        let record = self.frames.record(frame);
        record.slot()?;
        self.slots.locked(|_| {
            record.slot()?;
            match record.cached() {
                Cached::Clean => record.set_cached(Cached::Dirty),
                Cached::Writing => {
                    record.add_reference();
                    record.change_waiters(1);
                    return Some(PageWait::new(self, frame));
                }
                Cached::Dirty | Cached::Reading | Cached::Failed | Cached::Gone => {}
            }
            None
        })
    }

    /// Lets go of a page that was waited for.
    pub(super) fn stop_waiting(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        match record.kind() {
            Kind::File => self.stop_waiting_for_file(frame),
            _ => self.slots.locked(|_| record.change_waiters(-1)),
        }
        self.drop_reference(frame);
    }

    /// The one who reads a page waits for it too.
    pub(super) fn wait_too(&self, frame: FrameNo) {
        let record = self.frames.record(frame);
        record.add_reference();
        self.slots.locked(|_| record.change_waiters(1));
    }
}
