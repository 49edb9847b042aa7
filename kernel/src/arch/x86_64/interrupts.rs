//! The interrupts that a hart takes, and their handlers. Exceptions are in `trap`; `vector` has the
//! interrupts' numbers.

use core::arch::asm;

use super::vector::{FENCE, RESCHEDULE, SERIAL, SPURIOUS, TIMER};
use super::{apic, fence, timer};
use crate::{device, panic, park, process};

/// Enables the sources of interrupts of this hart. Device interrupts go only to hart 0.
pub(super) fn enable_sources() {
    apic::initialize();
}

/// Switches interrupts on for this hart. A pending interrupt is taken before the call returns: the
/// processor takes none until the instruction after `sti` has ended (SDM volume 2, "STI"), and a
/// caller might switch them off with just that one.
#[inline]
pub fn enable_interrupts() {
    // SAFETY: the gates are in place. Not `nomem`: accesses must not move across.
    unsafe { asm!("sti", "nop", options(nostack)) };
}

/// Switches interrupts off for this hart.
#[inline]
pub fn disable_interrupts() {
    // SAFETY: keeps the hart from doing something, and nothing else. Not `nomem`, as above.
    unsafe { asm!("cli", options(nostack)) };
}

/// Stops this hart for good.
pub fn halt() -> ! {
    disable_interrupts();
    loop {
        // SAFETY: waits, and nothing else.
        unsafe { asm!("hlt", options(nostack, nomem)) };
    }
}

/// Serves the interrupt with this number. Interrupts are off. Another thread may run before the
/// call returns.
pub(super) fn serve(number: u64) {
    match number as u8 {
        FENCE => {
            apic::end_of_interrupt();
            fence::serve();
        }
        RESCHEDULE => {
            // The sender may only have wanted to wake this hart.
            apic::end_of_interrupt();
            panic::halt_if_panicked();
            park::park_if_wanted();
        }
        TIMER => {
            apic::end_of_interrupt();
            if timer::alarm() {
                process::end_slice();
            }
        }
        SERIAL..TIMER => {
            device::interrupt(number as u32);
            apic::end_of_interrupt();
        }
        // It is not to be ended (Intel SDM volume 3, section 12.9).
        SPURIOUS => {}
        _ => panic!("interrupt {number} was never switched on"),
    }
}
