//! Traps: from programs into the kernel and back, and inside the kernel.
//!
//! There are three ways in. All save one set of registers in one order ([`UserRegisters`]):
//!
//! - *gates* (exceptions and interrupts). The processor pushes the interrupted address first: on
//!   the current stack if the kernel was interrupted, and for a program on the stack that the
//!   task-state segment names, the top of the thread's kernel stack;
//! - *gates with a stack of their own* (double fault, NMI, machine check, debug). These can occur
//!   between an entry and its `swapgs`, so the interrupted code does not tell whose `gs` is loaded.
//!   Its base does, because only the kernel's is in the upper half. A debug trap of a program
//!   continues as if it had come by an ordinary gate;
//! - *`syscall`*, which changes neither the stack nor `gs`, and masks the flags named in
//!   [`MASKED_FLAGS`].
//!
//! Invariants: interrupts are off from the trap until the handler switches them on, and from
//! [`user_trap`]'s end until the return. No flag of the program is in force in the kernel: not the
//! direction, nor AC, which would let the kernel touch programs' memory (SMAP), nor NT and TF. A
//! program goes on only where it may ([`user_trap`]): `sysret` to an address that is not canonical
//! would trap in kernel mode, on the program's stack (CVE-2012-0217).

use core::arch::{asm, naked_asm};
use core::mem::offset_of;

use mm::addr::VirtAddr;
use mm::space::Access;
use x86_64::registers::control::{Cr2, Cr3};
use x86_64::registers::model_specific::{LStar, SFMask};
use x86_64::registers::rflags::RFlags;

use super::descriptors::{self, KERNEL_CODE, KERNEL_DATA, TrapStack, USER_CODE, USER_DATA};
use super::exception;
use super::hart::Hart;
use super::interrupts::{self, disable_interrupts, enable_interrupts};
use super::kernel_space::is_guard;
use super::layout::USER_END;
use super::registers::{BY_SYSCALL, UserRegisters};
use super::{copy, float, vector};
use crate::process;
use crate::syscall::syscall;

/// What `syscall` clears: interrupts, and every flag that would change what the kernel does.
const MASKED_FLAGS: RFlags = RFlags::INTERRUPT_FLAG
    .union(RFlags::DIRECTION_FLAG)
    .union(RFlags::TRAP_FLAG)
    .union(RFlags::ALIGNMENT_CHECK)
    .union(RFlags::NESTED_TASK)
    .union(RFlags::IOPL_LOW)
    .union(RFlags::IOPL_HIGH);

/// The distance between the entries of two gates, in bytes.
const SPACING: usize = 16;

/// The entries of all gates: each pushes its number, and 0 where the processor has pushed no error
/// code.
#[unsafe(naked)]
unsafe extern "C" fn gates() {
    naked_asm!(
        ".set number, 0",
        ".rept 256",
        ".balign {spacing}",
        ".if number == 8 || (number >= 10 && number <= 14) || number == 17 || number == 21",
        ".else",
        "push 0",
        ".endif",
        "push number",
        ".if number == 1 || number == 2 || number == 8 || number == 18",
        "jmp {distrustful}",
        ".else",
        "jmp {trusting}",
        ".endif",
        ".set number, number + 1",
        ".endr",
        spacing = const SPACING,
        distrustful = sym distrustful_entry,
        trusting = sym entry,
    )
}

macro_rules! save_registers {
    () => {
        "push rax
        push rbx
        push rcx
        push rdx
        push rsi
        push rdi
        push rbp
        push r8
        push r9
        push r10
        push r11
        push r12
        push r13
        push r14
        push r15"
    };
}

macro_rules! restore_registers {
    () => {
        "pop r15
        pop r14
        pop r13
        pop r12
        pop r11
        pop r10
        pop r9
        pop r8
        pop rbp
        pop rdi
        pop rsi
        pop rdx
        pop rcx
        pop rbx
        pop rax"
    };
}

/// The target of an ordinary gate. `push 2; popfq` sets every flag to 0.
#[unsafe(naked)]
unsafe extern "C" fn entry() {
    naked_asm!(
        "test byte ptr [rsp + 24], 3",
        "jz 1f",
        "swapgs",
        save_registers!(),
        "push 2",
        "popfq",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "call {user_trap}",
        "mov rdi, rsp",
        "jmp {return_to_user}",
        "1:",
        save_registers!(),
        "push 2",
        "popfq",
        "mov rdi, rsp",
        "cld",
        "call {kernel_trap}",
        restore_registers!(),
        "add rsp, 16",
        "iretq",
        user_trap = sym user_trap,
        return_to_user = sym return_to_user,
        kernel_trap = sym kernel_trap,
    )
}

