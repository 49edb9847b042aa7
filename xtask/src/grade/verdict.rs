//! The result of one test on one kernel.

use std::time::Duration;

use regex::Regex;

/// The result of a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The test passed.
    Passed,
    /// The test needs something that this kernel does not have.
    Skipped(String),
    /// The test failed, and the kernel went on.
    Failed(Failure),
    /// The console fell silent or printed without end. The text is the end of its output.
    Hung(String),
    /// The kernel panicked with this message.
    Panicked(String),
}

/// Why a test failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The symptom, a word by which the likely cause is looked up. Empty if the program has none.
    pub symptom: String,
    /// What was compared. If nothing was compared, the whole message.
    pub what: String,
    /// The expected value.
    pub expected: Option<String>,
    /// The value that was seen.
    pub seen: Option<String>,
}

impl Failure {
    /// Reads the message of a test program. Most have the form `WHAT: expected E, saw S`.
    pub fn parse(words: &str) -> Self {
        let compared = Regex::new(r"^(?:(.*): )?expected (.*), saw (.*)$")
            .ok()
            .and_then(|pattern| pattern.captures(words));
        let part = |index| {
            let found = compared.as_ref()?.get(index)?;
            Some(found.as_str().to_owned())
        };
        Self {
            symptom: String::new(),
            what: if compared.is_some() {
                part(1).unwrap_or_default()
            } else {
                words.to_owned()
            },
            expected: part(2),
            seen: part(3),
        }
    }
}

impl Verdict {
    /// Returns the verdict's name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
            Self::Hung(_) => "hung",
            Self::Panicked(_) => "panicked",
        }
    }

    /// Returns whether the verdict speaks against the kernel.
    pub fn is_bad(&self) -> bool {
        !matches!(self, Self::Passed | Self::Skipped(_))
    }
}

/// A test that was run, or could not be run.
#[derive(Clone, Debug)]
pub struct Graded {
    /// The program that has the test.
    pub suite: String,
    /// The test.
    pub test: String,
    /// The verdict.
    pub verdict: Verdict,
    /// How long the test took, including a boot if one was needed.
    pub time: Duration,
    /// What explains a bad verdict.
    pub explanation: Explanation,
}

/// What explains a bad verdict: nothing, if nothing is known.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// What the test does.
    pub does: Option<String>,
    /// The rule of the lab that it is about.
    pub rule: Option<String>,
    /// Where the harts were.
    pub places: Option<String>,
    /// The likely mistake.
    pub mistake: Option<String>,
}

/// The names that [`Verdict::name`] returns.
const NAMES: [&str; 5] = ["passed", "failed", "hung", "panicked", "skipped"];

/// Returns how many tests have each verdict.
pub fn tally(all: &[Graded]) -> [(&'static str, usize); NAMES.len()] {
    NAMES.map(|name| {
        let like = |graded: &&Graded| graded.verdict.name() == name;
        (name, all.iter().filter(like).count())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_taken_apart() {
        let failure = Failure::parse("page 3: expected 0x3, saw 0x7");
        assert_eq!(
            (
                failure.what.as_str(),
                failure.expected.as_deref(),
                failure.seen.as_deref()
            ),
            ("page 3", Some("0x3"), Some("0x7"))
        );
        let failure = Failure::parse("expected a fork to be refused, saw 64 succeed");
        assert_eq!(
            (failure.what.as_str(), failure.seen.as_deref()),
            ("", Some("64 succeed"))
        );
        let failure = Failure::parse("a system call that had to work returned -1");
        assert_eq!(failure.expected, None);
        assert!(failure.what.starts_with("a system call"));
    }
}
