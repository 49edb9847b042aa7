//! The tests of `lab/` on one kernel, one after the other, each from the same state.
//!
//! On the machine of our own ([`OnOurs`]) a test starts from the snapshot of the first
//! prompt and ends after so many instructions at the latest. QEMU ([`on_qemu`]) is the cross-check.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use emu::Rules;
use emu::adversity::Adversity;

use super::catalogue::Test;
use super::demand::Base;
use super::emulated::{self, Booted, Kernel};
use super::guest::Stopped;
use super::hints::Hints;
use super::on_qemu;
use super::protocol::Nonce;
use super::verdict::{Explanation, Graded, Verdict};
use crate::emulate::Printer;
use crate::workspace::Workspace;

/// What a boot belongs to, for a kernel that does not come to its prompt.
pub const BOOT: &str = "boot";

/// What the kernel runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Emulator {
    /// A deterministic machine of our own.
    #[value(name = "emu")]
    Own,
    /// QEMU.
    Qemu,
}

/// The machine that a kernel is to run on.
#[derive(Clone, Copy)]
pub struct Place {
    /// What runs it.
    pub emulator: Emulator,
    /// The number of harts.
    pub harts: u8,
    /// How long QEMU may print nothing before the kernel is given up.
    pub stall: Duration,
}

/// Somebody's kernel and what it is tested with.
pub struct Subject<'a> {
    /// Where temporary files go.
    pub workspace: &'a Workspace,
    /// The kernel's file.
    pub path: &'a Path,
    /// The kernel.
    pub kernel: Kernel,
    /// The grader's disk.
    pub image: &'a [u8],
    hints: Hints,
    printer: Printer<'a>,
}

/// A kernel on one machine, ready for tests.
pub trait Bench {
    /// Has the kernel run a test, from the state after its boot.
    fn ask(&mut self, test: &Test, nonce: &Nonce) -> Result<Seen>;
}

/// What a test showed, and where the harts were if that says something.
pub struct Seen {
    /// What was printed, or why the kernel answers no more.
    pub ended: Result<String, Stopped>,
    /// Where the harts were.
    pub places: Option<String>,
}

/// A machine, in words, and what can be tested on it or how the kernel ended in its boot.
pub struct Started<'a> {
    /// What the machine is, and why.
    pub machine: String,
    /// The kernel at its prompt.
    pub bench: Result<Box<dyn Bench + 'a>, Seen>,
}

impl<'a> Subject<'a> {
    /// Reads the kernel in a file. `image` is the grader's disk.
    pub fn new(workspace: &'a Workspace, path: &'a Path, image: &'a [u8]) -> Result<Self> {
        Ok(Self {
            workspace,
            path,
            kernel: Kernel::read(path)?,
            image,
            hints: Hints::read()?,
            printer: Printer::new(workspace, path),
        })
    }

    /// Returns what is known of the kernel, for a person.
    pub fn describe(&self) -> String {
        match self.kernel.year {
            Some(year) => format!("an xv6 of {}, by its functions", year.name()),
            None => "no xv6 of a known year, by its functions".to_owned(),
        }
    }

    /// Runs tests on a machine. `begun` hears what the machine is, `heard` of each test.
    pub fn run(
        &self,
        place: Place,
        tests: &[&Test],
        base: &Base,
        mut begun: impl FnMut(&str),
        mut heard: impl FnMut(&Graded),
    ) -> Result<Vec<Graded>> {
        let begin = Instant::now();
        let started = match place.emulator {
            Emulator::Own => self.start(place.harts.into())?,
            Emulator::Qemu => on_qemu::start(self, place.harts, place.stall)?,
        };
        begun(&started.machine);
        let mut bench = match started.bench {
            Ok(bench) => bench,
            Err(seen) => {
                let verdict = seen.ended.err().map_or(Verdict::Passed, Stopped::verdict);
                let graded = self.graded(None, verdict, seen.places, begin.elapsed());
                heard(&graded);
                return Ok(vec![graded]);
            }
        };
        let mut all = Vec::new();
        for (number, test) in tests.iter().enumerate() {
            let begin = Instant::now();
            if let Some(why) = base.excuses(test) {
                let graded = self.graded(Some(test), Verdict::Skipped(why), None, Duration::ZERO);
                heard(&graded);
                all.push(graded);
                continue;
            }
            let nonce = Nonce::new(number as u64);
            let seen = bench.ask(test, &nonce)?;
            let verdict = nonce.verdict(&test.name, seen.ended);
            let graded = self.graded(Some(test), verdict, seen.places, begin.elapsed());
            heard(&graded);
            all.push(graded);
        }
        Ok(all)
    }

    fn start(&self, harts: usize) -> Result<Started<'_>> {
        Ok(match emulated::boot(&self.kernel, self.image, harts)? {
            Ok(booted) => Started {
                machine: words(&booted.choice.reasons, booted.steps),
                bench: Ok(Box::new(OnOurs {
                    booted,
                    printer: &self.printer,
                })),
            },
            Err(refused) => Started {
                machine: words(&refused.choice.reasons, refused.machine.steps()),
                bench: Err(Seen {
                    ended: Err(refused.stopped),
                    places: Some(emulated::describe(&refused.machine, &self.printer)),
                }),
            },
        })
    }

    fn graded(
        &self,
        test: Option<&Test>,
        verdict: Verdict,
        places: Option<String>,
        time: Duration,
    ) -> Graded {
        let name = test.map_or(BOOT, |test| &test.name);
        let explanation = if verdict.is_bad() {
            Explanation {
                does: test.map(|test| test.does.clone()),
                rule: test.map(|test| test.rule.clone()),
                places,
                mistake: self.hints.likely(name, &verdict).map(str::to_owned),
            }
        } else {
            Explanation::default()
        };
        Graded {
            suite: test.map_or(BOOT, |test| &test.program).to_owned(),
            test: name.to_owned(),
            verdict,
            time,
            explanation,
        }
    }
}

fn words(reasons: &[String], steps: u64) -> String {
    let mut words = format!("{} million instructions to the prompt", steps / 1_000_000);
    for reason in reasons {
        words.push_str("; ");
        words.push_str(reason);
    }
    words
}

/// On the machine of our own.
struct OnOurs<'a> {
    booted: Booted,
    printer: &'a Printer<'a>,
}

impl Bench for OnOurs<'_> {
    fn ask(&mut self, test: &Test, nonce: &Nonce) -> Result<Seen> {
        let steps = test.millions * 1_000_000;
        let line = test.line(nonce.digits());
        let mut ended = self.booted.ask(&line, &rules(test.seeds), steps);
        for seed in 1..test.seeds {
            if nonce.verdict(&test.name, ended.clone()) != Verdict::Passed {
                break;
            }
            ended = self.booted.ask(&line, &rules(seed), steps);
        }
        let told = matches!(ended, Err(Stopped::Hung(_) | Stopped::Gone(_)));
        Ok(Seen {
            ended,
            places: told.then(|| emulated::describe(self.booted.machine(), self.printer)),
        })
    }
}

/// Returns the rules for a seed. Without one, harts take regular turns.
fn rules(seed: u64) -> Rules {
    Rules {
        seed,
        adversity: Adversity {
            turns: seed > 0,
            ..Adversity::NONE
        },
        ..Rules::default()
    }
}
