//! The machine, as the memory system needs it.

use core::sync::atomic::Ordering;

use mm::addr::{FrameNo, VirtAddr};
use mm::machine::{Fence, HartSet, Root};
use mm::pt::X86_64;

use super::features::{Features, has};
use super::layout::to_virtual;
use super::{copy, fence, hart, kernel_space};
use crate::process;

/// The number of identifiers for which CR3 has room.
const IDENTIFIERS: usize = 1 << 12;
/// The bit of a value for CR3 that makes the processor keep the translations of the identifier.
const KEEP: u64 = 1 << 63;

/// This machine. All its state is in the hardware.
#[derive(Debug)]
pub struct Machine {
    asids: usize,
}

impl Machine {
    /// Asks the hardware for its properties. The kernel's own tables are loaded.
    pub fn new() -> Self {
        Self {
            asids: if has(Features::PCID) { IDENTIFIERS } else { 1 },
        }
    }
}

// SAFETY: `frame_address` is the direct map, which is one to one and has all RAM that the memory
// system is given; the kernel's image and the early frames are not among it (see `boot`).
unsafe impl mm::Machine for Machine {
    type Format = X86_64;

    fn asids(&self) -> usize {
        self.asids
    }

    #[inline]
    fn hart(&self) -> usize {
        hart::hart()
    }

    #[inline]
    fn frame_address(&self, frame: FrameNo) -> *mut u8 {
        to_virtual(frame.address())
    }

    #[inline]
    unsafe fn zero_frame(&self, frame: FrameNo) {
        // SAFETY: the caller has the frame to itself, and the direct map reaches it.
        unsafe { copy::zero_frame(self.frame_address(frame)) }
    }

    #[inline]
    unsafe fn copy_frame(&self, from: FrameNo, to: FrameNo) {
        // SAFETY: the caller has `to` to itself and no code writes `from`; two frames do not
        // overlap.
        unsafe { copy::copy_frame(self.frame_address(to), self.frame_address(from)) }
    }

    #[inline]
    fn fence_local(&self, fence: Fence) {
        fence::local(fence);
    }

    fn fence_remote(&self, harts: HartSet, fence: Fence) {
        fence::remote(harts, fence);
    }

    fn synchronize_instructions(&self, harts: HartSet) {
        fence::instructions(harts);
    }

    /// Without identifiers, loading a root flushes all but global translations. With them it
    /// flushes nothing, because `mm` decides when an identifier's translations are stale.
    #[inline]
    fn load_root(&self, root: Option<Root>) {
        let kernel = kernel_space::KERNEL_ROOT.load(Ordering::Relaxed);
        let value = match root {
            Some(root) => root.table.address().0 | u64::from(root.asid.0),
            None => kernel,
        };
        kernel_space::load(if self.asids > 1 { value | KEEP } else { value });
    }

    #[inline]
    fn refuses_allocation(&self) -> bool {
        process::refuses_allocation()
    }

    fn read_user(&self, from: VirtAddr, to: &mut [u8]) -> usize {
        copy::read_user(from, to)
    }

    fn write_user(&self, to: VirtAddr, from: &[u8]) -> usize {
        copy::write_user(to, from)
    }
}
