//! What can be said of one test on one kernel.

use std::time::Duration;

use regex::Regex;

/// How a test went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it must.
    Passed,
    /// It needs something that this kernel does not have.
    Skipped(String),
    /// Otherwise; and the kernel lived on.
    Failed(Failure),
    /// The console fell silent, or never stopped; this is the end of what it said.
    Hung(String),
    /// The kernel gave up, with this message.
    Panicked(String),
}

/// Why a test failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What was looked at; or the whole story, where nothing was compared.
    pub what: String,
    /// What should have been.
    pub expected: Option<String>,
    /// What was.
    pub seen: Option<String>,
}

impl Failure {
    /// Reads the words of a test program, most of which are `WHAT: expected E, saw S`.
    pub fn parse(words: &str) -> Self {
        let compared = Regex::new(r"^(?:(.*): )?expected (.*), saw (.*)$")
            .ok()
            .and_then(|pattern| pattern.captures(words));
        let part = |index| {
            let found = compared.as_ref()?.get(index)?;
            Some(found.as_str().to_owned())
        };
        Self {
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
    /// Returns its name, as JSON has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped(_) => "skipped",
            Self::Failed(_) => "failed",
            Self::Hung(_) => "hung",
            Self::Panicked(_) => "panicked",
        }
    }

    /// Returns whether it speaks against the kernel.
    pub fn is_bad(&self) -> bool {
        !matches!(self, Self::Passed | Self::Skipped(_))
    }
}

/// A test that has been run, or could not be.
#[derive(Clone, Debug)]
pub struct Graded {
    /// The program that has the test.
    pub suite: &'static str,
    /// The test.
    pub test: String,
    /// How it went.
    pub verdict: Verdict,
    /// How long it took, a boot included if one was needed.
    pub time: Duration,
}

/// The ways a test can go, by [`Verdict::name`].
const NAMES: [&str; 5] = ["passed", "failed", "hung", "panicked", "skipped"];

/// Returns how many tests went each way.
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