/// The target of a gate with a stack of its own.
#[unsafe(naked)]
unsafe extern "C" fn distrustful_entry() {
    naked_asm!(
        "test byte ptr [rsp + 24], 3",
        "jnz 2f",
        save_registers!(),
        "push 2",
        "popfq",
        "mov ecx, {gs_base}",
        "rdmsr",
        "xor ebx, ebx",
        "test edx, edx",
        "js 1f",
        "swapgs",
        "inc ebx",
        "1:",
        "mov rdi, rsp",
        "call {kernel_trap}",
        "test ebx, ebx",
        "jz 1f",
        "swapgs",
        "1:",
        restore_registers!(),
        "add rsp, 16",
        "iretq",
        // From a program: what was pushed goes to the thread's kernel stack.
        "2:",
        "swapgs",
        "push rax",
        "mov rax, rsp",
        "mov rsp, gs:[{trap_stack}]",
        "push [rax + 56]",
        "push [rax + 48]",
        "push [rax + 40]",
        "push [rax + 32]",
        "push [rax + 24]",
        "push [rax + 16]",
        "push [rax + 8]",
        "mov rax, [rax]",
        save_registers!(),
        "push 2",
        "popfq",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "call {user_trap}",
        "mov rdi, rsp",
        "jmp {return_to_user}",
        gs_base = const 0xc000_0101_u32,
        trap_stack = const Hart::TRAP_STACK,
        user_trap = sym user_trap,
        kernel_trap = sym kernel_trap,
        return_to_user = sym return_to_user,
    )
}

/// The target of `syscall`, with the return address in `rcx` and the flags in `r11`.
#[unsafe(naked)]
unsafe extern "C" fn syscall_entry() {
    naked_asm!(
        "swapgs",
        "mov gs:[{scratch}], rsp",
        "mov rsp, gs:[{trap_stack}]",
        "push {data}",
        "push gs:[{scratch}]",
        "push r11",
        "push {code}",
        "push rcx",
        "push 0",
        "push {by_syscall}",
        save_registers!(),
        "xor ebp, ebp",
        "mov rdi, rsp",
        "call {user_trap}",
        "mov rdi, rsp",
        "jmp {return_to_user}",
        scratch = const offset_of!(Hart, scratch),
        trap_stack = const Hart::TRAP_STACK,
        data = const USER_DATA,
        code = const USER_CODE,
        by_syscall = const BY_SYSCALL,
        user_trap = sym user_trap,
        return_to_user = sym return_to_user,
    )
}

/// Returns to a program whose registers are at `rdi`, with interrupts off. A program that came by
/// `syscall` goes back by `sysret`, which is faster and loses `rcx` and `r11`.
#[unsafe(naked)]
unsafe extern "C" fn return_to_user(registers: *mut UserRegisters) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "lea rax, [rdi + {size}]",
        "mov gs:[{trap_stack}], rax",
        "cmp qword ptr [rsp + {vector}], {by_syscall}",
        "jne 1f",
        restore_registers!(),
        "mov rcx, [rsp + 16]",
        "mov r11, [rsp + 32]",
        "mov rsp, [rsp + 40]",
        "swapgs",
        "sysretq",
        "1:",
        restore_registers!(),
        "add rsp, 16",
        "swapgs",
        "iretq",
        size = const size_of::<UserRegisters>(),
        trap_stack = const Hart::TRAP_STACK,
        vector = const offset_of!(UserRegisters, vector),
        by_syscall = const BY_SYSCALL,
    )
}

/// Fills the table of gates. Called once by the boot hart.
pub(super) fn initialize() {
    let stack_of = |number| match number {
        exception::DEBUG => TrapStack::Debug as u8,
        exception::NON_MASKABLE => TrapStack::NonMaskable as u8,
        exception::DOUBLE_FAULT => TrapStack::DoubleFault as u8,
        exception::MACHINE_CHECK => TrapStack::MachineCheck as u8,
        _ => 0,
    };
    let for_users = [
        exception::BREAKPOINT,
        exception::OVERFLOW,
        vector::SYSTEM_CALL as usize,
    ];
    let entry = gates as *const () as usize;
    descriptors::fill_gates(
        entry.next_multiple_of(SPACING),
        SPACING,
        stack_of,
        &for_users,
    );
}

