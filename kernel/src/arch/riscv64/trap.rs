//! Traps: from programs into the kernel and back, and inside the kernel.
//!
//! One vector serves both. While a program runs, `sscratch` holds the address of the thread's
//! [`UserRegisters`] at the top of its kernel stack; while the kernel runs, it is 0. A trap from a
//! program saves all registers there, because fork and exec need them. A trap in the kernel saves
//! only the registers that a call does not keep, below the interrupted frame, after checking that
//! the stack has room.
//!
//! Invariants: interrupts are off from the trap until the handler switches them on, and from
//! [`user_trap`]'s end until `sret`. `sstatus.SUM` is clear in every handler, and is set again only
//! on the return to a copy routine that was interrupted. FS is left as it is, because a thread may
//! return from a handler with another floating-point state (see `float`).

use core::arch::global_asm;
use core::mem::offset_of;

use mm::addr::VirtAddr;
use mm::space::Access;

use super::copy;
use super::float;
use super::hart::Hart;
use super::interrupts::{self, disable_interrupts, enable_interrupts};
use super::kernel_space::STACK_SLOT_SIZE;
use super::registers::UserRegisters;
use crate::process;
use crate::syscall::syscall;

/// `sstatus` (section 10.1.1): what an `sret` restores.
const SPIE: usize = 1 << 5;
const SPP: usize = 1 << 8;

/// The bit of `scause` that tells an interrupt.
const INTERRUPT: usize = 1 << 63;

/// Codes of `scause` (section 10.1.8).
mod exception {
    pub const INSTRUCTION_MISALIGNED: usize = 0;
    pub const INSTRUCTION_ACCESS: usize = 1;
    pub const ILLEGAL_INSTRUCTION: usize = 2;
    pub const BREAKPOINT: usize = 3;
    pub const LOAD_MISALIGNED: usize = 4;
    pub const LOAD_ACCESS: usize = 5;
    pub const STORE_MISALIGNED: usize = 6;
    pub const STORE_ACCESS: usize = 7;
    pub const USER_ECALL: usize = 8;
    pub const INSTRUCTION_PAGE: usize = 12;
    pub const LOAD_PAGE: usize = 13;
    pub const STORE_PAGE: usize = 15;
}

/// The registers that the kernel's own trap entry saves: those that a call may change, and the
/// address to return to.
#[repr(C, align(16))]
struct KernelFrame {
    /// ra, t0 to t6, a0 to a7.
    caller_saved: [usize; 16],
    pc: usize,
    status: usize,
}

const GUARD_BIT: u32 = STACK_SLOT_SIZE.trailing_zeros() - 1;

global_asm!(
    r#"
    .pushsection .text
    .balign 4
trap_entry:
    csrrw sp, sscratch, sp
    beqz sp, from_kernel

    sd x1, 0(sp)
    .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, 8 * (\n - 1)(sp)
    .endr
    csrrw t0, sscratch, zero
    sd t0, 8(sp)
    csrr t1, sepc
    sd t1, {pc}(sp)
    ld tp, {kernel_hart}(sp)
    mv a0, sp
    csrr a1, scause
    li s0, 0
    mv s1, sp
    call {user_trap}
    mv a0, s1

    # a0: the registers of the program, interrupts off
    .globl return_to_user
return_to_user:
    sd tp, {kernel_hart}(a0)
    ld t0, {pc}(a0)
    csrw sepc, t0
    csrw sscratch, a0
    li t0, {spp}
    csrc sstatus, t0
    li t0, {spie}
    csrs sstatus, t0
    mv x31, a0
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    ld x\n, 8 * (\n - 1)(x31)
    .endr
    ld x31, 240(x31)
    sret

from_kernel:
    csrrw sp, sscratch, sp
    sd t0, {scratch}(tp)
    addi sp, sp, -{frame}
    srli t0, sp, {guard_bit}
    andi t0, t0, 1
    beqz t0, no_stack
    ld t0, {scratch}(tp)
    sd ra, 0(sp)
    .irp n, 0,1,2,3,4,5,6
    sd t\n, 8 * (\n + 1)(sp)
    .endr
    .irp n, 0,1,2,3,4,5,6,7
    sd a\n, 8 * (\n + 8)(sp)
    .endr
    csrr t0, sepc
    sd t0, {frame_pc}(sp)
    li t1, {sum}
    csrrc t0, sstatus, t1
    sd t0, {frame_status}(sp)
    mv a0, sp
    csrr a1, scause
    call {kernel_trap}
    ld t0, {frame_pc}(sp)
    csrw sepc, t0
    ld t0, {frame_status}(sp)
    li t1, {restored}
    and t0, t0, t1
    csrc sstatus, t1
    csrs sstatus, t0
    ld ra, 0(sp)
    .irp n, 0,1,2,3,4,5,6
    ld t\n, 8 * (\n + 1)(sp)
    .endr
    .irp n, 0,1,2,3,4,5,6,7
    ld a\n, 8 * (\n + 8)(sp)
    .endr
    addi sp, sp, {frame}
    sret

    # Half of every slot of the stack region is guard, and one bit of sp tells which half.
no_stack:
    addi a0, sp, {frame}
    csrr a1, sepc
    li t0, {overflow_stack_top}
    add sp, tp, t0
    tail {overflow}
    .popsection
    "#,
    pc = const offset_of!(UserRegisters, pc),
    kernel_hart = const offset_of!(UserRegisters, kernel_hart),
    user_trap = sym user_trap,
    spp = const SPP,
    spie = const SPIE,
    scratch = const offset_of!(Hart, scratch),
    frame = const size_of::<KernelFrame>(),
    guard_bit = const GUARD_BIT,
    frame_pc = const offset_of!(KernelFrame, pc),
    frame_status = const offset_of!(KernelFrame, status),
    sum = const copy::SUM,
    restored = const SPP | SPIE | copy::SUM,
    kernel_trap = sym kernel_trap,
    overflow_stack_top = const Hart::OVERFLOW_STACK_TOP,
    overflow = sym stack_overflow,
);

