//! What is asked of a kernel: all that its base can do, and what copy-on-write is for.
//!
//! What an unmodified xv6 of the kernel's year fails is not held against it. The year is read off
//! the kernel's functions; or a baseline is graded first, and shows what it can do.

use std::collections::HashSet;

use super::catalogue::{Purpose, Test};
use super::verdict::{Graded, Verdict};
use super::year::Year;

/// Why tests are not asked for.
pub enum Base {
    /// What kernels of a year can do; everything, if the year is not known.
    Of(Option<Year>),
    /// The tests that a baseline passes.
    Passes(HashSet<String>),
}

impl Base {
    /// Returns what a baseline showed.
    pub fn shown(graded: &[Graded]) -> Self {
        let passed = graded
            .iter()
            .filter(|graded| graded.verdict == Verdict::Passed);
        Self::Passes(passed.map(|graded| graded.test.clone()).collect())
    }

    /// Returns why a test is not asked for, if it is not.
    pub fn excuses(&self, test: &Test) -> Option<String> {
        match self {
            Self::Of(year) => {
                let (year, since) = ((*year)?, test.since?);
                (year < since)
                    .then(|| format!("an unmodified xv6 of {} fails it, too", year.name()))
            }
            Self::Passes(passed) => (test.purpose == Purpose::Xv6 && !passed.contains(&test.name))
                .then(|| "the baseline fails it, too".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;

    fn test(name: &str) -> Test {
        let all = catalogue::all().expect("the file is well-formed");
        let found = all.into_iter().find(|test| test.name == name);
        found.expect("a test")
    }

    #[test]
    fn a_year_excuses_what_its_kernels_cannot_do() {
        let failfork = test("failfork");
        assert!(Base::Of(Some(Year::Y2019)).excuses(&failfork).is_some());
        assert_eq!(Base::Of(Some(Year::Y2020)).excuses(&failfork), None);
        assert_eq!(Base::Of(None).excuses(&failfork), None);
        assert_eq!(Base::Of(Some(Year::Y2019)).excuses(&test("three")), None);
    }

    #[test]
    fn a_baseline_excuses_what_it_fails_but_not_copy_on_write() {
        let base = Base::Passes(["three".to_owned()].into());
        assert_eq!(base.excuses(&test("three")), None);
        assert!(base.excuses(&test("leak")).is_some());
        assert_eq!(base.excuses(&test("simple")), None);
    }
}
