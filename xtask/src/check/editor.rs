//! The check for editors: the compiler's messages, from each room's own target.

use anyhow::Result;

use super::{GUESTS, host_cargo};
use crate::arch::Arch;
use crate::process::run_inherited;
use crate::setup::Toolchain;
use crate::workspace::Workspace;

/// Makes cargo print the compiler's findings as JSON: for all rooms on the host, then for the
/// guests and their target. Goes on after errors, because an editor wants to show all of them.
/// Returns 1 if there were any.
pub fn for_editor(workspace: &Workspace) -> Result<u8> {
    let toolchain = Toolchain::ensure(workspace, Arch::Riscv64)?;
    let host = host_cargo(workspace, &["check", "--workspace", "--all-targets"]);
    let mut guests = toolchain.cargo(workspace, &["check", "--release", "--lib", "--bins"]);
    guests.args(GUESTS);
    let mut failed = false;
    for mut check in [host, guests] {
        failed |= !run_inherited(check.arg("--message-format=json"))?.success();
    }
    Ok(u8::from(failed))
}
