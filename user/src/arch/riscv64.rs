//! riscv64: `ecall` with the number in `a7`, arguments in `a0..a5`, result in `a0`.
//!
//! The kernel preserves every other register (see the system-call contract), so the stubs
//! clobber nothing but `a0` and memory.

use core::arch::{asm, naked_asm};

/// The number of this machine in an ELF header.
pub const ELF_MACHINE: u16 = 243;

/// The address at which the break and all mappings end.
pub const USER_TOP: u64 = abi::user_top::RISCV64;

/// Where the kernel starts a program, with `argc` in `a0`, `argv` in `a1` and one page of stack.
///
/// Changes to the program's own stack (its size is set in `user.ld`) and calls the entry point.
///
/// # Safety
///
/// Only for the kernel, as the first instruction of a new image.
#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.start")]
pub unsafe extern "C" fn _start() -> ! {
    naked_asm!(
        "lla sp, __stack_top",
        "li fp, 0",
        "call {entry}",
        entry = sym crate::start::entry,
    )
}

/// Makes system call `number` with up to six arguments. Returns the result as the kernel left it.
///
/// # Safety
///
/// The call must not make the kernel write, move or unmap memory that Rust code still relies on.
#[inline(always)]
pub unsafe fn system_call<const N: usize>(number: u64, arguments: [u64; N]) -> u64 {
    const { assert!(N <= 6, "a system call has six argument registers") };
    let mut words = [0; 6];
    words[..N].copy_from_slice(&arguments);
    let result;
    // SAFETY: the kernel keeps every register but a0; what it does to memory is the caller's
    // promise, and the compiler is told (no `nomem`) that memory may have changed.
    unsafe {
        asm!(
            "ecall",
            in("a7") number,
            inlateout("a0") words[0] => result,
            in("a1") words[1],
            in("a2") words[2],
            in("a3") words[3],
            in("a4") words[4],
            in("a5") words[5],
            options(nostack),
        );
    }
    result
}

/// Loads the byte at `address`, whatever is there. Tests read address 0 with it, and provoke the
/// fault that kills the program.
#[inline(never)]
pub fn load_byte(address: u64) -> u8 {
    let byte: u64;
    // SAFETY: a load changes nothing; where nothing may be read, the program is killed.
    unsafe { asm!("lbu {0}, 0({1})", out(reg) byte, in(reg) address, options(nostack, readonly)) };
    byte as u8
}

/// Stores `byte` at `address`, whatever is there.
///
/// # Safety
///
/// No Rust object may live at `address`. A store that is meant to fault needs nothing more.
#[inline(never)]
pub unsafe fn store_byte(address: u64, byte: u8) {
    // SAFETY: the caller's promise.
    unsafe { asm!("sb {0}, 0({1})", in(reg) u64::from(byte), in(reg) address, options(nostack)) };
}

/// Loads the byte at `address` and stores it back, in two instructions with no other instruction of
/// this program between them. The kernel sees a write fault; the program's memory does not change.
///
/// # Safety
///
/// `address` must lie in a page that the program may write.
#[inline(always)]
pub unsafe fn rewrite_byte(address: u64) {
    // SAFETY: the value does not change, and the page is writable by the caller's promise.
    unsafe {
        asm!(
            "lbu {0}, 0({1})",
            "sb {0}, 0({1})",
            out(reg) _,
            in(reg) address,
            options(nostack),
        );
    }
}

/// Returns the `time` register: ticks of `abi::TIME_HZ`.
#[inline(always)]
pub fn time() -> u64 {
    let ticks;
    // SAFETY: reads a counter that the contract lets programs read. Not `nomem`: what is being
    // measured must not move across it.
    unsafe { asm!("rdtime {0}", out(reg) ticks, options(nostack)) };
    ticks
}

/// Returns how fast [`time`] runs, per second.
pub fn time_frequency() -> crate::Result<u64> {
    Ok(abi::TIME_HZ)
}

/// Returns the `instret` register: the number of instructions that this hart has finished, in any
/// mode. A kernel that does not let programs read the register kills the caller.
#[inline(always)]
pub fn instructions() -> u64 {
    let count;
    // SAFETY: as `time`.
    unsafe { asm!("rdinstret {0}", out(reg) count, options(nostack)) };
    count
}

/// Executes an instruction that no machine has; the program is killed.
pub fn illegal_instruction() {
    // SAFETY: `unimp` is defined to be illegal (RISC-V unprivileged specification, C.UNIMP), so
    // nothing after it runs.
    unsafe { asm!("unimp", options(nostack)) };
}

/// Jumps to `address`, which is meant not to be executable; the program is killed.
///
/// # Safety
///
/// No instruction may be fetchable there.
pub unsafe fn jump(address: u64) -> ! {
    // SAFETY: the fetch faults, by the caller's promise.
    unsafe { asm!("jr {0}", in(reg) address, options(noreturn)) }
}

/// Returns the instructions of a function that returns `value`: `addi a0, zero, value` and `ret`.
pub const fn code_that_returns(value: u8) -> u64 {
    const LOAD: u32 = 0x0000_0513;
    const RETURN: u32 = 0x0000_8067;
    (RETURN as u64) << 32 | (LOAD | (value as u32) << 20) as u64
}

/// Calls the function at `address`. Returns its result.
///
/// # Safety
///
/// `address` must hold the instructions of a function without arguments, or nothing that can be
/// fetched. In the second case the program is killed.
pub unsafe fn call(address: u64) -> u64 {
    // SAFETY: by the caller's promise it is a function, or nothing comes of it.
    let function: extern "C" fn() -> u64 = unsafe { core::mem::transmute(address) };
    function()
}
