//! RISC-V: `sstatus.SIE` (privileged specification, section 10.1.1).

use core::arch::asm;

const SIE: usize = 1 << 1;

/// Switches interrupts off. Returns whether they were on.
#[inline(always)]
pub fn disable() -> bool {
    let before: usize;
    // SAFETY: clearing SIE touches no memory the compiler knows of; it is deliberately not `nomem`,
    // so that accesses do not move out of the section without interrupts.
    unsafe { asm!("csrrci {}, sstatus, 2", out(reg) before, options(nostack)) };
    before & SIE != 0
}

/// Switches interrupts on.
#[inline(always)]
pub fn enable() {
    // SAFETY: as in `disable`; interrupts were on when the section began, so the trap vector is in
    // place.
    unsafe { asm!("csrsi sstatus, 2", options(nostack)) };
}
