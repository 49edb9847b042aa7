//! Switching between kernel stacks.
//!
//! A switch is a function call, so only the registers that a callee keeps are saved (psABI,
//! register convention). `tp` belongs to the hart and is not switched. Interrupts are off during a
//! switch.

use core::arch::{global_asm, naked_asm};
use core::mem::offset_of;

/// The saved registers of a kernel thread that does not run.
#[repr(C)]
#[derive(Debug)]
pub struct KernelContext {
    return_address: usize,
    stack_pointer: usize,
    saved: [usize; 12],
}

impl KernelContext {
    /// Returns a context to switch from, not to.
    pub const fn empty() -> Self {
        Self {
            return_address: 0,
            stack_pointer: 0,
            saved: [0; 12],
        }
    }

    /// Returns a context that begins with `entry(argument)` on the stack that ends at `stack_top`
    /// (16-byte aligned), with interrupts off.
    pub fn new(stack_top: usize, entry: extern "C" fn(usize) -> !, argument: usize) -> Self {
        let mut context = Self::empty();
        context.return_address = begin as *const () as usize;
        context.stack_pointer = stack_top;
        // s0, the frame pointer, stays 0, so backtraces end here.
        context.saved[1] = entry as *const () as usize;
        context.saved[2] = argument;
        context
    }
}

/// The first instructions of a new context.
#[unsafe(naked)]
extern "C" fn begin() -> ! {
    naked_asm!("mv a0, s2", "li ra, 0", "jr s1")
}

global_asm!(
    ".pushsection .text",
    "context_switch:",
    "sd ra, {ra}(a0)",
    "sd sp, {sp}(a0)",
    "ld ra, {ra}(a1)",
    "ld sp, {sp}(a1)",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11",
    "sd s\\n, {saved} + 8 * \\n(a0)",
    "ld s\\n, {saved} + 8 * \\n(a1)",
    ".endr",
    "ret",
    ".popsection",
    ra = const offset_of!(KernelContext, return_address),
    sp = const offset_of!(KernelContext, stack_pointer),
    saved = const offset_of!(KernelContext, saved),
);

/// Saves the registers of this thread in `from` and continues with those in `to`. Returns when
/// another thread switches to `from`.
///
/// # Safety
/// Interrupts are off. `to` was saved by `switch` or made by [`KernelContext::new`], its stack is
/// intact, and no hart runs on it. `from` stays valid until it is switched to.
pub unsafe fn switch(from: *mut KernelContext, to: *const KernelContext) {
    unsafe extern "C" {
        fn context_switch(from: *mut KernelContext, to: *const KernelContext);
    }
    // SAFETY: the caller's promise.
    unsafe { context_switch(from, to) }
}
