//! A stand-in for a kernel (`tests/kernel`): machine mode, no firmware, and tests that go every way
//! a test can go, for a test of the grader itself.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::grader::Grader;
use super::suite::COWTEST;
use crate::arch::Arch;
use crate::process::run_bounded;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60);

/// Bare C with a layout of its own.
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

/// How its tests must be graded, in their order.
const EXPECTED: [(&str, &str); 7] = [
    ("passes", "passed"),
    ("skips", "skipped"),
    ("fails", "failed"),
    ("hangs", "hung"),
    ("panics", "panicked"),
    ("kills", "failed"),
    ("recovers", "passed"),
];

/// It answers at once or never.
const STALL: Duration = Duration::from_secs(5);

/// Grades it; an error says what the grader got wrong.
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
    // It looks at no disk.
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
