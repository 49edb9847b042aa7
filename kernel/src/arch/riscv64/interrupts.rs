//! The interrupts that a hart takes, and their handlers. Exceptions are in `trap`.

use core::arch::asm;

use super::{controller, hart, timer};
use crate::{device, panic, park, process};

/// Bits of `sie` and `sip`, and codes of `scause` (sections 10.1.3 and 10.1.8).
const SOFTWARE: usize = 1;
const TIMER: usize = 5;
const EXTERNAL: usize = 9;

/// Enables the sources of interrupts of this hart. Device interrupts go only to hart 0.
pub(super) fn enable_sources() {
    let mut sources = 1 << SOFTWARE | 1 << TIMER;
    if hart::hart() == 0 {
        sources |= 1 << EXTERNAL;
    }
    // SAFETY: `sstatus.SIE` still keeps them all off.
    unsafe { asm!("csrw sie, {}", in(reg) sources, options(nostack)) };
}

/// Switches interrupts on for this hart.
#[inline]
pub fn enable_interrupts() {
    // SAFETY: the vector is in place. Not `nomem`: accesses must not move across.
    unsafe { asm!("csrsi sstatus, 2", options(nostack)) };
}

/// Switches interrupts off for this hart.
#[inline]
pub fn disable_interrupts() {
    // SAFETY: keeps the hart from doing something, and nothing else. Not `nomem`, as above.
    unsafe { asm!("csrci sstatus, 2", options(nostack)) };
}

/// Stops this hart for good.
pub fn halt() -> ! {
    disable_interrupts();
    loop {
        // SAFETY: waits, and nothing else.
        unsafe { asm!("wfi", options(nostack, nomem)) };
    }
}

/// Serves the interrupt with this code. Interrupts are off. Another thread may run before the call
/// returns.
pub(super) fn serve(code: usize) {
    match code {
        SOFTWARE => {
            // SAFETY: clears this hart's pending bit. Being awake is all the sender wanted, if it
            // is none of what follows.
            unsafe { asm!("csrc sip, {}", in(reg) 1 << SOFTWARE, options(nostack)) };
            panic::halt_if_panicked();
            park::park_if_wanted();
        }
        TIMER => {
            if timer::alarm() {
                process::end_slice();
            }
        }
        EXTERNAL => controller::handle(device::interrupt),
        _ => panic!("interrupt {code} was never switched on"),
    }
}
