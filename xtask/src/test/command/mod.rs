//! Runs of this program as users and scripts call it, on difficult machines: programs that are
//! missing, broken or slow, package lists that are empty, disks that are full, and runs that are
//! ended early.
//!
//! Invariant: nothing of the system is changed. Programs that would change it are fakes, first on
//! PATH ([`fakes`]), and caches are folders of the run. Neighbour: tests/setup has scripts for
//! tests that need another system, or take longer than a suite may.

mod emulator;
mod endings;
mod fakes;
mod full_disk;

use std::time::Instant;

use anyhow::Result;

use super::Filter;
use super::report::{Report, Verdict};
use crate::workspace::Workspace;

/// A test: its name, and a function that fails if the test does.
type Test = (&'static str, fn(&Workspace) -> Result<()>);

/// Runs the tests.
pub fn run(workspace: &Workspace, filter: &Filter, report: &Report) {
    let tests = [&endings::TESTS[..], &emulator::TESTS, &full_disk::TESTS];
    for (name, test) in tests.concat() {
        let name = format!("command {name}");
        if filter.admits(&name) {
            let begin = Instant::now();
            let verdict = match test(workspace) {
                Ok(()) => Verdict::Passed,
                Err(error) => Verdict::Failed(format!("{error:#}")),
            };
            report.result(&name, begin.elapsed(), verdict);
        }
    }
}
