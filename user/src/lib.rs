//! The user library: what the programs in `src/bin` are written with.
//!
//! On the bare machine it brings the entry point (`main!`), printing, files, processes and
//! memory as thin safe wrappers over the system calls of `abi`, and a heap for `alloc`. Calls
//! 1 to 21 are those of xv6-riscv, and programs that use no others also run on its kernels.
//!
//! The parts that decide without asking a kernel ([`shell`], [`program`], [`pattern`], [`random`],
//! [`fuzz`], [`promises`]) compile on the host too, where their tests run:
//! `cargo test -p user --lib`.

#![cfg_attr(not(test), no_std)]

#[cfg(all(feature = "cargo-xtask", not(target_os = "none")))]
compile_error!(
    "the programs run on Cowslip, not on this host: build and boot both with `cargo xtask run`"
);

extern crate alloc;

pub mod fuzz;
pub mod pattern;
pub mod program;
pub mod promises;
pub mod random;
pub mod shell;

#[cfg(target_os = "none")]
pub mod arch;
#[cfg(target_os = "none")]
pub mod device;
#[cfg(target_os = "none")]
pub mod file;
#[cfg(target_os = "none")]
mod heap;
#[cfg(target_os = "none")]
pub mod io;
#[cfg(target_os = "none")]
pub mod mapping;
#[cfg(target_os = "none")]
pub mod memory;
#[cfg(target_os = "none")]
pub mod pages;
#[cfg(target_os = "none")]
pub mod path;
#[cfg(target_os = "none")]
pub mod process;
#[cfg(target_os = "none")]
pub mod region;
#[cfg(target_os = "none")]
mod start;
#[cfg(target_os = "none")]
pub mod syscall;
#[cfg(target_os = "none")]
pub mod testing;

#[cfg(target_os = "none")]
pub use arch::{ELF_MACHINE, USER_TOP};
/// The end of the user half. On the host only the tests of [`program`] use it, and any
/// architecture's value will do.
#[cfg(not(target_os = "none"))]
pub const USER_TOP: u64 = abi::user_top::RISCV64;
/// The number of this machine in an ELF header. As with [`USER_TOP`], any value will do on the
/// host.
#[cfg(not(target_os = "none"))]
pub const ELF_MACHINE: u16 = 243;

#[cfg(target_os = "none")]
pub use start::Args;

#[cfg(target_os = "none")]
pub use syscall::{Failed, Result};
