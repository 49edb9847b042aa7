//! The one door to the processor: entry, system call, counters, and single loads and stores at
//! addresses that Rust has no pointer for.
//!
//! Each architecture's file has the same functions; nothing outside this folder holds assembly.

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "riscv64")]
pub use riscv64::*;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;
