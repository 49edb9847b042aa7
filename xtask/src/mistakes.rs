//! The tests of the memory system, run on a mistake that was put back (`mm::mistake`).
//!
//! Each mistake is another build of `mm`; they share a target folder of their own, so that ordinary
//! builds stay as they are. Kernels that make a mistake are built by
//! [`crate::build::mistaken_kernel`].

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use mm::mistake::{self, Mistake};

use crate::build;
use crate::check::host_cargo;
use crate::process::run_bounded;
use crate::workspace::Workspace;

/// The tests take seconds; a mistake can make one of them run for ever.
const LIMIT: Duration = Duration::from_secs(120);

/// The tests of `mm` that fail on a mistake, or without any.
pub fn failing_tests(workspace: &Workspace, mistake: Option<Mistake>) -> Result<Vec<String>> {
    let mut command = host_cargo(workspace, &["test", "--no-run", "--package", "mm", "--lib"]);
    command
        .arg("--message-format=json-render-diagnostics")
        .arg("--target-dir")
        .arg(workspace.target().join("mistakes"))
        .env(mistake::VARIABLE, mistake.map_or("", Mistake::name));
    let built = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !built.status.success() {
        bail!("the tests of mm do not build (see above)");
    }
    let tests = build::executables(&String::from_utf8_lossy(&built.stdout))?
        .pop()
        .context("cargo built no tests")?;
    let mut command = std::process::Command::new(tests);
    command
        .current_dir(workspace.root())
        .arg("--test-threads=1")
        .env("RUST_BACKTRACE", "0");
    Ok(failed(&run_bounded(&mut command, LIMIT)?.output))
}

/// The tests that did not end with `ok`; one that took the whole program with it is the last.
fn failed(output: &str) -> Vec<String> {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "))
        .filter(|(_, verdict)| *verdict != "ok")
        .map(|(test, _)| test.trim_end_matches(" - should panic").to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_read_from_the_harness() {
        let output = "running 4 tests\ntest a::b ... ok\ntest c - should panic ... FAILED\n\
                      test d ... FAILED\ntest e ... ";
        assert_eq!(failed(output), ["c", "d", "e"]);
        assert!(failed("test result: ok. 4 passed\n").is_empty());
    }
}
