//! x86_64: the flag IF (Intel SDM volume 1, section 3.4.3).

use core::arch::asm;

const IF: u64 = 1 << 9;

/// Switches interrupts off. Returns whether they were on.
#[inline(always)]
pub fn disable() -> bool {
    let before: u64;
    // SAFETY: reads the flags through the stack and clears IF; deliberately not `nomem`, so that
    // accesses do not move out of the section without interrupts.
    unsafe { asm!("pushfq", "pop {}", "cli", out(reg) before) };
    before & IF != 0
}

/// Switches interrupts on.
#[inline(always)]
pub fn enable() {
    // SAFETY: as in `disable`; interrupts were on when the section began, so the IDT is in place.
    unsafe { asm!("sti", options(nostack)) };
}
