//! The cost of fork and of faults, compared with the accepted figures ([`Costs`]), and the waits of
//! processes, compared with limits. All are in guest instructions, which are equal on every run and
//! every host.

use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use regex::Regex;

use super::case::Case;
use super::report::{Report, Verdict};
use super::runner::Runner;
use crate::arch::Arch;
use crate::bench::{Costs, JUDGED, Judgement, measure};
use crate::cli::Fork;

/// Returns the name of the test.
pub const fn name(arch: Arch) -> &'static str {
    match arch {
        Arch::Riscv64 => "guest bench",
        Arch::X86_64 => "guest x86_64 bench",
    }
}

/// What is measured, its limit in instructions, and the unit that it is counted for.
type Limit = (&'static str, u64, &'static str);

/// A table of figures that one run of the guest's `bench` prints.
struct Table {
    /// The shell line.
    line: &'static str,
    mebibytes: u64,
    /// Kernel options.
    options: &'static [&'static str],
    limits: &'static [Limit],
}

/// The limits for how long other processes may be kept waiting.
const WAITS: Table = Table {
    line: "bench waits",
    mebibytes: 256,
    options: &["clock=fine"],
    limits: &[
        (
            "longest-stretch",
            abi::STRETCH_MAX,
            "the longest time that the kernel cannot be pre-empted",
        ),
        (
            "stretch-audit",
            10_000_000,
            "an audit of 256 MiB, which stops everything",
        ),
        (
            "wait-turn",
            WAIT_MAX,
            "the longest time without a turn while 64 MiB are torn down",
        ),
        (
            "wait-open",
            WAIT_MAX,
            "the longest open beside a process that reads bytes",
        ),
        (
            "wait-fault",
            WAIT_MAX,
            "the longest first touch beside a process that asks for counters",
        ),
        (
            "wait-fork",
            WAIT_FOR_AUDITS_MAX,
            "the longest fork and wait beside a process that audits",
        ),
    ],
};

/// No process waits longer than 30 ms for one process that makes the same calls in a loop: a few
/// slices, and a few holds of a lock.
const WAIT_MAX: u64 = 30_000_000;

/// Fork and exit each wait for the end of an audit, here one of 256 MiB. The auditor then gives its
/// turn up, so that neither waits for a second audit. If it kept its slices, the figure would be 18
/// to 35 million, depending on where the slices fall.
const WAIT_FOR_AUDITS_MAX: u64 = 15_000_000;

/// Runs the guest's `forkbench` and `bench waits`, and judges each figure.
pub fn run(runner: &Runner, report: &Report) {
    for mode in JUDGED {
        let name = format!("{} {}", name(runner.arch()), mode.name());
        report.attempt(&name, || run_costs(mode, &name, runner, report));
    }
    run_table(&WAITS, runner, report);
}

fn run_costs(mode: Fork, name: &str, runner: &Runner, report: &Report) -> Result<()> {
    let begin = Instant::now();
    let costs = Costs::load(runner.workspace())?;
    let figures = measure(runner.workspace(), runner.guests(), mode)?;
    for (row, judgement) in costs.judge(runner.guests(), mode, &figures) {
        let verdict = match judgement {
            Judgement::Kept => Verdict::Passed,
            Judgement::Worse(how) => Verdict::Failed(how),
        };
        report.result(&format!("{name} {row}"), begin.elapsed(), verdict);
    }
    Ok(())
}

fn run_table(table: &Table, runner: &Runner, report: &Report) {
    let begin = Instant::now();
    let mut case = Case::line(table.line, table.line)
        .mebibytes(table.mebibytes)
        .counts_instructions()
        .within(240);
    for option in table.options {
        case = case.option(option);
    }
    let (console, result) = runner.run_case(&case);
    if let Err(error) = result {
        report.result(
            name(runner.arch()),
            begin.elapsed(),
            Verdict::Failed(format!("{error:#}\n{console}")),
        );
        return;
    }
    let mut text = format!(
        "{:15} {:>9} {:>9}  guest instructions (-icount, 1 hart)",
        runner.arch().name(),
        "measured",
        "limit"
    );
    for &(path, limit, meaning) in table.limits {
        let measured = figure(&console, path);
        let verdict = match measured {
            Some(measured) if measured <= limit => Verdict::Passed,
            Some(measured) => Verdict::Failed(format!(
                "{measured} instructions, the limit is {limit}\n{console}"
            )),
            None => Verdict::Failed(format!("no such figure in:\n{console}")),
        };
        let name = format!("{} {path}", name(runner.arch()));
        report.result(&name, begin.elapsed(), verdict);
        let measured = measured.map_or_else(|| "-".to_owned(), |figure| figure.to_string());
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{path:15} {measured:>9} {limit:>9}  {meaning}");
    }
    report.note(text);
}

/// Returns the figure in a line `bench PATH FIGURE instructions`.
fn figure(console: &str, path: &str) -> Option<u64> {
    let line = Regex::new(&format!(r"(?m)^bench {path} ([0-9]+) instructions$")).ok()?;
    line.captures(console)?[1].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_name() {
        let console = "bench fork 9000 instructions\nbench fork-page 53 instructions\n";
        assert_eq!(figure(console, "fork-page"), Some(53));
        assert_eq!(figure(console, "getpid"), None);
    }
}
