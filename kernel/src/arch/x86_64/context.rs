//! Switching between kernel stacks.
//!
//! A switch is a function call, so only the registers that a callee keeps are saved (System V psABI
//! for AMD64, section 3.2.1). `gs` belongs to the hart and is not switched. Interrupts are off
//! during a switch.

use core::arch::naked_asm;
use core::mem::offset_of;

/// The saved registers of a kernel thread that does not run.
#[repr(C)]
#[derive(Debug)]
pub struct KernelContext {
    return_address: usize,
    stack_pointer: usize,
    rbp: usize,
    rbx: usize,
    r12: usize,
    r13: usize,
    r14: usize,
    r15: usize,
}

impl KernelContext {
    /// Returns a context to switch from, not to.
    pub const fn empty() -> Self {
        Self {
            return_address: 0,
            stack_pointer: 0,
            rbp: 0,
            rbx: 0,
            r12: 0,
            r13: 0,
            r14: 0,
            r15: 0,
        }
    }

    /// Returns a context that begins with `entry(argument)` on the stack that ends at `stack_top`
    /// (16-byte aligned), with interrupts off. Nothing is written to the stack, which only the hart
    /// that runs on it may use.
    pub fn new(stack_top: usize, entry: extern "C" fn(usize) -> !, argument: usize) -> Self {
        Self {
            return_address: begin as *const () as usize,
            stack_pointer: stack_top,
            rbx: entry as *const () as usize,
            r12: argument,
            // The frame pointer stays 0: backtraces end here.
            ..Self::empty()
        }
    }
}

/// The first instructions of a new context.
#[unsafe(naked)]
extern "C" fn begin() -> ! {
    naked_asm!("mov rdi, r12", "call rbx", "ud2")
}

#[unsafe(naked)]
unsafe extern "C" fn context_switch(from: *mut KernelContext, to: *const KernelContext) {
    naked_asm!(
        "pop rax",
        "mov [rdi + {pc}], rax",
        "mov [rdi + {sp}], rsp",
        "mov [rdi + {rbp}], rbp",
        "mov [rdi + {rbx}], rbx",
        "mov [rdi + {r12}], r12",
        "mov [rdi + {r13}], r13",
        "mov [rdi + {r14}], r14",
        "mov [rdi + {r15}], r15",
        "mov rsp, [rsi + {sp}]",
        "mov rbp, [rsi + {rbp}]",
        "mov rbx, [rsi + {rbx}]",
        "mov r12, [rsi + {r12}]",
        "mov r13, [rsi + {r13}]",
        "mov r14, [rsi + {r14}]",
        "mov r15, [rsi + {r15}]",
        "jmp [rsi + {pc}]",
        pc = const offset_of!(KernelContext, return_address),
        sp = const offset_of!(KernelContext, stack_pointer),
        rbp = const offset_of!(KernelContext, rbp),
        rbx = const offset_of!(KernelContext, rbx),
        r12 = const offset_of!(KernelContext, r12),
        r13 = const offset_of!(KernelContext, r13),
        r14 = const offset_of!(KernelContext, r14),
        r15 = const offset_of!(KernelContext, r15),
    )
}

/// Saves the registers of this thread in `from` and continues with those in `to`. Returns when
/// another thread switches to `from`.
///
/// # Safety
/// Interrupts are off. `to` was saved by `switch` or made by [`KernelContext::new`], its stack is
/// intact, and no hart runs on it. `from` stays valid until it is switched to.
pub unsafe fn switch(from: *mut KernelContext, to: *const KernelContext) {
    // SAFETY: the caller's promise.
    unsafe { context_switch(from, to) }
}
