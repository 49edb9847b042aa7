//! Switching between kernel stacks.
//!
//! A switch is a function call, so only what the callee keeps has to be saved (System V psABI for AMD64,
//! section 3.2.1). The rest is on the stack. `gs` belongs to the hart and is not switched; interrupts are
//! off during a switch.

use core::arch::naked_asm;

/// Where a kernel thread that does not run goes on: its stack, with the kept registers and the return
/// address on top.
#[repr(C)]
#[derive(Debug)]
pub struct KernelContext {
    stack_pointer: usize,
}

impl KernelContext {
    /// A context to switch from, not to.
    pub const fn empty() -> Self {
        Self { stack_pointer: 0 }
    }

    /// A context that begins with `entry(argument)` on the stack that ends at `stack_top` (16-byte aligned),
    /// with interrupts off. The stack is mapped already.
    pub fn new(stack_top: usize, entry: extern "C" fn(usize) -> !, argument: usize) -> Self {
        // What `context_switch` takes from the stack: six registers and the return address; above them the
        // place where a caller's return address would be.
        const WORDS: usize = 8;
        let frame = [
            argument,                    // r15
            entry as *const () as usize, // r14
            0,                           // r13
            0,                           // r12
            0,                           // rbx
            0,                           // rbp, where backtraces end
            begin as *const () as usize, // return address
            0,
        ];
        let stack_pointer = stack_top - WORDS * size_of::<usize>();
        // SAFETY: the top of a stack that nobody runs on yet, mapped and aligned by the caller's promise.
        unsafe { (stack_pointer as *mut [usize; WORDS]).write(frame) };
        Self { stack_pointer }
    }
}

/// The first instructions of a new context. The stack needs no fence: this architecture remembers no
/// entry that was not present.
#[unsafe(naked)]
extern "C" fn begin() -> ! {
    naked_asm!("mov rdi, r15", "jmp r14")
}

#[unsafe(naked)]
unsafe extern "C" fn context_switch(from: *mut KernelContext, to: *const KernelContext) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, [rsi]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Saves where this thread is in `from` and goes on at `to`. Returns when somebody switches to `from`.
///
/// # Safety
/// Interrupts are off. `to` was saved by `switch` or made by [`KernelContext::new`], its stack is intact, and no hart runs on
/// it. `from` stays valid until it is switched to.
pub unsafe fn switch(from: *mut KernelContext, to: *const KernelContext) {
    // SAFETY: the caller's promise.
    unsafe { context_switch(from, to) }
}
