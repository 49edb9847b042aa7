//! `cargo xtask emu`: kernels on the machine of our own.
//!
//! Neighbours: `emu` is the machine; [`setup`] turns arguments into one; [`run`](mod@run) drives
//! it; [`reports`] prints findings with source lines.

mod atomics;
mod gdb;
pub mod lab;
mod ours;
mod reports;
mod run;
mod seeds;
mod setup;
mod wasm;

use anyhow::Result;

use crate::cli::EmuArguments;
use crate::workspace::Workspace;

pub use atomics::addresses as atomic_instructions;
pub use reports::Printer;
pub use setup::{Seeds, fences_instructions};

/// Runs what the arguments describe; the exit code says how it ended.
pub fn run(workspace: &Workspace, arguments: &EmuArguments) -> Result<u8> {
    let subject = setup::Subject::read(workspace, arguments)?;
    match arguments.seeds {
        Some(seeds) => seeds::search(workspace, arguments, &subject, seeds),
        None => run::once(workspace, arguments, &subject),
    }
}
