//! The tests of Cowslip on the adversarial machine: boots and programs under every kind of
//! adversity, with several harts and seeds, must not cause a single report.
//!
//! A trial with late stores and watched races takes ten times as long as one without. Such trials
//! are short. The long trials watch translations, locks and the kernel's own memory.

use std::ops::Range;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use emu::adversity::Adversity;
use emu::sanitize::Watch;
use emu::{Config, Rules, Stop};

use super::atomics;
use super::errand::Errand;
use super::reports::Printer;
use crate::arch::Arch;
use crate::build::{self, Guests};
use crate::image::{self, Geometry};
use crate::setup::Toolchain;
use crate::test::{Filter, Report, Verdict};
use crate::workspace::Workspace;

/// The adversity of a trial, and what it watches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Eyes {
    /// Everything, including late stores and races.
    All,
    /// What the machine's plain loop can do.
    Fast,
}

/// A program on a machine, under some seeds.
struct Trial {
    line: &'static str,
    harts: usize,
    mebibytes: usize,
    /// The size of the disk to swap to. 0 means that there is none.
    swap: usize,
    eyes: Eyes,
    seeds: Range<u64>,
    /// The pattern that the console must match.
    shows: &'static str,
    /// The most millions of steps until the end.
    limit: u64,
}

const TRIALS: [Trial; 8] = [
    Trial {
        line: "echo alive",
        harts: 4,
        mebibytes: 128,
        swap: 0,
        eyes: Eyes::All,
        seeds: 0..6,
        shows: "alive",
        limit: 200,
    },
    Trial {
        line: "forktest",
        harts: 2,
        mebibytes: 128,
        swap: 0,
        eyes: Eyes::All,
        seeds: 1..3,
        shows: "fork test OK",
        limit: 400,
    },
    Trial {
        line: "cowtest file; cowtest stale; cowtest grandchild; cowtest kill",
        harts: 4,
        mebibytes: 24,
        swap: 0,
        eyes: Eyes::All,
        seeds: 1..3,
        shows: "ALL COW TESTS PASSED",
        limit: 1000,
    },
    Trial {
        line: "cowtest",
        harts: 2,
        mebibytes: 24,
        swap: 0,
        eyes: Eyes::Fast,
        seeds: 1..2,
        shows: "ALL COW TESTS PASSED",
        limit: 4000,
    },
    Trial {
        line: "cowtest",
        harts: 4,
        mebibytes: 24,
        swap: 0,
        eyes: Eyes::Fast,
        seeds: 3..4,
        shows: "ALL COW TESTS PASSED",
        limit: 4000,
    },
    Trial {
        line: "usertests copyin; usertests forkfork; usertests reparent; usertests sbrkmuch",
        harts: 4,
        mebibytes: 128,
        swap: 0,
        eyes: Eyes::Fast,
        seeds: 1..4,
        shows: "ALL TESTS PASSED",
        limit: 2000,
    },
    Trial {
        line: "swaptest children; swaptest fork; swaptest copies",
        harts: 2,
        mebibytes: 24,
        swap: 96,
        eyes: Eyes::Fast,
        seeds: 1..3,
        shows: "ALL SWAP TESTS PASSED",
        limit: 4000,
    },
    Trial {
        line: "swaptest children; swaptest exec; swaptest pipe",
        harts: 4,
        mebibytes: 24,
        swap: 96,
        eyes: Eyes::Fast,
        seeds: 1..4,
        shows: "ALL SWAP TESTS PASSED",
        limit: 4000,
    },
];

impl Trial {
    fn name(&self) -> String {
        let words = if self.eyes == Eyes::All {
            "everything watched"
        } else {
            "translations, locks and memory watched"
        };
        format!(
            "emu cowslip: {}: {} harts, {} MiB, {words}",
            self.line, self.harts, self.mebibytes
        )
    }

    fn config(&self, seed: u64) -> Config {
        let all = self.eyes == Eyes::All;
        Config {
            harts: self.harts,
            memory: self.mebibytes << 20,
            rules: Rules {
                seed,
                adversity: Adversity {
                    stores: all,
                    loads: all,
                    ..Adversity::ALL
                },
                watch: Watch {
                    races: all,
                    ..Watch::ALL
                },
            },
            ..Config::default()
        }
    }
}

/// What all trials need.
struct Lab<'a> {
    kernel: Vec<u8>,
    image: Vec<u8>,
    atomics: Vec<u64>,
    guests: &'a Guests,
    workspace: &'a Workspace,
}

/// Runs the trials that the filter admits, two at a time.
pub fn tests(workspace: &Workspace, filter: &Filter<'_>, report: &Report) {
    let mut chosen: Vec<_> = TRIALS
        .iter()
        .filter(|trial| filter.admits(&trial.name()))
        .collect();
    if chosen.is_empty() {
        return;
    }
    report.attempt("emu cowslip", || {
        let guests = build::guests(workspace, &Toolchain::ensure(workspace, Arch::Riscv64)?)?;
        let kernel = std::fs::read(&guests.kernel)?;
        let lab = Lab {
            image: image::build(workspace, &guests, &[], Geometry::DEFAULT)?,
            atomics: atomics::addresses(&guests.kernel, &kernel),
            kernel,
            guests: &guests,
            workspace,
        };
        ensure!(
            !lab.atomics.is_empty(),
            "no atomic instruction is known of the kernel"
        );
        chosen.reverse();
        let rest = Mutex::new(chosen);
        let next = || rest.lock().expect("no thread panics with it").pop();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Some(trial) = next() {
                        let name = trial.name();
                        report.attempt(&name, || one(&lab, trial, &name, report));
                    }
                });
            }
        });
        Ok(())
    });
}

fn one(lab: &Lab<'_>, trial: &Trial, name: &str, report: &Report) -> Result<()> {
    let begin = Instant::now();
    for seed in trial.seeds.clone() {
        run(lab, trial, seed).with_context(|| format!("seed {seed}"))?;
    }
    report.result(name, begin.elapsed(), Verdict::Passed);
    Ok(())
}

/// Runs a trial under a seed to its end.
fn run(lab: &Lab<'_>, trial: &Trial, seed: u64) -> Result<()> {
    let errand = Errand {
        kernel: &lab.kernel,
        image: &lab.image,
        atomics: &lab.atomics,
        line: trial.line,
        swap: trial.swap,
    };
    let (machine, stop) = errand.run(&trial.config(seed), trial.limit * 1_000_000)?;
    let printer = Printer::new(lab.workspace, &lab.guests.kernel);
    if let Some(found) = machine.reports().first() {
        bail!("{}", printer.text(found));
    }
    let console = String::from_utf8_lossy(machine.console()).into_owned();
    let tail: Vec<&str> = console.lines().rev().take(12).collect();
    ensure!(
        stop == Stop::Off(0) && console.contains(trial.shows),
        "it ends with {stop:?} at step {}; the console's last lines, the last first:\n{}",
        machine.steps(),
        tail.join("\n")
    );
    Ok(())
}
