//! The machine, as the memory system needs it.

use mm::addr::{FrameNo, VirtAddr};
use mm::machine::{Fence, HartSet, Root};
use mm::pt::Sv39;

use super::layout::to_virtual;
use super::{copy, fence, hart, kernel_space};
use crate::process;

const ASID_SHIFT: u32 = 44;
const ASID_MASK: usize = 0xffff;

/// This machine. All its state is in the hardware.
#[derive(Debug)]
pub struct Machine {
    asids: usize,
}

impl Machine {
    /// Asks the hardware for its properties. The kernel's own tables are loaded.
    pub fn new() -> Self {
        Self {
            asids: count_asids(),
        }
    }
}

/// Bits of the identifier that cannot be set read back as 0 (section 10.1.11).
fn count_asids() -> usize {
    let satp = kernel_space::KERNEL_SATP.load(core::sync::atomic::Ordering::Relaxed);
    kernel_space::load(satp | ASID_MASK << ASID_SHIFT);
    let all = riscv::register::satp::read().bits();
    kernel_space::load(satp);
    (all >> ASID_SHIFT & ASID_MASK) + 1
}

// SAFETY: `frame_address` is the direct map, which is one to one and has all RAM behind the
// kernel's image, the only frames the memory system is given; the early frames are not among them
// (see `boot`).
unsafe impl mm::Machine for Machine {
    type Format = Sv39;

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

    unsafe fn zero_frame(&self, frame: FrameNo) {
        // SAFETY: the caller has the frame to itself, and the direct map reaches it.
        unsafe { copy::zero_frame(self.frame_address(frame)) }
    }

    unsafe fn copy_frame(&self, from: FrameNo, to: FrameNo) {
        // SAFETY: the caller has `to` to itself and nobody writes `from`; two frames do not
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

    #[inline]
    fn load_root(&self, root: Option<Root>) {
        let kernel = kernel_space::KERNEL_SATP.load(core::sync::atomic::Ordering::Relaxed);
        kernel_space::load(match root {
            Some(root) => {
                kernel_space::SATP_SV39
                    | (root.asid.0 as usize) << ASID_SHIFT
                    | root.table.0 as usize
            }
            None => kernel,
        });
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
