//! What rustup can add to a toolchain: the second way to the guest target, and the first to tools.
//!
//! Invariant: a machine where the server cannot be reached pays for finding out once, not at
//! every command: the failure is remembered until `cargo xtask setup` looks again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::programs::is_on_path;
use crate::process::run_bounded;
use crate::progress::spinner;
use crate::workspace::Workspace;

/// rustup tries again with growing pauses; the whole of it must be over by then.
const LIMIT: Duration = Duration::from_secs(20);

/// Tries to add a `target` or a `component` to the toolchain in use.
pub fn add(workspace: &Workspace, kind: &str, name: &str) -> Result<()> {
    if !is_there() {
        bail!("there is no rustup");
    }
    let failure = failure_note(workspace);
    if failure.exists() {
        bail!("rustup could not fetch things earlier (`cargo xtask setup` tries again)");
    }
    let add = {
        let _sign = spinner(format!("rustup {kind} add {name}"));
        run_bounded(Command::new("rustup").args([kind, "add", name]), LIMIT)?
    };
    if add.success() {
        return Ok(());
    }
    // Only a saving of time: where it cannot be written, the next run tries again.
    let _ = fs::write(&failure, add.last_words());
    bail!("rustup cannot fetch it: {}", add.last_words());
}

/// Makes the next command try again.
pub fn forget_failure(workspace: &Workspace) {
    let _ = fs::remove_file(failure_note(workspace));
}

/// Returns whether there is a rustup.
pub fn is_there() -> bool {
    is_on_path("rustup")
}

fn failure_note(workspace: &Workspace) -> PathBuf {
    workspace.remembered("rustup-failed")
}
