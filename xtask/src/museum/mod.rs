//! `cargo xtask museum`: mistakes that other systems made, each with a test that sees it.
//!
//! The folder `museum/` has a patch and a page for each ([`mod@mistake`]). A test of a mistake is
//! good only if it passes on the correct code and fails on the mistake. So each test is run on
//! both, in a copy of the sources ([`mod@copy`]), and one line is printed for each mistake. The
//! tests are unit tests of the memory system and of the locks ([`mod@unit`]) or, where these cannot
//! see the mistake, programs in the emulator ([`guest`]). A mistake whose page has a row for it
//! must also be reported by the adversarial machine ([`watched`]).

mod copy;
mod guest;
mod mistake;
mod patch;
mod unit;
mod watched;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::progress::spinner;
use crate::workspace::Workspace;

use guest::Guest;
use unit::Tests;

pub use copy::Copy;
pub use mistake::{Mistake, all};

/// The result of a mistake's tests.
struct Exhibit {
    /// The tests that ran. Empty if the mistake has none.
    tests: Vec<String>,
    /// Whether all tests passed on the correct code.
    passed: bool,
    /// Whether all tests failed on the mistake.
    caught: bool,
}

impl Exhibit {
    /// Returns a result. Without a test, nothing has passed and nothing was caught.
    fn new(tests: Vec<String>, passed: bool, caught: bool) -> Self {
        let some = !tests.is_empty();
        Self {
            tests,
            passed: some && passed,
            caught: some && caught,
        }
    }

    /// Returns this result together with another one of the same mistake.
    fn and(mut self, other: Self) -> Self {
        self.tests.extend(other.tests);
        self.passed &= other.passed;
        self.caught &= other.caught;
        self
    }
}

/// Tests the mistakes whose names contain the filter. Returns 1 if a mistake has no test, or a test
/// passes or fails where it must not.
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
        let exhibit = match &mistake.watched {
            Some(how) => exhibit.and(watched::show(workspace, &copy, mistake, how)?),
            None => exhibit,
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

/// Returns the problems of the museum: folders that cannot be read, and patches that do not apply.
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
