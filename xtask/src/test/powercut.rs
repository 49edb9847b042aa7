//! A few power cuts. `cargo xtask powercut` makes any number of them.

use std::time::Instant;

use anyhow::Result;

use super::report::{Report, Verdict};
use crate::build::Guests;
use crate::cli::{Fork, MachineArguments, Memory};
use crate::powercut::{Site, cuts};
use crate::workspace::Workspace;

/// The name of the test.
pub const NAME: &str = "guest power cuts";

/// The number of cuts: two of each kind of workload.
const CUTS: u64 = 12;

/// Makes the cuts, and judges them together.
pub fn run(workspace: &Workspace, guests: &Guests, report: &Report) -> Result<()> {
    let begin = Instant::now();
    let machine = MachineArguments {
        cpu: None,
        arch: guests.arch,
        stack_pages: None,
        lazy_sbrk: false,
        smp: 2,
        mem: Memory::mebibytes(128),
        fork: Fork::Cow,
        audit: false,
    };
    let site = Site::new(workspace, guests, &machine)?;
    let tally = cuts(&site, 1..1 + CUTS, |_, _| {});
    let verdict = if tally.is_harmed() {
        Verdict::Failed(tally.failures().join("\n"))
    } else {
        Verdict::Passed
    };
    report.result(NAME, begin.elapsed(), verdict);
    Ok(())
}
