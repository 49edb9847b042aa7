//! The tests of a suite, run one by one on a user's kernel. The kernel is booted anew after a test
//! that ended it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::guest::{Answer, Guest, Stopped};
use super::suite::{Suite, judge};
use super::verdict::{Explanation, Graded};
use crate::image;
use crate::qemu::{Disk, Keep, Machine};
use crate::workspace::Workspace;

/// The suite under which a kernel that does not come to its prompt is reported.
pub const BOOT_SUITE: &str = "kernel";

/// The result of a command.
enum Asked {
    /// The command ended.
    Answered(Answer),
    /// The command ended the machine or the shell, or never ended.
    Stopped(Stopped),
    /// The machine for the command did not come to its prompt.
    NeverBooted(Stopped),
}

/// A kernel under test on one kind of machine.
pub struct Grader<'a> {
    workspace: &'a Workspace,
    machine: Machine,
    image: &'a [u8],
    stall: Duration,
    guest: Option<Guest>,
}

impl<'a> Grader<'a> {
    /// Returns a grader for `machine`. Each boot gets a fresh disk with `image`. The console may be
    /// silent for `stall`.
    pub fn new(
        workspace: &'a Workspace,
        machine: Machine,
        image: &'a [u8],
        stall: Duration,
    ) -> Self {
        Self {
            workspace,
            machine,
            image,
            stall,
            guest: None,
        }
    }

    /// Runs the tests that `wanted` names. Calls `heard` with each result.
    pub fn run(
        &mut self,
        suites: &[Suite],
        wanted: impl Fn(Suite, &str) -> bool,
        mut heard: impl FnMut(&Graded),
    ) -> Result<Vec<Graded>> {
        let mut all = Vec::new();
        for &suite in suites {
            self.guest = None;
            let begin = Instant::now();
            let tests = match self.ask(&suite.list_command())? {
                Asked::Answered(answer) => suite.listed(&answer.printed),
                Asked::Stopped(stopped) | Asked::NeverBooted(stopped) => {
                    let graded = Graded {
                        suite: BOOT_SUITE.to_owned(),
                        test: "boot".to_owned(),
                        verdict: stopped.verdict(),
                        time: begin.elapsed(),
                        explanation: Explanation::default(),
                    };
                    heard(&graded);
                    all.push(graded);
                    return Ok(all);
                }
            };
            for test in tests.into_iter().filter(|test| wanted(suite, test)) {
                let graded = self.grade(suite, test)?;
                heard(&graded);
                let hopeless = graded.suite == BOOT_SUITE;
                all.push(graded);
                if hopeless {
                    return Ok(all);
                }
            }
        }
        Ok(all)
    }

    fn grade(&mut self, suite: Suite, test: String) -> Result<Graded> {
        let begin = Instant::now();
        let (suite, test, verdict) = match self.ask(&suite.command(&test))? {
            Asked::Answered(answer) => {
                let verdict = judge(&test, &answer.printed, answer.status_is_zero);
                (suite.program, test, verdict)
            }
            Asked::Stopped(stopped) => (suite.program, test, stopped.verdict()),
            Asked::NeverBooted(stopped) => (BOOT_SUITE, "boot".to_owned(), stopped.verdict()),
        };
        if verdict.is_bad() {
            // A later test must not suffer from what this one did to the kernel.
            self.guest = None;
        }
        Ok(Graded {
            suite: suite.to_owned(),
            test,
            verdict,
            time: begin.elapsed(),
            explanation: Explanation::default(),
        })
    }

    /// Runs a command in the shell, on the running machine or on a new one.
    fn ask(&mut self, command: &str) -> Result<Asked> {
        let guest = match self.guest.take() {
            Some(guest) => guest,
            None => match self.boot()? {
                Ok(guest) => guest,
                Err(stopped) => return Ok(Asked::NeverBooted(stopped)),
            },
        };
        Ok(match self.guest.insert(guest).run(command)? {
            Ok(answer) => Asked::Answered(answer),
            Err(stopped) => Asked::Stopped(stopped),
        })
    }

    fn boot(&mut self) -> Result<Result<Guest, Stopped>> {
        if let Some(old) = self.machine.disk.take() {
            fs::remove_file(old.path)?;
        }
        self.machine.disk = Some(Disk {
            path: image::write_temporary(self.workspace, self.image)?,
            keep: Keep::Nothing,
        });
        Guest::boot(&self.machine, self.stall)
    }
}
