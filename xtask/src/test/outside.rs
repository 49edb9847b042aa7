//! The memory system in other projects: a crate outside the workspace is built with it, for the
//! host and for a bare machine, and the program over plain memory runs.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Filter;
use super::report::{Report, Verdict};
use crate::check::host_cargo;
use crate::process::run_bounded;
use crate::setup::Toolchain;
use crate::workspace::Workspace;

/// The manifest of the crate, as a path from the root.
const CRATE: &str = "tests/outside/Cargo.toml";
/// The limit. A build from nothing takes seconds.
const LIMIT: Duration = Duration::from_secs(300);
/// The beginning of the last line of the program over plain memory, if everything worked.
const LAST: &str = "both are gone";

/// A function that judges the output of a command.
type Judge = fn(&str) -> bool;

/// Runs the tests that the filter admits.
pub fn run(workspace: &Workspace, toolchain: &Toolchain, filter: &Filter, report: &Report) {
    let build = ["build", "--manifest-path", CRATE];
    let apart = |mut command: Command| {
        command
            .arg("--target-dir")
            .arg(workspace.target().join("outside"));
        command
    };
    let cases: [(&str, Command, Judge); 3] = [
        (
            "outside: a crate on mm, for the host",
            apart(host_cargo(workspace, &build)),
            |_| true,
        ),
        (
            "outside: a crate on mm, for a bare machine",
            toolchain.apart("outside").plain_cargo(workspace, &build),
            |_| true,
        ),
        (
            "outside: mm over plain memory",
            host_cargo(
                workspace,
                &["run", "-q", "-p", "cowslip-mm", "--example", "plain"],
            ),
            |output| {
                output
                    .lines()
                    .last()
                    .is_some_and(|line| line.starts_with(LAST))
            },
        ),
    ];
    for (name, command, is_good) in cases {
        if filter.admits(name) {
            report.attempt(name, || one(name, command, is_good, report));
        }
    }
}

fn one(name: &str, mut command: Command, is_good: fn(&str) -> bool, report: &Report) -> Result<()> {
    let begin = Instant::now();
    let ran = run_bounded(&mut command, LIMIT).context("cargo cannot be started")?;
    if !ran.success() {
        bail!("{}{}", ran.output, ran.errors);
    }
    let verdict = if is_good(&ran.output) {
        Verdict::Passed
    } else {
        Verdict::Failed(ran.output)
    };
    report.result(name, begin.elapsed(), verdict);
    Ok(())
}
