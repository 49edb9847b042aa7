//! The guest tests, as tables: one file per subject.

mod audit;
mod boot;
mod course;
mod cow;
mod files;
mod foreign;
mod hostile;
mod interface;
mod keyboard;
mod mapping;
mod processes;
mod shell;
mod strength;
mod swap;
mod swapping;
mod trouble;

use super::case::Case;

/// Every guest test but the measuring ones.
pub fn all() -> Vec<Case> {
    [
        boot::cases(),
        audit::cases(),
        cow::cases(),
        processes::cases(),
        files::cases(),
        interface::cases(),
        shell::cases(),
        strength::cases(),
        mapping::cases(),
        swap::cases(),
        swapping::cases(),
        keyboard::cases(),
        foreign::cases(),
        hostile::cases(),
        course::cases(),
        trouble::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use regex::Regex;

    use super::*;

    #[test]
    fn names_differ_and_patterns_are_well_formed() {
        let mut names = HashSet::new();
        for case in all() {
            for pattern in case.shows.iter().chain(&case.hides) {
                assert!(Regex::new(pattern).is_ok(), "{}: {pattern}", case.name);
            }
            assert!(
                names.insert(case.name.clone()),
                "two tests are called {}",
                case.name
            );
        }
    }
}
