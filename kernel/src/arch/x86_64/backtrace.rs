//! Backtraces, by frame pointers.
//!
//! The kernel is compiled with frame pointers: `rbp` points to the caller's `rbp`, above which is
//! the return address (System V psABI for AMD64, section 3.2.2). Entries from outside set it to 0.

use core::arch::asm;

use super::layout::is_kernel_text;

/// The most frames shown. A deeper stack is a recursion, and its innermost frames are enough.
const FRAMES_MAX: usize = 32;

/// Calls `visit` with the return addresses of the active functions, innermost first.
pub fn backtrace(mut visit: impl FnMut(usize)) {
    let mut frame: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) frame, options(nomem, nostack)) };
    for _ in 0..FRAMES_MAX {
        // Only the kernel's half has bit 63 set; 0 ends the chain.
        if frame as isize >= 0 || !frame.is_multiple_of(8) {
            return;
        }
        let words = frame as *const usize;
        // SAFETY: a frame pointer of this kernel, so the two words at it are mapped. If it has been
        // overwritten, the fault that follows ends in the second panic, which only powers off.
        let (caller, return_address) = unsafe { (words.read(), words.add(1).read()) };
        if !is_kernel_text(return_address) {
            return;
        }
        visit(return_address);
        frame = caller;
    }
}
