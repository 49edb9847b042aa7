//! The contract between the kernel, the programs and the host tools: numbers,
//! structures and constants, and nothing that does anything.
//!
//! Invariants: every number here is fixed (programs that Cowslip did not build depend on
//! them), every structure is `repr(C)` with the layout of xv6-riscv, and this crate depends on
//! no other. Neighbours: everyone.

#![no_std]

mod counters;
mod file;
mod mapping;
mod process;
mod syscall;

pub use counters::{ForkMode, MEM_COUNTERS, MemCounter, PROC_COUNTERS, PageInfo, ProcCounter};
pub use file::{FileKind, OpenFlags, Stat};
pub use mapping::{MapFlags, Protection};
pub use process::{PROC_FACTS, PROC_WORDS, PROCESS_NAME_MAX, ProcState, ProcessFacts};
pub use syscall::Syscall;

/// Bytes in a page and in a frame.
pub const PAGE_SIZE: usize = 4096;

/// Where programs end: the break and all mappings stay below this address, which the architecture
/// gives.
pub mod user_top {
    /// Two pages below the end of the lower half of Sv39.
    pub const RISCV64: u64 = 0x3f_ffff_e000;
    /// Two pages below the end of the lower half of four levels: nobody has the last one, so no
    /// instruction ends where addresses are no longer canonical.
    pub const X86_64: u64 = 0x7fff_ffff_e000;
}

/// Most bytes of a path, its terminating NUL included.
pub const PATH_MAX: usize = 128;
/// Most bytes of a name in a directory; longer names are cut.
pub const NAME_MAX: usize = 14;
/// Most arguments of `exec`.
pub const ARG_MAX: usize = 32;
/// Bytes of a block of the file system.
pub const BLOCK_SIZE: usize = 1024;
/// Most unreaped children of one parent.
pub const CHILDREN_MAX: usize = 999;
/// Most open descriptors of one process; how many files are open in all is limited by memory alone.
pub const OPEN_MAX: usize = 1024;

/// What a failing system call returns.
pub const FAILURE: u64 = u64::MAX;

/// Milliseconds in a tick, the unit of `sleep` and `uptime`.
pub const TICK_MILLISECONDS: u64 = 100;
/// Frequency of the `time` register on the emulated machine, in Hz.
pub const TIME_HZ: u64 = 10_000_000;

/// Device number of the console.
pub const CONSOLE_MAJOR: u16 = 1;
/// Device number of the audit: one line, `clean: ...` or what is wrong with the kernel's memory.
pub const AUDIT_MAJOR: u16 = 2;
/// Device number of fail-nth: a decimal number N makes the writer's N-th allocation in the kernel
/// fail; read, it tells how many are left before that, 0 if none will fail.
pub const FAIL_NTH_MAJOR: u16 = 3;
/// Major number of the device that tells how long the kernel has gone without a point of
/// pre-emption: reading it gives the longest time since the last reading, in nanoseconds, as a
/// decimal number. It is exact with the kernel option `clock=fine`.
pub const STRETCH_MAJOR: u16 = 4;
/// The bound of that time, in nanoseconds, where an instruction takes one.
pub const STRETCH_MAX: u64 = 100_000;

/// `sbrk` mode: promise the memory now (what programs that pass one argument get).
pub const SBRK_EAGER: u64 = 1;
/// `sbrk` mode: reserve addresses, find memory on first touch.
pub const SBRK_LAZY: u64 = 2;

/// Exit code of the emulator after a kernel panic.
pub const EXIT_PANIC: u8 = 121;
/// Exit code of the emulator when the kernel refused to start (no disk, bad image, too little
/// memory).
pub const EXIT_NO_BOOT: u8 = 122;
/// Largest status of a program that is handed on unchanged as the emulator's exit code; anything
/// else (-1 for a killed program included) becomes this.
pub const EXIT_STATUS_MAX: u8 = 120;
