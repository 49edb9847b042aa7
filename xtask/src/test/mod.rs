//! `cargo xtask test`: the host's tests, and then the guests', with one line and a time for each.
//!
//! Invariants: every test has a limit; a test that fails shows the end of its console; the last
//! line of standard output is the count, alone.

mod bench;
mod case;
mod cases;
mod command;
mod course;
mod foreign;
mod host;
mod lies;
mod oracle;
mod outside;
mod powercut;
mod report;
mod runner;
mod single;
mod talk;

use std::time::Instant;

use anyhow::Result;

use crate::arch::Arch;
use crate::build;
use crate::cli::SuiteArguments;
use crate::emulate::{lab, lockstep, ours, snapshots, wasm};
use crate::grade;
use crate::setup::{Toolchain, ensure_c_compiler, ensure_emulator};
use crate::workspace::Workspace;

pub use report::{Report, Verdict};
pub use single::{c_programs, passes};

use runner::Runner;

/// The test of `cargo xtask grade` on a stand-in for a kernel.
const GRADE: &str = "guest grade: a stand-in kernel";

/// The tests that were asked for.
pub struct Filter<'a>(Option<&'a str>);

impl Filter<'_> {
    /// Returns whether a test of this name is to run.
    pub fn admits(&self, name: &str) -> bool {
        self.0.is_none_or(|part| name.contains(part))
    }

    /// Returns whether the filter may admit tests of the host. Building those takes a while, and
    /// none has a word in its name that ends like these.
    fn may_admit_host_tests(&self) -> bool {
        let others = ["guest ", "command ", "emu ", "outside: "];
        self.0
            .is_none_or(|part| !others.iter().any(|other| part.starts_with(other)))
    }
}

/// Runs the tests whose names contain the filter. Returns 1 if any failed.
pub fn run(workspace: &Workspace, arguments: &SuiteArguments) -> Result<u8> {
    let filter = Filter(arguments.filter.as_deref());
    let chosen = |arch: &Arch| arguments.arch.is_none_or(|wanted| wanted == *arch);
    let mut toolchains = Vec::new();
    for arch in Arch::ALL.into_iter().filter(chosen) {
        ensure_emulator(arch)?;
        ensure_c_compiler(arch)?;
        toolchains.push(Toolchain::ensure(workspace, arch)?);
    }

    let report = Report::new();
    if filter.may_admit_host_tests() {
        report.attempt("host tests", || host::run(workspace, &filter, &report));
    }
    for toolchain in &toolchains {
        report.attempt("guest tests", || {
            guests(workspace, toolchain, &filter, &report)
        });
        if toolchain.arch() == Arch::Riscv64 {
            outside::run(workspace, toolchain, &filter, &report);
        }
    }
    if !chosen(&Arch::Riscv64) {
        return report.finish();
    }
    oracle::run(workspace, &filter, &report);
    course::command::run(workspace, &filter, &report);
    command::run(workspace, &filter, &report);
    lab::tests(workspace, &filter, &report);
    snapshots::test(workspace, &filter, &report);
    lockstep::test(workspace, &filter, &report);
    wasm::test(workspace, &filter, &report);
    ours::tests(workspace, &filter, &report);
    grade::tests(workspace, &filter, &report);
    if filter.admits(GRADE) {
        let begin = Instant::now();
        report.attempt(GRADE, || {
            grade::stand_in(workspace)?;
            report.result(GRADE, begin.elapsed(), Verdict::Passed);
            Ok(())
        });
    }
    report.finish()
}

fn guests(
    workspace: &Workspace,
    toolchain: &Toolchain,
    filter: &Filter,
    report: &Report,
) -> Result<()> {
    let arch = toolchain.arch();
    let cases: Vec<_> = cases::all(arch)
        .into_iter()
        .filter(|case| filter.admits(&case.name))
        .collect();
    let measured = filter.admits(bench::name(arch));
    let cut = arch == Arch::Riscv64 && filter.admits(powercut::NAME);
    if cases.is_empty() && !measured && !cut {
        return Ok(());
    }
    let guests = build::guests(workspace, toolchain)?;
    if cut {
        powercut::run(workspace, &guests, report)?;
    }
    let extras = [
        foreign::compile(workspace, arch)?,
        foreign::compile_with_library(workspace, arch)?,
        lies::all(arch),
    ]
    .concat();
    let runner = Runner::new(workspace, guests, extras);
    runner.run(cases, report);
    if measured {
        bench::run(&runner, report);
    }
    Ok(())
}
