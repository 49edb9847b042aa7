//! `cargo xtask emu`: kernels on Cowslip's own emulated machine.
//!
//! Neighbours: `emu` is the machine. [`setup`] makes one from the arguments, [`run`](mod@run)
//! drives it, and [`reports`] prints findings with source lines.

mod atomics;
mod errand;
mod gdb;
pub mod lab;
pub mod lockstep;
pub mod ours;
mod reports;
mod run;
mod screen;
mod seeds;
mod setup;
pub mod snapshots;
pub mod wasm;

use anyhow::Result;

use crate::cli::EmuArguments;
use crate::workspace::Workspace;

pub use atomics::addresses as atomic_instructions;
pub use errand::Errand;
pub use reports::Printer;
pub use setup::fences_instructions;

/// Runs what the arguments describe. Returns the exit code for how the run ended.
pub fn run(workspace: &Workspace, arguments: &EmuArguments) -> Result<u8> {
    if let Some(programs) = arguments.lockstep {
        return lockstep::run(workspace, programs, arguments.seed.unwrap_or(1));
    }
    let subject = setup::Subject::read(workspace, arguments)?;
    match arguments.seeds {
        Some(seeds) => seeds::search(workspace, arguments, &subject, seeds),
        None => run::once(workspace, arguments, &subject),
    }
}
