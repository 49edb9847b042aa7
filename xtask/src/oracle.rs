//! `cargo xtask oracle` and `cargo xtask model`: programs that are built here and get the rest of
//! the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::build;
use crate::check::host_cargo;
use crate::guard::guarded;
use crate::process::run_inherited;
use crate::workspace::Workspace;

/// The package of the simulated machine.
pub const SIMULATOR: &str = "sim";
/// The package of the protocol of shared page tables.
pub const MODEL: &str = "model";

/// Builds and runs the program of a package. Returns its exit code.
pub fn run(workspace: &Workspace, package: &str, arguments: &[OsString]) -> Result<u8> {
    let program = build(workspace, package)?;
    let status = run_inherited(&mut guarded(Command::new(program).args(arguments)))?;
    Ok(u8::from(!status.success()))
}

/// Builds the program of a package, optimised and with every assertion.
pub fn build(workspace: &Workspace, package: &str) -> Result<PathBuf> {
    let mut command = host_cargo(
        workspace,
        &["build", "--profile", "oracle", "--package", package],
    );
    command.arg("--target-dir").arg(workspace.target());
    build::build(command, package)?
        .pop()
        .with_context(|| format!("cargo built no program of {package}"))
}
