//! Fences of this hart's TLB and, through the firmware, of other harts'.
//!
//! The firmware serves its requests in machine mode. A hart that spins with interrupts off
//! therefore answers too, and waiting for it cannot deadlock (SBI specification, chapter 8).

use core::arch::asm;

use mm::machine::{Fence, HartSet};

use sbi_rt::SbiRet;

use super::hart::{firmware_mask, hart_count};

/// The size that, with start 0, stands for all addresses.
const EVERYTHING: usize = usize::MAX;

/// Flushes this hart's TLB.
#[inline]
pub fn local(fence: Fence) {
    match fence {
        Fence::Page { asid, address } => {
            let (address, asid) = (address.0, usize::from(asid.0));
            // SAFETY: forgetting translations is always allowed. Not `nomem`: stores to tables come
            // before.
            unsafe { asm!("sfence.vma {}, {}", in(reg) address, in(reg) asid, options(nostack)) };
        }
        Fence::Space { asid } => {
            let asid = usize::from(asid.0);
            // SAFETY: as above.
            unsafe { asm!("sfence.vma zero, {}", in(reg) asid, options(nostack)) };
        }
        Fence::All => all(),
    }
}

/// Flushes the TLBs of other harts. Returns when they are flushed.
pub fn remote(harts: HartSet, fence: Fence) {
    let mask = firmware_mask(harts.0);
    let result = match fence {
        Fence::Page { asid, address } => {
            sbi_rt::remote_sfence_vma_asid(mask, address.0 as usize, abi::PAGE_SIZE, asid.0.into())
        }
        Fence::Space { asid } => sbi_rt::remote_sfence_vma_asid(mask, 0, EVERYTHING, asid.0.into()),
        Fence::All => sbi_rt::remote_sfence_vma(mask, 0, EVERYTHING),
    };
    check(result);
}

/// Flushes this hart's TLB completely, global translations included.
fn all() {
    // SAFETY: as in `local`.
    unsafe { asm!("sfence.vma", options(nostack)) };
}

/// Makes stores to instruction memory visible to the fetches of these harts (Zifencei).
pub fn instructions(harts: HartSet) {
    // SAFETY: orders stores and fetches, and nothing else.
    unsafe { asm!("fence.i", options(nostack)) };
    if hart_count() > 1 {
        check(sbi_rt::remote_fence_i(firmware_mask(harts.0)));
    }
}

fn check(result: SbiRet) {
    assert!(result.is_ok(), "the firmware cannot fence other harts");
}
