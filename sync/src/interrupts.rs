//! Switching the interrupts of the own hart off for a while.

/// Interrupts are off while this lives; then they are what they were before.
///
/// Values nest; each must be dropped before the one that was made before it.
pub struct InterruptsOff {
    were_on: bool,
    _this_hart: core::marker::PhantomData<*mut ()>,
}

impl InterruptsOff {
    /// Switches interrupts off.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self {
            were_on: arch::disable(),
            _this_hart: core::marker::PhantomData,
        }
    }
}

impl Default for InterruptsOff {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for InterruptsOff {
    #[inline]
    fn drop(&mut self) {
        if self.were_on {
            arch::enable();
        }
    }
}

#[cfg(all(target_arch = "riscv64", target_os = "none"))]
mod arch {
    use core::arch::asm;

    /// `sstatus.SIE` (RISC-V privileged specification, section 10.1.1).
    const SIE: usize = 1 << 1;

    #[inline(always)]
    pub fn disable() -> bool {
        let before: usize;
        // SAFETY: clearing SIE touches no memory the compiler knows of; it is deliberately not `nomem`, so that
        // accesses do not move out of the section without interrupts.
        unsafe { asm!("csrrci {}, sstatus, 2", out(reg) before, options(nostack)) };
        before & SIE != 0
    }

    #[inline(always)]
    pub fn enable() {
        // SAFETY: as in `disable`; interrupts were on when the section began, so the trap vector is in place.
        unsafe { asm!("csrsi sstatus, 2", options(nostack)) };
    }
}

/// On the host a test thread has no interrupts.
#[cfg(not(target_os = "none"))]
mod arch {
    pub fn disable() -> bool {
        false
    }

    pub fn enable() {}
}
