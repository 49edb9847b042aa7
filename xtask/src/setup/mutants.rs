//! cargo-mutants, which makes the mutants: a program of crates.io that is built here.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::check::host_cargo;
use crate::process::run_bounded;
use crate::progress::spinner;
use crate::workspace::Workspace;

const NAME: &str = "cargo-mutants";
/// The release whose output and settings are known.
const VERSION: &str = "27.1.0";
/// To fetch and build it; it is some 150 crates.
const LIMIT: Duration = Duration::from_secs(3600);
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// Returns the program: the one on PATH, or else one of our own in the target folder, built if it
/// is missing.
pub fn ensure_cargo_mutants(workspace: &Workspace) -> Result<PathBuf> {
    if is_there(NAME) {
        return Ok(PathBuf::from(NAME));
    }
    let tools = workspace.target().join("tools");
    let program = tools.join("bin").join(NAME);
    if is_there(&program) {
        return Ok(program);
    }
    eprintln!("xtask: there is no {NAME} {VERSION}; building it with cargo install (some minutes)");
    let _sign = spinner(format!("cargo install {NAME}"));
    let mut command: Command = host_cargo(workspace, &["install", "--locked", "--root"]);
    command.arg(&tools).args(["--version", VERSION, NAME]);
    let install = run_bounded(&mut command, LIMIT)?;
    if !install.success() || !is_there(&program) {
        bail!(
            "`cargo install {NAME}` failed: {}; or put version {VERSION} of the program on PATH",
            install.last_words()
        );
    }
    Ok(program)
}

/// A program for cargo, it wants the name of its command first.
fn is_there(program: impl AsRef<OsStr>) -> bool {
    let mut ask = Command::new(program);
    ask.args(["mutants", "--version"]);
    run_bounded(&mut ask, VERSION_LIMIT).is_ok_and(|asked| {
        asked.success() && asked.output.trim_end() == format!("{NAME} {VERSION}")
    })
}
