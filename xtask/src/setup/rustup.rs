//! Additions to a toolchain by rustup: the second way to the guest target, and the first to tools.
//!
//! Invariant: a machine that cannot reach the server spends the time to find that out once, not at
//! every command. The failure is remembered until `cargo xtask setup` tries again.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::{is_on_path, run_while_progressing};
use crate::progress::spinner;
use crate::workspace::Workspace;

/// How long rustup may make no progress. It retries a server that does not answer again and again,
/// with growing pauses.
const QUIET: Duration = Duration::from_secs(20);
/// The limit for the whole, for a server that answers slowly.
const LIMIT: Duration = Duration::from_secs(180);

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
        let mut rustup = Command::new("rustup");
        run_while_progressing(rustup.args([kind, "add", name]), QUIET, LIMIT, progress)?
    };
    if add.success() {
        return Ok(());
    }
    // The file only saves time. If it cannot be written, the next run tries again.
    let _ = fs::write(&failure, add.last_words());
    bail!("rustup cannot fetch it: {}", add.last_words());
}

/// Returns a number that changes while rustup downloads or unpacks: the bytes and names in the two
/// folders that it uses.
fn progress() -> u64 {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let Some(home) = home.or_else(|| Some(env::home_dir()?.join(".rustup"))) else {
        return 0;
    };
    ["downloads", "tmp"]
        .map(|name| size(&home.join(name)))
        .iter()
        .sum()
}

/// Returns the bytes of all files in a folder, plus one for each name in it.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => 1 + size(&entry.path()),
        Ok(found) => 1 + found.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// Forgets a remembered failure, so that the next command tries again.
pub fn forget_failure(workspace: &Workspace) {
    let _ = fs::remove_file(failure_note(workspace));
}

/// Returns whether rustup is installed.
pub fn is_there() -> bool {
    is_on_path("rustup")
}

fn failure_note(workspace: &Workspace) -> PathBuf {
    workspace.remembered("rustup-failed")
}
