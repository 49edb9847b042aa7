//! The test of snapshots in files: a run of the lab kernel that is cut in two processes is the run
//! that is not cut, turn by turn, and a file that does not fit is refused in one line.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::lab;
use crate::outcome::{EXIT_TIMEOUT, EXIT_TROUBLE};
use crate::process::{Finished, run_bounded};
use crate::test::{Filter, Report, Verdict};
use crate::workspace::Workspace;

const NAME: &str = "emu snapshots: another process goes on from a file, turn by turn";
/// Longest a run may take.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the test if the filter admits it.
pub fn test(workspace: &Workspace, filter: &Filter<'_>, report: &Report) {
    if !filter.admits(NAME) {
        return;
    }
    report.attempt(NAME, || {
        let begin = Instant::now();
        compare(workspace)?;
        report.result(NAME, begin.elapsed(), Verdict::Passed);
        Ok(())
    });
}

fn compare(workspace: &Workspace) -> Result<()> {
    let kernel = lab::compile(workspace, &workspace.root().join("tests/lab-kernel"), 0)?;
    let image = workspace.temporary("no-disk");
    fs::write(&image, [])?;
    let file = workspace.temporary("machine.snapshot");
    let traces = ["whole.trace", "rest.trace"].map(|name| workspace.temporary(name));
    let run = |harts: &str, arguments: &[&str], trace: Option<&Path>| -> Result<Finished> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["emu", "--mem", "16M", "--smp", harts, "--exec", "x"]);
        command.arg("--kernel").arg(&kernel);
        command.arg("--image").arg(&image).args(arguments);
        if let Some(trace) = trace {
            command.arg("--trace").arg(trace);
        }
        run_bounded(&mut command, LIMIT)
    };
    let snapshot = file.to_string_lossy();
    let whole = run("3", &["--seed", "7"], Some(&traces[0]))?;
    ensure!(whole.success(), "the whole run: {}", whole.errors);
    let first = run(
        "3",
        &["--seed", "7", "--limit", "2", "--snapshot", &snapshot],
        None,
    )?;
    ensure!(
        code(&first) == Some(EXIT_TIMEOUT.into()),
        "{}",
        first.errors
    );
    let rest = run("3", &["--from", &snapshot], Some(&traces[1]))?;
    ensure!(rest.success(), "the rest of the run: {}", rest.errors);
    ensure!(
        rest.output == whole.output && first.output != whole.output,
        "the console of the cut run is another: {:?}, {:?}",
        rest.output,
        whole.output
    );
    let [all, end] = [
        fs::read_to_string(&traces[0])?,
        fs::read_to_string(&traces[1])?,
    ];
    ensure!(
        end.lines().count() > 1000 && all.ends_with(&end),
        "the turns of the cut run are others"
    );
    let other = run("2", &["--from", &snapshot], None)?;
    let lines: Vec<&str> = other.errors.lines().collect();
    ensure!(
        code(&other) == Some(EXIT_TROUBLE.into())
            && lines.len() == 1
            && lines[0].contains("3 harts, and this one has 2"),
        "a snapshot of another machine is refused with: {}",
        other.errors
    );
    Ok(())
}

fn code(finished: &Finished) -> Option<i32> {
    finished.status.and_then(|status| status.code())
}
