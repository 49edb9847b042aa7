//! `cargo xtask oracle`: random programs on the simulated machine of `sim`, compared with a model.
//! Builds the simulator; the rest of the command line is the simulator's own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::build;
use crate::check::host_cargo;
use crate::guard::guarded;
use crate::process::run_inherited;
use crate::workspace::Workspace;

/// Builds and runs it. Returns its exit code.
pub fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<u8> {
    let simulator = build(workspace)?;
    let status = run_inherited(&mut guarded(Command::new(simulator).args(arguments)))?;
    Ok(u8::from(!status.success()))
}

/// Builds the simulator, optimised and with every assertion.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = host_cargo(
        workspace,
        &["build", "--profile", "oracle", "--package", "sim"],
    );
    command.arg("--target-dir").arg(workspace.target());
    build::build(command, "simulator")?
        .pop()
        .context("cargo built no simulator")
}
