//! x86_64: `syscall` with the number in `rax`, arguments in `rdi rsi rdx r10 r8 r9`, result in
//! `rax`.
//!
//! The kernel preserves every other register but `rcx` and `r11`, in which the processor itself
//! puts the return address and the flags (see the system-call contract).

use core::arch::{asm, naked_asm};

/// The number of this machine in an ELF header.
pub const ELF_MACHINE: u16 = 62;

/// The address at which the break and all mappings end.
pub const USER_TOP: u64 = abi::user_top::X86_64;

/// Where the kernel starts a program, with `argc` in `rdi`, `argv` in `rsi` and one page of stack.
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
        "lea rsp, [rip + __stack_top]",
        "xor ebp, ebp",
        "call {entry}",
        "ud2",
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
    // SAFETY: the kernel keeps every register but rax, rcx and r11; what it does to memory is the
    // caller's promise, and the compiler is told (no `nomem`) that memory may have changed.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") words[0],
            in("rsi") words[1],
            in("rdx") words[2],
            in("r10") words[3],
            in("r8") words[4],
            in("r9") words[5],
            lateout("rcx") _,
            lateout("r11") _,
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
    unsafe {
        asm!("movzx {0:e}, byte ptr [{1}]", out(reg) byte, in(reg) address, options(nostack, readonly));
    };
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
    unsafe {
        asm!("mov byte ptr [{1}], {0}", in(reg_byte) byte, in(reg) address, options(nostack))
    };
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
            "mov {0}, byte ptr [{1}]",
            "mov byte ptr [{1}], {0}",
            out(reg_byte) _,
            in(reg) address,
            options(nostack),
        );
    }
}

/// Returns the time-stamp counter. Its frequency depends on the machine; `uptime` tells the time.
#[inline(always)]
pub fn time() -> u64 {
    // SAFETY: reads a counter that the contract lets programs read.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Returns how fast [`time`] runs, per second. The contract does not say, so this measures for half
/// a second.
pub fn time_frequency() -> crate::Result<u64> {
    const TICKS: u64 = 5;
    let next_tick = || -> crate::Result<u64> {
        let before = crate::process::uptime()?;
        while crate::process::uptime()? == before {}
        Ok(time())
    };
    let begin = next_tick()?;
    crate::process::sleep(TICKS as i32 - 1)?;
    let elapsed = next_tick()? - begin;
    Ok(elapsed * 1000 / (TICKS * abi::TICK_MILLISECONDS))
}

/// Returns the number of instructions that have been finished, if the emulator runs with
/// `--icount`: the time-stamp counter is that number then. Otherwise the counter counts time.
#[inline(always)]
pub fn instructions() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: as `time`. Not `nomem`: what is being measured must not move across it.
    unsafe { asm!("rdtsc", out("rax") low, out("rdx") high, options(nostack)) };
    high << 32 | low
}

/// Executes an instruction that no machine has; the program is killed.
pub fn illegal_instruction() {
    // SAFETY: `ud2` is defined to be illegal, so nothing after it runs.
    unsafe { asm!("ud2", options(nostack)) };
}

/// Jumps to `address`, which is meant not to be executable; the program is killed.
///
/// # Safety
///
/// No instruction may be fetchable there.
pub unsafe fn jump(address: u64) -> ! {
    // SAFETY: the fetch faults, by the caller's promise.
    unsafe { asm!("jmp {0}", in(reg) address, options(noreturn)) }
}

/// Returns the instructions of a function that returns `value`: `mov eax, value`, `ret`, and two
/// bytes of padding.
pub const fn code_that_returns(value: u8) -> u64 {
    u64::from_le_bytes([0xb8, value, 0, 0, 0, 0xc3, 0x90, 0x90])
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
