//! `grade --sanitize`: the tests of `cowtest` on the machine that is out to break kernels
//! (`docs/emu.md`), with several harts and seeds. What its watchers report is added to the grade.
//!
//! The kernel boots once for each number of harts, on a kind machine; each test starts from its
//! first prompt under rules of its own and has so many steps. A test that is not done by then is
//! over, which is no finding: the emulator's pace says nothing about the kernel.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow};
use emu::adversity::Adversity;
use emu::sanitize::{self, Kind, Watch};
use emu::session::{Session, Waited};
use emu::{Boot, Config, Disk, Machine, Rules};

use super::suite::COWTEST;
use crate::emulate::{Printer, atomic_instructions, fences_instructions};
use crate::workspace::Workspace;

/// Numbers of harts.
const HARTS: [usize; 2] = [2, 3];
/// Seeds for each test.
const SEEDS: u64 = 2;
/// Steps in which a kernel comes to its prompt.
const BOOT: u64 = 3_000_000_000;
/// Steps for each test and seed.
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

/// Runs the tests whose command contains `filter`; `each` hears of every finding once.
pub fn run(
    workspace: &Workspace,
    path: &Path,
    image: &[u8],
    filter: &str,
    mut each: impl FnMut(&Finding),
) -> Result<Vec<Finding>> {
    let kernel = fs::read(path)?;
    let atomics = atomic_instructions(path, &kernel);
    let printer = Printer::new(workspace, path);
    let adversity = Adversity {
        fetches: fences_instructions(&kernel),
        ..Adversity::ALL
    };
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    for harts in HARTS {
        let mut session = boot(&kernel, image, harts)?;
        session.machine_mut().declare_atomic(&atomics);
        for test in tests(&mut session)? {
            let command = COWTEST.command(&test);
            if !command.contains(filter) {
                continue;
            }
            for seed in 1..=SEEDS {
                session.again(&Rules {
                    seed,
                    adversity,
                    watch: Watch::ALL,
                });
                session.line(&command, STEPS);
                for report in session.machine().reports() {
                    if !seen.insert(cause(report)) {
                        continue;
                    }
                    let finding = Finding {
                        test: test.clone(),
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

/// Boots a kernel to its prompt.
fn boot(kernel: &[u8], image: &[u8], harts: usize) -> Result<Session> {
    let disk = Disk {
        slot: 0,
        contents: image,
        serial: "",
    };
    let boot = Boot {
        kernel,
        command_line: "",
        disks: &[disk],
    };
    let config = Config {
        harts,
        ..Config::default()
    };
    let machine = Machine::boot(&config, &boot).map_err(anyhow::Error::msg)?;
    let mut session = Session::new(machine);
    match session.start(BOOT) {
        Waited::Prompt => Ok(session),
        waited => Err(anyhow!(
            "the kernel comes to no prompt with {harts} harts ({waited:?}); its console:\n{}",
            String::from_utf8_lossy(session.machine().console())
        )),
    }
}

/// Has the program name its tests.
fn tests(session: &mut Session) -> Result<Vec<String>> {
    let answer = session.line(&COWTEST.list_command(), BOOT);
    let tests = COWTEST.listed(&session.printed(&answer));
    if tests.is_empty() {
        return Err(anyhow!("{} names no tests", COWTEST.program));
    }
    Ok(tests)
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
