//! The test programs of the image: how to list a program's tests, and how to read a test's result.

use regex::Regex;

use super::verdict::{Failure, Verdict};

/// A program with named tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suite {
    /// The program's name in the image.
    pub program: &'static str,
}

/// The tests of copy-on-write.
pub const COWTEST: Suite = Suite { program: "cowtest" };

/// The number of the console's last lines that explain a result.
const TAIL: usize = 12;

impl Suite {
    /// Returns the shell line that makes the program list its tests. It names a test that does not
    /// exist.
    pub fn list_command(self) -> String {
        format!("{} ?", self.program)
    }

    /// Returns the tests in such a list: the lines that begin with two spaces.
    pub fn listed(self, printed: &str) -> Vec<String> {
        printed
            .lines()
            .filter_map(|line| line.strip_prefix("  "))
            .map(str::trim_end)
            .filter(|name| !name.is_empty() && !name.contains(' '))
            .map(str::to_owned)
            .collect()
    }

    /// Returns the shell line that runs one test.
    pub fn command(self, test: &str) -> String {
        format!("{} {test}", self.program)
    }
}

/// Returns the verdict on a test, from its program's output and whether its status was 0. The
/// status decides. The line `TEST: OK`, `TEST: FAILED: why` or `TEST: skipped (why)` explains it,
/// if no other hart printed into that line.
pub fn judge(test: &str, printed: &str, status_is_zero: bool) -> Verdict {
    let line = format!(
        r"(?:^|[\r\n])(?:\$ )?(?:test )?{}: (?:(OK)|FAILED: ([^\r\n]*)|skipped \(([^\r\n]*)\))",
        regex::escape(test)
    );
    let found = Regex::new(&line)
        .ok()
        .and_then(|line| line.captures_iter(printed).last());
    let part = |index| {
        let found = found.as_ref()?.get(index)?;
        Some(found.as_str())
    };
    if status_is_zero {
        return match part(3) {
            Some(why) => Verdict::Skipped(why.to_owned()),
            None => Verdict::Passed,
        };
    }
    Verdict::Failed(match part(2) {
        Some(why) => Failure::parse(why),
        None => Failure {
            symptom: String::new(),
            what: format!("it did not say why; the console:\n{}", tail(printed)),
            expected: None,
            seen: None,
        },
    })
}

/// Returns the last lines of a console's output.
pub fn tail(printed: &str) -> String {
    let clean = printed.replace('\r', "");
    let lines: Vec<_> = clean.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_listed_by_their_program() {
        let printed =
            "$ cowtest ?\r\ncowtest: no test is called ?; there are:\r\n  simple\r\n  three\r\n$ ";
        assert_eq!(COWTEST.listed(printed), ["simple", "three"]);
    }

    #[test]
    fn results_of_both_programs_are_read() {
        assert_eq!(
            judge("simple", "cowtest simple\r\nsimple: OK\r\n", true),
            Verdict::Passed
        );
        let printed = "test nowrite: \rpid 9 (usertests): killed\r\ntest nowrite: FAILED: expected 1, saw 2\r\n";
        match judge("nowrite", printed, false) {
            Verdict::Failed(failure) => assert_eq!(failure.seen.as_deref(), Some("2")),
            other => panic!("{other:?}"),
        }
        assert_eq!(
            judge(
                "cost",
                "cost: skipped (no memstat)\r\nALL COW TESTS PASSED\r\n",
                true
            ),
            Verdict::Skipped("no memstat".to_owned())
        );
    }

    #[test]
    fn the_status_decides_and_the_console_explains() {
        let garbled = "simple: FApid 3: killed\r\nILED: why\r\n";
        match judge("simple", garbled, false) {
            Verdict::Failed(failure) => assert!(failure.what.contains("ILED: why")),
            other => panic!("{other:?}"),
        }
        // The line about another test does not count.
        assert_eq!(
            judge("three", "three2: skipped (x)\r\n", true),
            Verdict::Passed
        );
    }
}
