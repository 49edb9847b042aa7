//! `cargo xtask museum`: mistakes that other systems made, and for each a test of its own.
//!
//! A test is worth something only if it passes on the code and fails on the mistake, so both are
//! run, one line for each mistake. Where a mistake is made decides what runs: the unit tests of the
//! memory system ([`mod@unit`]), or a program in the emulator ([`guest`]).

mod guest;
mod unit;

use std::time::Instant;

use anyhow::{Result, bail};
use mm::mistake::Mistake;

use crate::progress::spinner;
use crate::workspace::Workspace;

use guest::Guest;
use unit::Tests;

/// A test of the museum that has been run both ways.
struct Exhibit {
    /// What ran; empty if there is no test of the mistake.
    tests: Vec<String>,
    /// All of it passed on the code as it is.
    passed: bool,
    /// None of it passed on the mistake.
    caught: bool,
}

impl Exhibit {
    /// Without a test nothing has passed and nothing was caught.
    fn new(tests: Vec<String>, passed: bool, caught: bool) -> Self {
        let some = !tests.is_empty();
        Self {
            tests,
            passed: some && passed,
            caught: some && caught,
        }
    }
}

/// Shows the mistakes whose names contain the filter; 1 if a test is missing, or passes or fails where
/// it must not.
pub fn run(workspace: &Workspace, filter: Option<&str>) -> Result<u8> {
    let wanted = |mistake: &&Mistake| filter.is_none_or(|part| mistake.name().contains(part));
    let mistakes: Vec<Mistake> = Mistake::ALL.iter().filter(wanted).copied().collect();
    if mistakes.is_empty() {
        bail!("no mistake has a name like that; without a filter all are listed");
    }
    let unbroken = Tests::build(workspace, None)?;
    let (mut passed, mut caught) = (0, 0);
    for &mistake in &mistakes {
        let begin = Instant::now();
        let exhibit = {
            let _sign = spinner(format!("mistake {}: {}", mistake.number(), mistake.name()));
            match guest::test_for(mistake) {
                Some(test) => Guest::new(workspace)?.show(test, mistake)?,
                None => unit::show(workspace, &unbroken, mistake)?,
            }
        };
        passed += usize::from(exhibit.passed);
        caught += usize::from(exhibit.caught);
        println!("{}", line(mistake, &exhibit, begin.elapsed().as_secs_f64()));
    }
    let all = mistakes.len();
    println!("{}", summary(all, passed, caught));
    Ok(u8::from(passed < all || caught < all))
}

fn line(mistake: Mistake, exhibit: &Exhibit, seconds: f64) -> String {
    let tests = if exhibit.tests.is_empty() {
        "NO TEST is named after it".to_owned()
    } else {
        exhibit.tests.join(", ")
    };
    format!(
        "test {:6}  mutant {:6}  {:2} {:24} {seconds:6.1} s  {tests}",
        if exhibit.passed { "passed" } else { "FAILED" },
        if exhibit.caught { "caught" } else { "MISSED" },
        mistake.number(),
        mistake.name(),
    )
}

fn summary(all: usize, passed: usize, caught: usize) -> String {
    format!("museum: {passed} of {all} tests, {caught} of {all} mutants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_without_a_test_is_no_success() {
        let exhibit = Exhibit::new(Vec::new(), true, true);
        assert!(!exhibit.passed && !exhibit.caught);
        let said = line(Mistake::EightBitCount, &exhibit, 1.0);
        assert!(said.contains("FAILED") && said.contains("MISSED") && said.contains("NO TEST"));
    }
}
