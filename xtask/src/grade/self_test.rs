//! `cargo xtask grade --self-test`: kernels of which it is known how they must do. A stand-in that
//! goes every way a kernel can go, our own kernel, and variants of it that each make a mistake of
//! the museum. Grading is worth something only if the broken ones fail, by the tests that are meant
//! for their mistakes, and the unbroken one passes. The kernel's own audit must report those that
//! leave something wrong in the books when a test is over.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::grader::{BOOT_SUITE, Grader};
use super::suite::COWTEST;
use super::verdict::{Graded, Verdict};
use super::{audited, stand_in};
use crate::arch::Arch;
use crate::build::{self, mistaken_kernel};
use crate::image::{self, Geometry};
use crate::museum::{self, Copy};
use crate::progress::spinner;
use crate::setup::{Toolchain, ensure_c_compiler};
use crate::workspace::Workspace;

/// Enough for races between two.
const HARTS: u8 = 2;
/// No test of ours is silent for so long, even on a busy host.
const STALL: Duration = Duration::from_secs(40);

/// Grades all of them. Returns 1 if one did not do as it must.
pub fn run(workspace: &Workspace, toolchain: &Toolchain, filter: Option<&str>) -> Result<u8> {
    ensure_c_compiler(Arch::Riscv64)?;
    let begin = Instant::now();
    let stand_in = stand_in::grade(workspace);
    line(&stand_in, "stand-in", begin, "every verdict as it must be");

    let guests = build::guests(workspace, toolchain)?;
    let image = image::build(workspace, &guests, &[], Geometry::DEFAULT)?;
    let begin = Instant::now();
    let unbroken = grade(workspace, &guests.kernel, &image)?;
    let good = unbroken.iter().all(|it| it.verdict == Verdict::Passed);
    line(&verdict(good), "unbroken", begin, &summary(&unbroken));

    let (mut all, mut caught) = (0, 0);
    let mut mistakes = museum::all(workspace.root())?;
    // The others do not show in this emulator.
    mistakes.retain(|mistake| !mistake.cowtest.is_empty());
    mistakes.retain(|mistake| filter.is_none_or(|part| mistake.name.contains(part)));
    let copy = Copy::open(workspace)?;
    for mistake in &mistakes {
        let begin = Instant::now();
        let name = format!("mistake {:2} {}", mistake.number, mistake.name);
        let watching = spinner(name.clone());
        let kernel = mistaken_kernel(&copy, toolchain, mistake)?;
        let graded = grade(workspace, &kernel, &image)?;
        let audit = mistake
            .audited
            .then(|| audited::finding(workspace, &kernel, &image, HARTS));
        drop(watching);
        let missed: Vec<_> = mistake
            .cowtest
            .iter()
            .filter(|test| {
                !graded
                    .iter()
                    .any(|it| it.test == **test && it.verdict.is_bad())
            })
            .collect();
        let seen = missed.is_empty() && !matches!(audit, Some(Err(_)));
        all += 1;
        caught += usize::from(seen);
        let mut how = summary(&graded);
        if !missed.is_empty() {
            how.push_str(&format!("; expected also of {missed:?}"));
        }
        match audit {
            None => {}
            Some(Ok(finding)) => how.push_str(&format!("; {finding}")),
            Some(Err(error)) => how.push_str(&format!("; {error:#}")),
        }
        line(&verdict(seen), &name, begin, &how);
        for boot in graded.iter().filter(|it| it.suite == BOOT_SUITE) {
            println!("       | boot: {:?}", boot.verdict);
        }
    }
    let passed = if good { "passed" } else { "did NOT pass" };
    println!("grade: {caught} of {all} broken kernels failed, the unbroken one {passed}");
    Ok(u8::from(stand_in.is_err() || !good || caught < all))
}

/// Returns whether one of our kernels passes a test of `cowtest`.
pub fn passes(workspace: &Workspace, kernel: &Path, image: &[u8], test: &str) -> Result<bool> {
    let machine = super::machine(kernel, HARTS)?;
    let graded = Grader::new(workspace, machine, image, STALL).run(
        &[COWTEST],
        |_, name| name == test,
        |_| (),
    )?;
    anyhow::ensure!(!graded.is_empty(), "cowtest has no test `{test}`");
    Ok(graded.iter().all(|it| it.verdict == Verdict::Passed))
}

fn grade(workspace: &Workspace, kernel: &Path, image: &[u8]) -> Result<Vec<Graded>> {
    let machine = super::machine(kernel, HARTS)?;
    Grader::new(workspace, machine, image, STALL).run(&[COWTEST], |_, _| true, |_| ())
}

fn verdict(good: bool) -> Result<()> {
    anyhow::ensure!(good, "not as it must be");
    Ok(())
}

/// One line for one kernel.
fn line(verdict: &Result<()>, name: &str, begin: Instant, how: &str) {
    let word = if verdict.is_ok() { "ok" } else { "FAILED" };
    let seconds = begin.elapsed().as_secs_f64();
    println!("{word:6} {name:36} {seconds:6.1} s  {how}");
    if let Err(error) = verdict {
        println!("       | {error:#}");
    }
}

/// Returns what went wrong, by verdict, and how many tests passed.
fn summary(graded: &[Graded]) -> String {
    let mut parts = Vec::new();
    for verdict in ["failed", "hung", "panicked"] {
        let like = |it: &&Graded| it.verdict.name() == verdict;
        let tests: Vec<_> = graded
            .iter()
            .filter(like)
            .map(|it| it.test.as_str())
            .collect();
        if !tests.is_empty() {
            parts.push(format!("{verdict}: {}", tests.join(", ")));
        }
    }
    let passed = graded.iter().filter(|it| !it.verdict.is_bad()).count();
    parts.push(format!("{passed} of {} passed", graded.len()));
    parts.join("; ")
}
