//! Frames with exactly one owner.

use core::mem::ManuallyDrop;

use crate::addr::FrameNo;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::phys;

/// The only reference to a frame. Nothing else can reach the frame's bytes. Dropping it frees the
/// frame.
pub struct OwnedFrame<'m, M: Machine> {
    memory: &'m Memory<M>,
    frame: FrameNo,
}

impl<'m, M: Machine> OwnedFrame<'m, M> {
    /// Wraps a frame whose only reference the caller holds.
    pub(crate) fn new(memory: &'m Memory<M>, frame: FrameNo) -> Self {
        debug_assert!(memory.frames.record(frame).is_sole());
        Self { memory, frame }
    }

    /// Returns the frame.
    pub fn frame(&self) -> FrameNo {
        self.frame
    }

    /// Returns the bytes of the frame.
    pub fn bytes(&self) -> &[u8; abi::PAGE_SIZE] {
        phys::owned_bytes(&self.memory.machine, self)
    }

    /// Returns the bytes of the frame, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8; abi::PAGE_SIZE] {
        phys::owned_bytes_mut(&self.memory.machine, self)
    }

    /// Fills the frame with zeros.
    pub(crate) fn zero(&mut self) {
        phys::zero(&self.memory.machine, self);
    }

    /// Copies another frame into this one.
    pub(crate) fn copy_from(&mut self, from: FrameNo) {
        phys::copy(&self.memory.machine, from, self);
    }

    /// Turns this into a plain reference, for a table entry or a kernel mapping. It comes back by
    /// [`Memory::reclaim_kernel_frame`] or when the entry is removed.
    pub fn into_reference(self) -> FrameNo {
        ManuallyDrop::new(self).frame
    }
}

impl<M: Machine> Drop for OwnedFrame<'_, M> {
    fn drop(&mut self) {
        self.memory.drop_reference(self.frame);
    }
}
