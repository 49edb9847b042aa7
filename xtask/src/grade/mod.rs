//! `cargo xtask grade`: somebody's xv6 kernel, tested by programs of ours on a disk of ours.
//!
//! The tests are the programs of `lab/` ([`catalogue`], [`disk`]). [`lab`] has a kernel run them,
//! on the machine of our own ([`emulated`]) or on QEMU ([`on_qemu`]); [`protocol`] reads their
//! verdicts ([`verdict`]), [`hints`] names the likely mistake, [`year`] and [`demand`] what the
//! kernel's base can do, [`report`] prints all. [`sanitized`] has the kernel watched.
//! [`self_test`] turns `cowtest` ([`grader`], [`suite`], [`guest`]) on kernels of which it is
//! known how they must do.

mod audited;
mod catalogue;
mod class_kernel;
mod console;
mod demand;
mod disk;
mod emulated;
mod formats;
mod grader;
mod guest;
mod hints;
mod kernel;
mod lab;
mod on_qemu;
mod protocol;
mod report;
mod sanitized;
mod self_test;
mod stand_in;
mod suite;
mod verdict;
mod year;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::arch::Arch;
use crate::cli::GradeArguments;
use crate::qemu::Machine;
use crate::setup::{Toolchain, ensure_emulator};
use crate::workspace::Workspace;

use catalogue::Test;
pub use class_kernel::tests;
use demand::Base;
pub use formats::Format;
use hints::Hints;
pub use lab::Emulator;
use lab::{Place, Subject};
use report::Report;
pub use self_test::passes;
pub use stand_in::grade as stand_in;

/// Exit code of a strict grade: a test failed.
const EXIT_FAILED: u8 = 1;

/// Grades what the arguments name. Returns the exit code.
pub fn run(workspace: &Workspace, arguments: &GradeArguments) -> Result<u8> {
    if arguments.self_test {
        ensure_emulator(Arch::Riscv64)?;
        let toolchain = Toolchain::ensure(workspace, Arch::Riscv64)?;
        return self_test::run(workspace, &toolchain, arguments.filter.as_deref());
    }
    let tests = catalogue::all()?;
    if let Some(name) = &arguments.explain {
        return explain(&tests, name);
    }
    if arguments.on == Emulator::Qemu {
        ensure_emulator(Arch::Riscv64)?;
    }
    let kernel = arguments.kernel.as_deref().context("no kernel was given")?;
    kernel::entry(kernel)?;
    let chosen = choose(&tests, arguments.filter.as_deref())?;
    let image = disk::build(workspace)?;
    let subject = Subject::new(workspace, kernel, &image)?;
    let mut report = Report::new(kernel, &subject.describe(), arguments.format);
    let baseline = arguments.baseline.as_deref();
    let baseline = baseline.map(|path| Subject::new(workspace, path, &image));
    let baseline = baseline.transpose()?;
    let stall = Duration::from_secs(arguments.stall.into());
    let mut good = true;
    for &harts in &arguments.smp {
        let any = Base::Of(None);
        let place = Place {
            emulator: arguments.on,
            harts,
            stall,
        };
        let base = match &baseline {
            None => Base::Of(subject.kernel.year),
            Some(baseline) => Base::shown(&baseline.run(
                place,
                &chosen,
                &any,
                |machine| report.machine(harts, &format!("the baseline: {machine}")),
                |_| {},
            )?),
        };
        let graded = subject.run(
            place,
            &chosen,
            &base,
            |machine| report.machine(harts, machine),
            |graded| report.test(graded),
        )?;
        good &= !graded.iter().any(|graded| graded.verdict.is_bad());
        report.end_of_machine(harts, graded);
    }
    if arguments.sanitize {
        let found = sanitized::run(&subject, &chosen, |finding| report.finding(finding))?;
        good &= found.is_empty();
        report.end_of_findings(&found);
    }
    report.finish(&chosen);
    Ok(if arguments.strict && !good {
        EXIT_FAILED
    } else {
        0
    })
}

/// Returns the tests whose name contains a part.
fn choose<'a>(tests: &'a [Test], part: Option<&str>) -> Result<Vec<&'a Test>> {
    let wanted = |test: &&Test| part.is_none_or(|part| test.full_name().contains(part));
    let chosen: Vec<_> = tests.iter().filter(wanted).collect();
    if chosen.is_empty() {
        bail!("no test has a name like that");
    }
    Ok(chosen)
}

/// Prints what a test does.
fn explain(tests: &[Test], name: &str) -> Result<u8> {
    let Some(test) = tests.iter().find(|test| test.name == name) else {
        let names: Vec<_> = tests.iter().map(|test| test.name.as_str()).collect();
        bail!("there is no test `{name}`; there are {}", names.join(", "));
    };
    println!(
        "{} (lab/{}.c)\n{}\nThe rule: {}.",
        test.name, test.program, test.does, test.rule
    );
    for mistake in Hints::read()?.of_test(name) {
        println!("- {}", mistake.trim());
    }
    Ok(0)
}

/// Returns the machine that xv6 expects.
fn machine(kernel: &Path, harts: u8) -> Result<Machine> {
    let mut machine = Machine::new(Arch::Riscv64, kernel);
    machine.firmware = kernel::firmware(kernel::entry(kernel)?);
    machine.smp = harts;
    Ok(machine)
}
