//! Set-up: what the other commands need, found or installed. Each command asks for its own part
//! when it starts, so that nobody has to call `setup` first.
//!
//! Invariants: nothing is installed without saying so; only root installs, anybody else is given
//! the one command to run or, for the emulator, a copy of their own; every step has a limit, so a machine without a network hears soon what
//! is missing.

pub mod compiler;
mod debian;
mod llvm;
mod mutants;
mod packages;
mod programs;
mod qemu;
mod rustup;
mod toolchain;
mod unpacked;

use anyhow::Result;

pub use llvm::{LlvmTools, ensure_llvm_tools};
pub use mutants::ensure_cargo_mutants;
pub use programs::{ensure_cross_compiler, ensure_debugger};
pub use qemu::{emulator, ensure_emulator};
pub use toolchain::{Toolchain, forget_outer_cargo};

use crate::workspace::Workspace;

/// The whole set-up, asked for by name: looks again at what an earlier run gave up on.
pub fn everything(workspace: &Workspace) -> Result<u8> {
    rustup::forget_failure(workspace);
    Toolchain::ensure(workspace)?;
    println!("emulator: {}", ensure_emulator()?);
    println!("cross compiler for tests/c: {}", ensure_cross_compiler()?);
    println!("debugger: {}", ensure_debugger()?);
    Ok(0)
}