unsafe extern "C" {
    fn trap_entry();
    fn return_to_user(registers: *mut UserRegisters) -> !;
}

/// Installs this hart's trap vector.
pub(super) fn install() {
    // SAFETY: the entry is 4-byte aligned, and `sscratch` says that the kernel runs.
    unsafe {
        core::arch::asm!("csrw sscratch, zero", "csrw stvec, {}", in(reg) trap_entry as *const () as usize)
    };
}

/// Begins to run a program with these registers.
///
/// # Safety
/// Interrupts are off. `registers` is the frame at the top of this thread's kernel stack; nothing
/// on the stack is used any more.
pub unsafe fn enter_user(registers: *mut UserRegisters) -> ! {
    // SAFETY: the caller's promise is what the routine needs.
    unsafe { return_to_user(registers) }
}

/// Handles a trap from a program. The program continues with `registers`.
extern "C" fn user_trap(registers: &mut UserRegisters, cause: usize) {
    if cause == exception::USER_ECALL {
        registers.skip_ecall();
        enable_interrupts();
        syscall(registers);
        disable_interrupts();
    } else if cause & INTERRUPT != 0 {
        interrupts::serve(cause & !INTERRUPT);
    } else {
        user_exception(registers, cause);
    }
    process::before_user(registers);
}

fn user_exception(registers: &mut UserRegisters, cause: usize) {
    let value = riscv::register::stval::read() as u64;
    if cause == exception::ILLEGAL_INSTRUCTION && float::is_off() && process::float_wanted() {
        // If the cause was another, the instruction traps again with floating point on.
        return;
    }
    enable_interrupts();
    match page_fault(cause) {
        Some(access) => process::user_fault(registers, VirtAddr(value), access),
        None => process::user_exception(registers, name(cause), value),
    }
    disable_interrupts();
}

/// Returns the kind of access that caused a page fault.
fn page_fault(cause: usize) -> Option<Access> {
    match cause {
        exception::INSTRUCTION_PAGE => Some(Access::Execute),
        exception::LOAD_PAGE => Some(Access::Read),
        exception::STORE_PAGE => Some(Access::Write),
        _ => None,
    }
}

/// Returns the name of an exception, for people.
fn name(cause: usize) -> &'static str {
    match cause {
        exception::INSTRUCTION_MISALIGNED => "misaligned instruction address",
        exception::INSTRUCTION_ACCESS => "instruction access fault",
        exception::ILLEGAL_INSTRUCTION => "illegal instruction",
        exception::BREAKPOINT => "breakpoint",
        exception::LOAD_MISALIGNED => "misaligned load",
        exception::LOAD_ACCESS => "load access fault",
        exception::STORE_MISALIGNED => "misaligned store",
        exception::STORE_ACCESS => "store access fault",
        exception::INSTRUCTION_PAGE => "instruction page fault",
        exception::LOAD_PAGE => "load page fault",
        exception::STORE_PAGE => "store page fault",
        _ => "unknown exception",
    }
}

/// Handles a trap in the kernel: an interrupt, a fault in a user copy, or a bug.
extern "C" fn kernel_trap(frame: &mut KernelFrame, cause: usize) {
    if cause & INTERRUPT != 0 {
        interrupts::serve(cause & !INTERRUPT);
        return;
    }
    let value = riscv::register::stval::read();
    if page_fault(cause).is_some()
        && let Some(pc) = copy::fixup(frame.pc)
    {
        frame.pc = pc;
        return;
    }
    crate::panic::note_trap(frame.pc);
    panic!(
        "{} in the kernel at {value:#x}, pc {:#x}",
        name(cause),
        frame.pc
    )
}

/// Handles a trap in the kernel with `sp` outside its stack. Runs on the overflow stack.
extern "C" fn stack_overflow(sp: usize, pc: usize) -> ! {
    crate::panic::note_trap(pc);
    panic!(
        "kernel stack overflow: {}, sp {sp:#x}, pc {pc:#x}",
        crate::panic::Whose
    )
}
