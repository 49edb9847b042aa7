//! Backtraces, by frame pointers.
//!
//! The kernel is compiled with frame pointers: `s0` points behind the frame, whose last two words
//! are the return address and the caller's `s0` (psABI, frame pointer convention). Entries from
//! user mode or the firmware set it to 0.

use core::arch::asm;

use super::layout::is_kernel_text;

/// The most frames shown. A deeper stack is a recursion, and its innermost frames are enough.
const FRAMES_MAX: usize = 32;

/// Calls `visit` with the return addresses of the active functions, innermost first.
pub fn backtrace(mut visit: impl FnMut(usize)) {
    let mut frame: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, s0", out(reg) frame, options(nomem, nostack)) };
    for _ in 0..FRAMES_MAX {
        // Only the kernel's half has bit 63 set; 0 ends the chain.
        if frame as isize >= 0 || !frame.is_multiple_of(8) {
            return;
        }
        let words = frame as *const usize;
        // SAFETY: a frame pointer of this kernel, so the two words before it are mapped. If it has
        // been overwritten, the fault that follows ends in the second panic, which only powers off.
        let (return_address, caller) = unsafe { (words.sub(1).read(), words.sub(2).read()) };
        if !is_kernel_text(return_address) {
            return;
        }
        visit(return_address);
        frame = caller;
    }
}
