//! `grade --sanitize`: the tests of `lab/` on the machine that is out to break kernels
//! (`docs/emu.md`), with several harts and seeds. What its watchers report is added to the grade.
//!
//! The kernel boots once for each number of harts, on a kind machine; each test starts from its
//! first prompt under rules of its own and has so many steps. A test that is not done by then is
//! over, which is no finding: the emulator's pace says nothing about the kernel.

use std::collections::HashSet;

use anyhow::{Result, anyhow};
use emu::Rules;
use emu::adversity::Adversity;
use emu::sanitize::{self, Kind, Watch};

use super::catalogue::Test;
use super::emulated;
use super::lab::Subject;
use super::protocol::Nonce;
use crate::emulate::{Printer, atomic_instructions, fences_instructions};

/// Numbers of harts.
const HARTS: [usize; 2] = [2, 3];
/// Seeds for each test.
const SEEDS: u64 = 2;
/// Steps of each hart for each test and seed.
const STEPS: u64 = 20_000_000;

/// Something that a watcher reported.
pub struct Finding {
    /// The test under way.
    pub test: String,
    /// How many harts there were.
    pub harts: usize,
    /// The seed under which it is found again.
    pub seed: u64,
    /// The kind of mistake.
    pub kind: &'static str,
    /// The report, with functions and source lines.
    pub text: String,
}

/// Runs the tests; `each` hears of every finding once.
pub fn run(
    subject: &Subject<'_>,
    tests: &[&Test],
    mut each: impl FnMut(&Finding),
) -> Result<Vec<Finding>> {
    let kernel = &subject.kernel;
    let atomics = atomic_instructions(subject.path, &kernel.bytes);
    let printer = Printer::new(subject.workspace, subject.path);
    let adversity = Adversity {
        fetches: fences_instructions(&kernel.bytes),
        ..Adversity::ALL
    };
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    for harts in HARTS {
        let booted = emulated::boot(kernel, subject.image, harts)?;
        let mut booted = booted.map_err(|refused| {
            anyhow!(
                "the kernel comes to no prompt with {harts} harts: {:?}",
                refused.stopped
            )
        })?;
        booted.machine_mut().declare_atomic(&atomics);
        for test in tests {
            for seed in 1..=SEEDS {
                let rules = Rules {
                    seed,
                    adversity,
                    watch: Watch::ALL,
                };
                let line = test.line(Nonce::new(seed).digits());
                // How the test ends says nothing here.
                let _ = booted.ask(&line, &rules, STEPS);
                for report in booted.machine().reports() {
                    if !seen.insert(cause(report)) {
                        continue;
                    }
                    let finding = Finding {
                        test: test.name.clone(),
                        harts,
                        seed,
                        kind: report.kind.name(),
                        text: printer.text(report),
                    };
                    each(&finding);
                    findings.push(finding);
                }
            }
        }
    }
    Ok(findings)
}

/// What makes two reports one: the kind, and the instructions they show first.
fn cause(report: &sanitize::Report) -> (Kind, Vec<u64>) {
    let first = |scene: &sanitize::Scene| scene.stack.first().copied();
    let mut places: Vec<u64> = report.scenes.iter().filter_map(first).collect();
    places.sort_unstable();
    (report.kind, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kind: Kind, places: &[u64]) -> sanitize::Report {
        let scene = |&place: &u64| sanitize::Scene {
            what: String::new(),
            place: None,
            stack: vec![place, 7],
        };
        sanitize::Report {
            kind,
            headline: String::new(),
            scenes: places.iter().map(scene).collect(),
            missing: String::new(),
        }
    }

    #[test]
    fn one_cause_is_found_once_whichever_hart_came_first() {
        let race = cause(&report(Kind::Race, &[1, 2]));
        assert_eq!(race, cause(&report(Kind::Race, &[2, 1])));
        assert_ne!(race, cause(&report(Kind::Race, &[1, 3])));
        assert_ne!(race, cause(&report(Kind::StaleTranslation, &[1, 2])));
    }
}
