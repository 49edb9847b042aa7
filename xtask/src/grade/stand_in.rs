//! A stand-in for a kernel (`tests/kernel`), for the test of the grader itself. It runs in machine
//! mode without firmware, and its tests end in every way in which tests can end.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::grader::Grader;
use super::suite::COWTEST;
use crate::arch::Arch;
use crate::process::run_bounded;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60);

/// The flags for programs without a runtime, with a layout of their own.
const FLAGS: [&str; 13] = [
    "-std=c11",
    "-Os",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-static",
    "-nostdlib",
    "-ffreestanding",
    "-fno-pic",
    "-mcmodel=medany",
    "-Wl,--build-id=none",
    "-Wl,-Tstand-in.ld",
    "-Wl,--no-warn-rwx-segments",
];

/// The expected verdicts on the stand-in's tests, in their order.
const EXPECTED: [(&str, &str); 7] = [
    ("passes", "passed"),
    ("skips", "skipped"),
    ("fails", "failed"),
    ("hangs", "hung"),
    ("panics", "panicked"),
    ("kills", "failed"),
    ("recovers", "passed"),
];

/// The longest silence allowed. The stand-in answers at once or never.
const STALL: Duration = Duration::from_secs(5);

/// Grades the stand-in.
///
/// # Errors
///
/// What the grader got wrong.
pub fn grade(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root().join("tests/kernel");
    let kernel = workspace.temporary("stand-in");
    let compiled = run_bounded(
        Command::new(Arch::Riscv64.c_compiler().0)
            .current_dir(folder)
            .args(FLAGS)
            .arg("-o")
            .arg(&kernel)
            .args(["start.S", "stand-in.c"]),
        LIMIT,
    )?;
    ensure!(
        compiled.success(),
        "the stand-in kernel does not compile:\n{}{}",
        compiled.output,
        compiled.errors
    );
    let machine = super::machine(&kernel, 2)?;
    // The stand-in uses no disk.
    let image = [0; abi::BLOCK_SIZE];
    let graded =
        Grader::new(workspace, machine, &image, STALL).run(&[COWTEST], |_, _| true, |_| ())?;
    let seen: Vec<_> = graded
        .iter()
        .map(|graded| (graded.test.as_str(), graded.verdict.name()))
        .collect();
    ensure!(
        seen == EXPECTED,
        "expected {EXPECTED:?}, saw {seen:?}: {graded:?}"
    );
    Ok(())
}
