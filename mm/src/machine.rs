//! What the memory system asks of the machine it runs on.
//!
//! [`Machine`] is the only type parameter of this crate. The kernel implements it with real
//! instructions, the unit tests and the simulator with plain memory and pretended TLBs. Neighbours:
//! [`crate::phys`] is the only user of the pointer it hands out; [`crate::tlb`] of the fences.

use crate::addr::{FrameNo, VirtAddr};
use crate::pt::Format;

/// Most harts a machine can have (a [`HartSet`] could name 64).
pub const HARTS_MAX: usize = 32;

/// A set of harts, one bit per dense index (not the firmware's number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HartSet(pub u64);

impl HartSet {
    /// Returns the first `count` harts.
    pub const fn first(count: usize) -> Self {
        Self(if count >= 64 {
            u64::MAX
        } else {
            (1 << count) - 1
        })
    }

    /// Just this hart.
    pub const fn one(hart: usize) -> Self {
        Self(1 << hart)
    }

    /// These without those.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// An address-space identifier: what the hardware tags translations with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asid(pub u16);

/// What a TLB must forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// The leaf translation of one page of one space. Upper-level entries may stay (RISC-V
    /// privileged specification, `SFENCE.VMA` with both operands).
    Page {
        /// The space.
        asid: Asid,
        /// An address in the page.
        address: VirtAddr,
    },
    /// Everything of one space, upper-level entries included.
    Space {
        /// The space.
        asid: Asid,
    },
    /// Everything of every space.
    All,
}

/// What a hart translates with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The root table.
    pub table: FrameNo,
    /// The identifier its translations are tagged with.
    pub asid: Asid,
}

/// The machine under the memory system.
///
/// # Safety
///
/// `frame_address` must return, for every frame that [`crate::Memory`] was given, a pointer valid
/// for reads and writes of [`abi::PAGE_SIZE`] bytes and aligned to that, for as long as the memory
/// lives; distinct frames must not overlap, and nothing else may use them. `zero_frame` and
/// `copy_frame` must touch only the frames named.
pub unsafe trait Machine: Sync + Sized {
    /// How its page tables look.
    type Format: Format;

    /// Returns how many address-space identifiers the hardware tells apart (at least 1).
    fn asids(&self) -> usize;

    /// Returns the index of the hart one runs on, below [`HARTS_MAX`].
    fn hart(&self) -> usize;

    /// Returns where the kernel reaches the bytes of a frame.
    fn frame_address(&self, frame: FrameNo) -> *mut u8;

    /// Fills a frame with zeros.
    ///
    /// # Safety
    /// The caller has the frame to itself.
    unsafe fn zero_frame(&self, frame: FrameNo);

    /// Copies a frame.
    ///
    /// # Safety
    /// The caller has `to` to itself, and nobody writes `from` meanwhile but programs, which then
    /// get some mixture.
    unsafe fn copy_frame(&self, from: FrameNo, to: FrameNo);

    /// Makes this hart's TLB forget.
    fn fence_local(&self, fence: Fence);

    /// Makes the TLBs of other harts forget; returns when all of them have.
    fn fence_remote(&self, harts: HartSet, fence: Fence);

    /// Makes stores to instruction memory visible to the fetches of these harts; returns when they
    /// are.
    fn synchronize_instructions(&self, harts: HartSet);

    /// Makes this hart translate user addresses with `root`, or with nothing.
    fn load_root(&self, root: Option<Root>);

    /// Reads user memory through the translation this hart has loaded, with the rights of the
    /// program. Returns how many bytes were read before the first fault.
    fn read_user(&self, from: VirtAddr, to: &mut [u8]) -> usize;

    /// Writes user memory likewise.
    fn write_user(&self, to: VirtAddr, from: &[u8]) -> usize;

    /// Returns whether the next allocation is to fail although there is memory. Asked before every
    /// allocation that may fail, so that a test can make any of them the one that does
    /// ("fail-nth").
    fn refuses_allocation(&self) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_harts() {
        assert_eq!(HartSet::first(3), HartSet(0b111));
        assert_eq!(HartSet::first(64), HartSet(u64::MAX));
        assert_eq!(HartSet::one(5), HartSet(1 << 5));
        assert_eq!(HartSet::first(3).without(HartSet::one(1)), HartSet(0b101));
        assert!(HartSet::first(0).is_empty() && !HartSet::one(0).is_empty());
    }
}
