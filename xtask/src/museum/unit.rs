//! The unit tests of the memory system and of the locks, with and without a mistake in the sources.
//!
//! All builds come from the copy of the sources. The tests of a mistake have its number in their
//! names.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Copy, Exhibit, Mistake};
use crate::build;
use crate::check::host_cargo;
use crate::process::run_bounded;

/// The limit. The tests take seconds, but a mistake can make one run for ever.
const LIMIT: Duration = Duration::from_secs(60);

/// The rooms whose unit tests see mistakes.
const ROOMS: [&str; 2] = ["cowslip-mm", "cowslip-sync"];

/// The programs with the unit tests, with a mistake or without any. They are copied away, because
/// the next build overwrites them.
pub struct Tests {
    programs: Vec<PathBuf>,
}

/// Runs the tests of a mistake on the correct code and on the mistake.
pub fn show(copy: &Copy, unbroken: &Tests, mistake: &Mistake) -> Result<Exhibit> {
    let tests = unbroken.named_after(mistake)?;
    if tests.is_empty() {
        return Ok(Exhibit::new(tests, false, false));
    }
    let passed = unbroken.passing(&tests)?;
    let mistaken = Tests::build(copy, Some(mistake))?;
    ensure!(
        mistaken.named_after(mistake)? == tests,
        "the build with the mistake has other tests than the one without"
    );
    let overlooked = mistaken.passing(&tests)?;
    let all_passed = passed.len() == tests.len();
    Ok(Exhibit::new(tests, all_passed, overlooked.is_empty()))
}

impl Tests {
    /// Builds the tests of the copy, with this mistake or without any.
    pub fn build(copy: &Copy, mistake: Option<&Mistake>) -> Result<Self> {
        copy.make(mistake)?;
        let workspace = &copy.workspace;
        let mut command = host_cargo(workspace, &["test", "--no-run", "--lib", "--quiet"]);
        command
            .args(ROOMS.map(|room| format!("--package={room}")))
            .args(["--profile", "quick", "--target-dir"])
            .arg(workspace.target());
        let built = build::build(command, "unit tests")?;
        ensure!(
            built.len() == ROOMS.len(),
            "cargo built {} programs of unit tests, not {}",
            built.len(),
            ROOMS.len()
        );
        let copied_away = |(index, program): (usize, &PathBuf)| {
            let copy = workspace.temporary(&format!("unit-tests-{index}"));
            std::fs::copy(program, &copy)
                .with_context(|| format!("cannot copy {}", program.display()))?;
            Ok(copy)
        };
        let programs: Result<_> = built.iter().enumerate().map(copied_away).collect();
        Ok(Self {
            programs: programs?,
        })
    }

    /// Returns the names of the tests of a mistake.
    fn named_after(&self, mistake: &Mistake) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for program in &self.programs {
            let mut list = Command::new(program);
            let listed = run_bounded(list.args(["--list", "--format", "terse"]), LIMIT)?;
            ensure!(listed.success(), "the unit tests cannot be listed");
            names.extend(named(&listed.output, mistake.number));
        }
        Ok(names)
    }

    /// Returns the tests that pass.
    fn passing(&self, tests: &[String]) -> Result<Vec<String>> {
        let mut passing = Vec::new();
        for program in &self.programs {
            let mut command = Command::new(program);
            command
                .args(["--exact", "--test-threads=1"])
                .args(tests)
                .env("RUST_BACKTRACE", "0");
            passing.extend(passed(&run_bounded(&mut command, LIMIT)?.output));
        }
        Ok(passing)
    }
}

/// Returns the tests in the harness's list that are named after a mistake's number.
fn named(list: &str, number: u8) -> Vec<String> {
    let prefix = format!("mistake_{number:02}_");
    list.lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .filter(|test| {
            test.rsplit("::")
                .next()
                .is_some_and(|name| name.starts_with(&prefix))
        })
        .map(str::to_owned)
        .collect()
}

/// Returns the tests that ended with `ok`. If a test ended the whole program, it is not among them.
fn passed(output: &str) -> Vec<String> {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... ok"))
        .map(|test| test.trim_end_matches(" - should panic").to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_by_the_number_in_their_names() {
        let list = "a::mistake_01_x: test\nmistake_01_y: test\nmistake_1_z: test\n\
                    a::mistake_011_x: test\nb::not_mistake_01_x: test\nmistake_01_b: benchmark\n";
        assert_eq!(named(list, 1), ["a::mistake_01_x", "mistake_01_y"]);
        assert!(named(list, 2).is_empty());
    }

    #[test]
    fn only_a_test_that_came_to_its_end_has_passed() {
        let output = "running 4 tests\ntest a::b ... ok\ntest c - should panic ... ok\n\
                      test d ... FAILED\ntest e ... ignored\ntest f ... ";
        assert_eq!(passed(output), ["a::b", "c"]);
        assert!(passed("test result: ok. 4 passed\n").is_empty());
    }
}
