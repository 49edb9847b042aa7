//! A frame that somebody has to himself.

use core::mem::ManuallyDrop;

use crate::addr::FrameNo;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::phys;

/// A frame with one reference, and this is it: nobody else can reach the bytes. Dropping it frees it.
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

    /// Which frame it is.
    pub fn frame(&self) -> FrameNo {
        self.frame
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; abi::PAGE_SIZE] {
        phys::owned_bytes(&self.memory.machine, self)
    }

    /// Its bytes, to change.
    pub fn bytes_mut(&mut self) -> &mut [u8; abi::PAGE_SIZE] {
        phys::owned_bytes_mut(&self.memory.machine, self)
    }

    /// Fills it with zeros.
    pub(crate) fn zero(&mut self) {
        phys::zero(&self.memory.machine, self);
    }

    /// Fills it with what another frame holds.
    pub(crate) fn copy_from(&mut self, from: FrameNo) {
        phys::copy(&self.memory.machine, from, self);
    }

    /// Hands the reference on, to a table entry or a kernel mapping. It comes back by
    /// [`Memory::reclaim_kernel_frame`] or by the entry's removal.
    pub fn into_reference(self) -> FrameNo {
        ManuallyDrop::new(self).frame
    }
}

impl<M: Machine> Drop for OwnedFrame<'_, M> {
    fn drop(&mut self) {
        self.memory.drop_reference(self.frame);
    }
}
