//! `cargo xtask coverage`: which lines of the memory system and of the file system their tests on
//! the host run.
//!
//! The tests are built once more with counters in them (rustc's `-Cinstrument-coverage`), in a
//! target folder of their own. Lines of test modules are not counted, because almost all of them
//! are run.
//!
//! Invariant: the folder of the counters belongs to this run, so no earlier run adds to it.
//! Neighbours: [`crate::setup`] finds LLVM's tools, [`lcov`] reads their output, [`source`] knows
//! which lines are tests.

mod lcov;
mod report;
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::build;
use crate::check::host_cargo;
use crate::process::run_bounded;
use crate::progress::spinner;
use crate::setup::{LlvmTools, compiler, ensure_llvm_tools};
use crate::workspace::Workspace;

use report::Room;

/// The measured rooms, and the percentage of lines that their tests must run.
const ROOMS: [(&str, Option<u64>); 2] = [("mm", Some(95)), ("fs", None)];

/// The limit for the tests, which run with counters on a busy host.
const LIMIT: Duration = Duration::from_secs(900);

/// Measures, and prints a line for each file. Returns 1 if a room's tests run too few lines.
pub fn run(workspace: &Workspace) -> Result<u8> {
    let tools = ensure_llvm_tools(workspace)?;
    let tests = build_tests(workspace)?;
    let profile = count(workspace, &tools, &tests)?;
    let counted = export(&tools, &tests, &profile)?;

    let mut enough = true;
    for (name, needed) in ROOMS {
        let room = Room::new(name, needed, workspace.root(), &counted)?;
        print!("{room}");
        enough &= room.has_enough();
    }
    Ok(u8::from(!enough))
}

fn build_tests(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut command = host_cargo(workspace, &["test", "--no-run"]);
    for (room, _) in ROOMS {
        command.args(["--package", &format!("cowslip-{room}")]);
    }
    // If a target is named, cargo does not apply the flags to its build scripts.
    let host = compiler::host().context("`rustc -vV` names no host")?;
    command
        .args(["--target", &host, "--target-dir"])
        .arg(workspace.target().join("coverage"))
        .env("RUSTFLAGS", "-Cinstrument-coverage");
    build::build(command, "tests of mm and fs")
}

/// Runs the tests. Returns the file with the counts of all of them.
fn count(workspace: &Workspace, tools: &LlvmTools, tests: &[PathBuf]) -> Result<PathBuf> {
    let raw = workspace.temporary("counters");
    for program in tests {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let _sign = spinner(format!("running {name}"));
        let mut command = Command::new(program);
        command
            .current_dir(workspace.root())
            .env("LLVM_PROFILE_FILE", raw.join("%p-%m.profraw"));
        let run = run_bounded(&mut command, LIMIT)?;
        if !run.success() {
            bail!(
                "the tests fail, so there is nothing to measure:\n{}",
                run.output
            );
        }
    }
    let merged = workspace.temporary("coverage.profdata");
    let mut merge = Command::new(&tools.profdata);
    merge.args(["merge", "--sparse", "-o"]).arg(&merged);
    let files = fs::read_dir(&raw).context("the tests have counted nothing")?;
    for file in files {
        merge.arg(file?.path());
    }
    said(&mut merge)?;
    Ok(merged)
}

/// Returns the counts in the text format of the lcov tools.
fn export(tools: &LlvmTools, tests: &[PathBuf], profile: &Path) -> Result<lcov::Counted> {
    let mut export = Command::new(&tools.cov);
    export
        .args(["export", "--format=lcov", "--instr-profile"])
        .arg(profile);
    for program in tests {
        export.arg("--object").arg(program);
    }
    lcov::read(&said(&mut export)?)
}

fn said(command: &mut Command) -> Result<String> {
    let finished = run_bounded(command, LIMIT)?;
    if !finished.success() {
        let name = crate::process::name(command);
        bail!("{name} failed: {}", finished.last_words());
    }
    Ok(finished.output)
}
