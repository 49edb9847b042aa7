//! The guest tests as tables, one file per subject.

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
mod pc;
mod processes;
mod shell;
mod strength;
mod swap;
mod swapping;
mod trouble;

use super::case::Case;
use crate::arch::Arch;

/// Returns every guest test of an architecture, without those that measure.
pub fn all(arch: Arch) -> Vec<Case> {
    match arch {
        Arch::Riscv64 => riscv64(),
        Arch::X86_64 => pc::cases(),
    }
}

fn riscv64() -> Vec<Case> {
    [
        boot::cases(Arch::Riscv64),
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
        for case in Arch::ALL.into_iter().flat_map(all) {
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
