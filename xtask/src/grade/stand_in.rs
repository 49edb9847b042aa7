//! A stand-in for a kernel (`tests/kernel`), for the test of the grader itself. It runs in machine
//! mode without firmware, and its tests end in every way in which tests can end.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::catalogue::{Purpose, Test};
use super::demand::Base;
use super::lab::{Emulator, Place, Subject};
use crate::arch::Arch;
use crate::process::run_bounded;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(60);

/// The flags for programs without a runtime, with a layout of their own.
const FLAGS: [&str; 14] = [
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
    "-I../../lab",
    "-Wl,--build-id=none",
    "-Wl,-Tstand-in.ld",
    "-Wl,--no-warn-rwx-segments",
];

/// The stand-in's tests and the expected verdicts, in their order.
const EXPECTED: [(&str, &str); 9] = [
    ("passes", "passed"),
    ("fails", "failed"),
    ("forges", "failed"),
    ("borrows", "failed"),
    ("hangs", "hung"),
    ("panics", "panicked"),
    ("floods", "hung"),
    ("kills", "failed"),
    ("recovers", "passed"),
];

/// The longest silence allowed. The stand-in answers at once or never.
const STALL: Duration = Duration::from_secs(5);
const MILLIONS: u64 = 300;

/// Grades the stand-in on both emulators.
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
    let tests = EXPECTED.map(|(name, _)| Test {
        name: name.to_owned(),
        program: "stand-in".to_owned(),
        purpose: Purpose::Xv6,
        since: None,
        seeds: 0,
        points: 1,
        millions: MILLIONS,
        does: String::new(),
        rule: String::new(),
    });
    // The stand-in uses no disk.
    let image = [0; abi::BLOCK_SIZE];
    let subject = Subject::new(workspace, &kernel, &image)?;
    for emulator in [Emulator::Own, Emulator::Qemu] {
        let place = Place {
            emulator,
            harts: 2,
            stall: STALL,
        };
        let graded = subject.run(place, &tests.each_ref(), &Base::Of(None), |_| {}, |_| {})?;
        let seen: Vec<_> = graded
            .iter()
            .map(|graded| (graded.test.as_str(), graded.verdict.name()))
            .collect();
        ensure!(
            seen == EXPECTED,
            "on {emulator:?}: expected {EXPECTED:?}, saw {seen:?}: {graded:?}"
        );
    }
    Ok(())
}
