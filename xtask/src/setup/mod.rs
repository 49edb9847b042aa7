//! Set-up: finding or installing what the other commands need. Each command asks for its own part
//! when it starts, so calling `setup` first is never necessary.
//!
//! Invariants: nothing is installed silently; only root installs, and other users are given the one
//! command to run or, for the emulator, a copy of their own; every step has a limit, so that a
//! machine without a network soon reports what is missing.

mod cache;
pub mod compiler;
mod debian;
mod llvm;
mod missing;
mod mutants;
mod packages;
mod programs;
mod qemu;
pub mod rustup;
mod toolchain;
mod unpacked;

use anyhow::{Error, Result};

pub use cache::folder as cache_folder;
pub use llvm::{LlvmTools, ensure_llvm_tools};
pub use mutants::ensure_cargo_mutants;
pub use programs::{ensure_c_compiler, ensure_debugger};
pub use qemu::{emulator, ensure_emulator};
pub use toolchain::{Toolchain, forget_outer_cargo};

use crate::arch::Arch;
use crate::outcome::EXIT_TROUBLE;
use crate::workspace::Workspace;
use missing::Missing;

/// Does the whole set-up, at the user's request. Retries what an earlier run gave up on. Goes on
/// after failures, so that everything missing is reported at once. Returns the exit code for
/// trouble if anything is missing.
pub fn everything(workspace: &Workspace) -> Result<u8> {
    rustup::forget_failure(workspace);
    let mut shortfall = Shortfall::default();
    for arch in Arch::ALL {
        let name = arch.name();
        shortfall.unless(Toolchain::ensure(workspace, arch).map(|_| ()));
        let emulator = ensure_emulator(arch);
        shortfall.unless(emulator.map(|line| println!("emulator for {name}: {line}")));
        let compiler = ensure_c_compiler(arch);
        shortfall.unless(compiler.map(|line| println!("C compiler for {name}: {line}")));
    }
    match ensure_debugger() {
        Ok(line) => println!("debugger: {line}"),
        Err(error) => println!("debugger: none, which only `cargo xtask gdb` misses ({error:#})"),
    }
    Ok(shortfall.tell())
}

/// The parts that could not be set up.
#[derive(Default)]
struct Shortfall {
    missing: Option<Missing>,
    failures: Vec<Error>,
}

impl Shortfall {
    /// Notes a step that failed.
    fn unless(&mut self, step: Result<()>) {
        let Err(error) = step else { return };
        let said = error.to_string();
        match error.downcast::<Missing>() {
            Ok(missing) => {
                // The reason why the step did not succeed without installing.
                if said != missing.to_string() {
                    self.failures.push(Error::msg(said));
                }
                self.missing = Some(match self.missing.take() {
                    Some(earlier) => earlier.and(missing),
                    None => missing,
                });
            }
            Err(error) => self.failures.push(error),
        }
    }

    /// Prints the failures. Returns the exit code. What one command cures is printed last, where
    /// the user sees it.
    fn tell(self) -> u8 {
        let complete = self.missing.is_none() && self.failures.is_empty();
        for failure in self.failures {
            eprintln!("xtask: {failure:#}");
        }
        if let Some(missing) = self.missing {
            eprintln!("xtask: {missing}");
        }
        if complete { 0 } else { EXIT_TROUBLE }
    }
}
