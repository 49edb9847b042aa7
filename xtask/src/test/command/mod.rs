//! This very program, called as a person or a script would call it on an odd machine: programs that
//! are missing, broken or slow, lists that are empty, disks that are full, ends that come early.
//!
//! Invariant: nothing of the system is changed. Programs that would are fakes, first on PATH
//! ([`fakes`]), and caches are folders of the run. Neighbour: tests/setup has the scripts for
//! what takes another system, or more than a suite may do.

mod emulator;
mod endings;
mod fakes;
mod full_disk;

use std::time::Instant;

use anyhow::Result;

use super::Filter;
use super::report::{Report, Verdict};
use crate::workspace::Workspace;

/// A name, and what fails if all is not as it must be.
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
