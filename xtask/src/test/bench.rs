//! What the hot paths cost, in guest instructions, against their limits.
//!
//! Counting instructions instead of time makes the figures the same on every run and every host.

use std::fmt::Write;
use std::time::Instant;

use regex::Regex;

use super::case::Case;
use super::report::{Report, Verdict};
use super::runner::Runner;

/// The name of the test.
pub const NAME: &str = "guest bench";

/// A path, its limit in instructions, and what one of it is.
const LIMITS: [(&str, u64, &str); 4] = [
    ("fork-page", 80, "fork, per resident page"),
    ("copy-fault", 2500, "a first write to a shared page"),
    ("reuse-fault", 600, "a first write by the last owner"),
    ("getpid", 400, "the shortest system call"),
];

/// Runs the guest's `bench` and judges each figure.
pub fn run(runner: &Runner, report: &Report) {
    let begin = Instant::now();
    let case = Case::line("bench", "bench")
        .counts_instructions()
        .within(120);
    let (console, result) = runner.run_case(&case);
    if let Err(error) = result {
        report.result(
            NAME,
            begin.elapsed(),
            Verdict::Failed(format!("{error:#}\n{console}")),
        );
        return;
    }
    let mut table = format!(
        "{:12} {:>8} {:>8}  guest instructions (-icount, 1 hart)",
        "", "measured", "limit"
    );
    for (path, limit, meaning) in LIMITS {
        let measured = figure(&console, path);
        let verdict = match measured {
            Some(measured) if measured <= limit => Verdict::Passed,
            Some(measured) => {
                Verdict::Failed(format!("{measured} instructions, the limit is {limit}"))
            }
            None => Verdict::Failed(format!("no such figure in:\n{console}")),
        };
        report.result(&format!("{NAME} {path}"), begin.elapsed(), verdict);
        let measured = measured.map_or_else(|| "-".to_owned(), |figure| figure.to_string());
        // Writing to a string cannot fail.
        let _ = write!(table, "\n{path:12} {measured:>8} {limit:>8}  {meaning}");
    }
    report.note(table);
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
