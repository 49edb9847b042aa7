//! `usertests [-q] [-c] [NAME]`: tests that the system-call interface is what programs for xv6
//! expect, with good and bad arguments, and that the kernel survives its programs.
//!
//! The tests have the names of xv6's own tests of those subjects, and need xv6's calls alone. Each
//! runs in a process of its own. Afterwards no page of memory may be missing. `-q` leaves out the
//! slow tests, `-c` repeats all until one fails, and NAME runs one.

#![no_std]
#![no_main]

mod catalogue;
mod directories;
mod disk;
mod execution;
mod files;
mod frames;
mod generations;
mod heap;
mod inodes;
mod kernel;
mod lazy;
mod lies;
mod links;
mod outside;
mod pointers;
mod scarcity;
mod scratch;
mod signals;
mod strings;
mod together;
mod truncation;

use catalogue::{QUICK, SLOW, Test};
use core::ffi::CStr;
use frames::Frames;
use user::io::Lossy;
use user::process::{self, Fork};
use user::testing::outcome::{Outcome, failure};
use user::{Args, eprintln, print, println};

user::main!(run);

/// The exit status of a child whose test failed and that has said so itself. No other program has
/// it.
const FAILED: i32 = 99;
/// The exit status for bad arguments.
const USAGE: i32 = 2;
/// The most failures that are listed at the end.
const LISTED: usize = 100;

/// What to run.
struct Plan {
    slow: bool,
    repeat: bool,
    only: Option<&'static CStr>,
}

impl Plan {
    fn new(args: Args) -> Option<Self> {
        let mut plan = Self {
            slow: true,
            repeat: false,
            only: None,
        };
        for argument in args.skip(1) {
            if argument == c"-q" {
                plan.slow = false;
            } else if argument == c"-c" {
                plan.repeat = true;
            } else if plan.only.is_none() && !argument.to_bytes().starts_with(b"-") {
                plan.only = Some(argument);
            } else {
                return None;
            }
        }
        Some(plan)
    }

    /// Returns the tests of this plan. A named test is run even if it is slow.
    fn tests(&self) -> impl Iterator<Item = &'static Test> {
        let slow = self.slow || self.only.is_some();
        let only = self.only;
        QUICK
            .iter()
            .chain(if slow { SLOW } else { &[] })
            .filter(move |test| only.is_none_or(|name| name == test.name))
    }
}

fn run(args: Args) -> i32 {
    lies::remember_stack_page(args.address());
    let Some(plan) = Plan::new(args) else {
        eprintln!("usage: usertests [-q] [-c] [NAME]");
        return USAGE;
    };
    if plan.tests().next().is_none() {
        eprintln!("usertests: no test has this name; there are:");
        for test in QUICK.iter().chain(SLOW) {
            eprintln!("  {}", Lossy::from(test.name));
        }
        return USAGE;
    }
    kernel::probe();
    let mut round = 1;
    loop {
        if !run_all(&plan) {
            return 1;
        }
        if !plan.repeat {
            return 0;
        }
        round += 1;
        println!("usertests: round {round}");
    }
}

/// Runs the tests of `plan`. Returns whether all passed.
fn run_all(plan: &Plan) -> bool {
    let mut failed: [Option<&CStr>; LISTED] = [None; LISTED];
    let mut failures = 0;
    let mut frames = Frames::now();
    for test in plan.tests() {
        let name = Lossy::from(test.name);
        if let Some(reason) = test.needs.missing() {
            println!("test {name}: skipped ({reason})");
        } else if !run_one(test, &mut frames) {
            if let Some(place) = failed.get_mut(failures) {
                *place = Some(test.name);
            }
            failures += 1;
        }
    }
    if failures == 0 {
        println!("ALL TESTS PASSED");
        return true;
    }
    println!("TESTS FAILED: {failures}");
    for name in failed.into_iter().flatten() {
        println!("  {}", Lossy::from(name));
    }
    false
}

/// Runs a test and prints its result. Returns whether it passed. `frames` is the memory that was
/// free before, and becomes the memory that is free afterwards.
fn run_one(test: &Test, frames: &mut Frames) -> bool {
    let name = Lossy::from(test.name);
    // This names the test if it hangs. Otherwise the result overwrites it.
    print!("test {name}: \r");
    let outcome = match status_of(test) {
        Ok(0) => frames.expect_back(),
        Ok(FAILED) => return false,
        Ok(status) => Err(failure!("expected exit status 0, saw {status}")),
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => println!("test {name}: OK"),
        Err(failure) => println!("test {name}: FAILED: {failure}"),
    }
    outcome.is_ok()
}

/// Returns the status of a child that runs a test. The child itself prints why the test failed,
/// because processes that it leaves running could hold up the report.
fn status_of(test: &Test) -> Outcome<i32> {
    match process::fork()? {
        Fork::Parent(pid) => Ok(process::wait_for(pid)?),
        Fork::Child => {
            let status = match (test.body)() {
                Ok(()) => 0,
                Err(failure) => {
                    println!("test {}: FAILED: {failure}", Lossy::from(test.name));
                    FAILED
                }
            };
            process::exit(status)
        }
    }
}