/// Points this hart's traps at the entries.
pub(super) fn install() {
    descriptors::load_gates();
    LStar::write(x86_64::VirtAddr::new(syscall_entry as *const () as u64));
    SFMask::write(MASKED_FLAGS);
    const STAR: u32 = 0xc000_0081;
    /// `syscall` takes the kernel's code segment and the next one. `sysret` takes the second and
    /// the first segment behind the one named here.
    const SELECTORS: u64 = (KERNEL_DATA as u64 | 3) << 48 | (KERNEL_CODE as u64) << 32;
    // SAFETY: the segments are where `descriptors` has put them.
    unsafe { x86_64::registers::model_specific::Msr::new(STAR).write(SELECTORS) };
}

/// Begins to run a program with these registers.
///
/// # Safety
/// Interrupts are off. `registers` is the frame at the top of this thread's kernel stack; nothing
/// on the stack is used any more.
pub unsafe fn enter_user(registers: *mut UserRegisters) -> ! {
    // SAFETY: the caller's promise.
    leave_kernel(unsafe { &mut *registers });
    // SAFETY: the caller's promise is what the routine needs.
    unsafe { return_to_user(registers) }
}

/// Handles a trap from a program. The program continues with `registers`.
extern "C" fn user_trap(registers: &mut UserRegisters) {
    match registers.vector {
        BY_SYSCALL | vector::SYSTEM_CALL => {
            enable_interrupts();
            syscall(registers);
            disable_interrupts();
        }
        number if number < vector::FIRST => user_exception(registers, number as usize),
        number => interrupts::serve(number),
    }
    process::before_user(registers);
    leave_kernel(registers);
}

/// Ends a program that would go on where there is nothing a program could have.
fn leave_kernel(registers: &mut UserRegisters) {
    if registers.pc >= USER_END.0 {
        enable_interrupts();
        let pc = VirtAddr(registers.pc);
        process::user_fault(registers, pc, Access::Execute);
        disable_interrupts();
        process::before_user(registers);
    }
}

fn user_exception(registers: &mut UserRegisters, vector: usize) {
    // First of all, because a fault of the kernel's own would overwrite it.
    let address = Cr2::read_raw();
    match vector {
        exception::NO_FLOAT if float::is_off() && process::float_wanted() => return,
        // The program has not caused these.
        exception::NON_MASKABLE | exception::MACHINE_CHECK | exception::DOUBLE_FAULT => {
            panic!("{}", exception::name(vector))
        }
        _ => {}
    }
    enable_interrupts();
    match vector {
        exception::PAGE_FAULT => {
            let access = exception::access(registers.error);
            process::user_fault(registers, VirtAddr(address), access);
        }
        exception::PROTECTION | exception::STACK => {
            let (cause, detail) = exception::protection(registers);
            process::user_exception(registers, cause, detail);
        }
        _ => process::user_exception(registers, exception::name(vector), registers.error),
    }
    disable_interrupts();
}

/// Handles a trap in the kernel: an interrupt, a fault in a user copy, or a bug.
extern "C" fn kernel_trap(frame: &mut UserRegisters) {
    let vector = frame.vector as usize;
    if frame.vector >= vector::FIRST {
        interrupts::serve(frame.vector);
        return;
    }
    let address = Cr2::read_raw();
    match vector {
        exception::PAGE_FAULT => {
            if let Some(pc) = copy::fixup(frame.pc) {
                frame.pc = pc;
                return;
            }
        }
        // A program has single-stepped into the entry (CVE-2018-8897), or set a breakpoint; neither
        // is the kernel's.
        exception::DEBUG => {
            // SAFETY: 6 tells what happened, which nobody asks.
            unsafe { asm!("mov dr6, {}", in(reg) 0_u64, options(nostack, nomem)) };
            frame.flags &= !RFlags::TRAP_FLAG.bits();
            return;
        }
        exception::DOUBLE_FAULT if is_guard(frame.sp as usize) || is_guard(address as usize) => {
            crate::panic::note_trap(frame.pc as usize);
            panic!(
                "kernel stack overflow: {}, sp {:#x}, pc {:#x}",
                crate::panic::Whose,
                frame.sp,
                frame.pc
            );
        }
        _ => {}
    }
    crate::panic::note_trap(frame.pc as usize);
    panic!(
        "{} in the kernel at {address:#x}, pc {:#x}, error {:#x}, root {:#x}",
        exception::name(vector),
        frame.pc,
        frame.error,
        Cr3::read_raw().0.start_address().as_u64(),
    )
}
