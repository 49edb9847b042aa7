//! cargo-mutants, the program that makes the mutants. It is built here from crates.io.

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
/// The release whose output and settings this program knows.
const VERSION: &str = "27.1.0";
/// The limit for fetching and building some 150 crates.
const LIMIT: Duration = Duration::from_secs(3600);
const VERSION_LIMIT: Duration = Duration::from_secs(30);

/// Returns the path of cargo-mutants: the one on PATH or, without one, one in the target folder,
/// which is built if it is missing.
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

/// Returns whether the program runs. As a subcommand of cargo it expects the name of its command
/// first.
fn is_there(program: impl AsRef<OsStr>) -> bool {
    let mut ask = Command::new(program);
    ask.args(["mutants", "--version"]);
    run_bounded(&mut ask, VERSION_LIMIT).is_ok_and(|asked| {
        asked.success() && asked.output.trim_end() == format!("{NAME} {VERSION}")
    })
}
