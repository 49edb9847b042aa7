//! The interface between the memory system and the machine on which it runs.
//!
//! [`Machine`] is the only type parameter of this crate. The kernel implements it with real
//! instructions, and the unit tests and the simulator with plain memory and pretended TLBs.
//! Neighbours: only [`crate::phys`] uses the pointers that it returns, and only [`crate::tlb`] its
//! fences.

use crate::addr::{FrameNo, VirtAddr};
use crate::pt::Format;

/// The most harts of a machine. (A [`HartSet`] could name 64.)
pub const HARTS_MAX: usize = 32;

/// A set of harts, one bit for each index (not for the firmware's number).
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

    /// Returns the set of this hart alone.
    pub const fn one(hart: usize) -> Self {
        Self(1 << hart)
    }

    /// Returns the harts that are not in `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// An address-space identifier, with which the hardware tags translations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asid(pub u16);

/// The translations that a TLB must forget.
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
    /// All translations of one space, upper-level entries included.
    Space {
        /// The space.
        asid: Asid,
    },
    /// All translations of all spaces.
    All,
}

/// The root with which a hart translates, and its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// The root table.
    pub table: FrameNo,
    /// The identifier with which its translations are tagged.
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
    /// The format of its page tables.
    type Format: Format;

    /// The most live entries of a leaf table that a fork copies although it shares page tables.
    /// Copying so few costs less than the faults that take a shared table apart.
    const COPIED_ENTRIES: usize = 64;

    /// Returns how many address-space identifiers the hardware tells apart (at least 1).
    fn asids(&self) -> usize;

    /// Returns the index of the hart on which the caller runs, below [`HARTS_MAX`].
    fn hart(&self) -> usize;

    /// Returns the kernel's address of a frame's bytes.
    fn frame_address(&self, frame: FrameNo) -> *mut u8;

    /// Fills a frame with zeros.
    ///
    /// # Safety
    ///
    /// No other code uses the frame.
    unsafe fn zero_frame(&self, frame: FrameNo);

    /// Copies a frame.
    ///
    /// # Safety
    ///
    /// No other code uses `to`. Only programs may write to `from` meanwhile; each byte of the copy
    /// is then the old or the new one.
    unsafe fn copy_frame(&self, from: FrameNo, to: FrameNo);

    /// Makes this hart's TLB forget translations.
    fn fence_local(&self, fence: Fence);

    /// Makes the TLBs of other harts forget translations. Returns when all of them have.
    fn fence_remote(&self, harts: HartSet, fence: Fence);

    /// Makes stores to instruction memory visible to the fetches of these harts. Returns when they
    /// are.
    fn synchronize_instructions(&self, harts: HartSet);

    /// Makes this hart translate user addresses with `root`, or translate none.
    fn load_root(&self, root: Option<Root>);

    /// Reads user memory through the translation this hart has loaded, with the rights of the
    /// program. Returns how many bytes were read before the first fault.
    fn read_user(&self, from: VirtAddr, to: &mut [u8]) -> usize;

    /// Writes user memory through the translation this hart has loaded, with the rights of the
    /// program. Returns how many bytes were written before the first fault.
    fn write_user(&self, to: VirtAddr, from: &[u8]) -> usize;

    /// Returns whether the next allocation is to fail although there is memory. It is asked before
    /// every allocation that may fail, so that a test can make any one of them fail ("fail-nth").
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
