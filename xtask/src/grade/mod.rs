//! `cargo xtask grade`: somebody's xv6 kernel, tested by our programs on our disk image.
//!
//! [`guest`] types and listens, [`suite`] knows the test programs, [`grader`] goes from test to
//! test, [`verdict`] is what comes of it, [`sanitized`] has the kernel watched, [`report`] prints
//! it. [`self_test`] turns the whole on kernels of which it is known how they must do.

mod audited;
mod grader;
mod guest;
mod kernel;
mod report;
mod sanitized;
mod self_test;
mod stand_in;
mod suite;
mod verdict;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::build;
use crate::cli::GradeArguments;
use crate::image::{self, Geometry};
use crate::qemu::Machine;
use crate::setup::{Toolchain, ensure_emulator};
use crate::workspace::Workspace;

use grader::Grader;
use report::Report;
pub use self_test::passes;
pub use stand_in::grade as stand_in;
use suite::{COWTEST, USERTESTS};

/// Grades the kernels that the arguments name. Returns 0 if all is well, and 1 otherwise.
pub fn run(workspace: &Workspace, arguments: &GradeArguments) -> Result<u8> {
    ensure_emulator(Arch::Riscv64)?;
    let toolchain = Toolchain::ensure(workspace, Arch::Riscv64)?;
    if arguments.self_test {
        return self_test::run(workspace, &toolchain, arguments.filter.as_deref());
    }
    let kernel = arguments.kernel.as_deref().context("no kernel was given")?;
    let entry = kernel::entry(kernel)?;
    let guests = build::guests(workspace, &toolchain)?;
    let image = image::build(workspace, &guests, &[], Geometry::DEFAULT)?;
    let mut report = Report::new(kernel, entry, arguments.json);
    let mut good = true;
    for &harts in &arguments.smp {
        let machine = machine(kernel, harts)?;
        report.machine(&machine);
        let stall = Duration::from_secs(arguments.stall.into());
        let graded = Grader::new(workspace, machine, &image, stall).run(
            &[COWTEST, USERTESTS],
            |suite, test| {
                let part = arguments.filter.as_deref().unwrap_or_default();
                suite.command(test).contains(part)
            },
            |graded| report.test(graded),
        )?;
        if graded.is_empty() {
            bail!("no test has a name like that");
        }
        good &= !graded.iter().any(|graded| graded.verdict.is_bad());
        report.end_of_machine(harts, graded);
    }
    if arguments.sanitize {
        let filter = arguments.filter.as_deref().unwrap_or_default();
        let found = sanitized::run(workspace, kernel, &image, filter, |finding| {
            report.finding(finding);
        })?;
        good &= found.is_empty();
        report.end_of_findings(&found);
    }
    report.finish();
    Ok(u8::from(!good))
}

/// Returns the machine that xv6 expects.
fn machine(kernel: &Path, harts: u8) -> Result<Machine> {
    let mut machine = Machine::new(Arch::Riscv64, kernel);
    machine.firmware = kernel::firmware(kernel::entry(kernel)?);
    machine.smp = harts;
    Ok(machine)
}
