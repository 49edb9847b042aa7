//! `cargo xtask museum`: mistakes that other systems made, and for each a test of its own.
//!
//! The folder `museum/` has a patch and a page for each ([`mod@mistake`]). A test is worth
//! something only if it passes on the code and fails on the mistake, so both are run, in a copy of
//! the sources ([`mod@copy`]), one line for each mistake. What runs are unit tests of the memory
//! system ([`mod@unit`]) or, where these cannot see the mistake, programs in the emulator
//! ([`guest`]).

mod copy;
mod guest;
mod mistake;
mod patch;
mod unit;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::progress::spinner;
use crate::workspace::Workspace;

use guest::Guest;
use unit::Tests;

pub use copy::Copy;
pub use mistake::{Mistake, all};

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

/// Shows the mistakes whose names contain the filter. Returns 1 if a test is missing, or passes or
/// fails where it must not.
pub fn run(workspace: &Workspace, filter: Option<&str>) -> Result<u8> {
    let mut mistakes = all(workspace.root())?;
    mistakes.retain(|mistake| filter.is_none_or(|part| mistake.name.contains(part)));
    if mistakes.is_empty() {
        bail!("no mistake has a name like that; without a filter all are listed");
    }
    let copy = Copy::open(workspace)?;
    let unbroken = Tests::build(&copy, None)?;
    let (mut passed, mut caught) = (0, 0);
    for mistake in &mistakes {
        let begin = Instant::now();
        let exhibit = {
            let _sign = spinner(format!("mistake {}: {}", mistake.number, mistake.name));
            if mistake.in_the_kernel {
                Guest::new(workspace, mistake)?.show(&copy, mistake)?
            } else {
                unit::show(&copy, &unbroken, mistake)?
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

fn line(mistake: &Mistake, exhibit: &Exhibit, seconds: f64) -> String {
    let tests = if exhibit.tests.is_empty() {
        "NO TEST is named after it".to_owned()
    } else {
        exhibit.tests.join(", ")
    };
    format!(
        "test {:6}  mutant {:6}  {:2} {:24} {seconds:6.1} s  {tests}",
        if exhibit.passed { "passed" } else { "FAILED" },
        if exhibit.caught { "caught" } else { "MISSED" },
        mistake.number,
        mistake.name,
    )
}

/// Returns what is wrong in the museum: a folder that cannot be read, or a patch without a place.
pub fn problems(root: &Path) -> Vec<String> {
    match all(root) {
        Ok(mistakes) => mistakes
            .iter()
            .filter_map(|mistake| mistake.changes(root).err())
            .map(|error| format!("{error:#}"))
            .collect(),
        Err(error) => vec![format!("{error:#}")],
    }
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
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let mistakes = all(root.expect("a workspace")).expect("a museum");
        let said = line(&mistakes[0], &exhibit, 1.0);
        assert!(said.contains("FAILED") && said.contains("MISSED") && said.contains("NO TEST"));
    }
}
