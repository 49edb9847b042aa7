//! `swaptest [NAME]...`: is memory what programs think it is when there is more of it than RAM?
//!
//! Runs all tests, or those named, each in a process of its own, and prints one line for each; afterwards not a page of
//! memory, in RAM or in swap, may be missing. How much a test uses follows from the size of the machine. It needs Cowslip's
//! counters and at least as much swap as RAM, and says which tests are skipped where there is too little.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod copies;
mod exec;
mod family;
mod full;
mod heap;
mod large;
mod machine;
mod pages;
mod shared;

use core::ffi::CStr;
use machine::{Left, Machine};
use user::io::Lossy;
use user::testing::child;
use user::testing::outcome::Outcome;
use user::{Args, eprintln, println};

user::main!(run);

/// A test.
struct Test {
    name: &'static CStr,
    /// Swap that it needs, in times the RAM.
    swap: usize,
    body: fn(Machine) -> Outcome,
}

const fn test(name: &'static CStr, swap: usize, body: fn(Machine) -> Outcome) -> Test {
    Test { name, swap, body }
}

const TESTS: &[Test] = &[
    test(c"large", 1, large::one),
    test(c"children", 1, large::ten),
    test(c"family", 3, family::family),
    test(c"fork", 1, shared::fork),
    test(c"oneside", 1, shared::one_side),
    test(c"copies", 1, copies::copies),
    test(c"pipe", 1, copies::pipe),
    test(c"regrow", 1, heap::regrow),
    test(c"exec", 1, exec::exec),
    test(c"badexec", 1, exec::bad_exec),
    test(c"chain", 1, heap::chain),
    test(c"full", 1, full::full),
];

fn run(args: Args) -> i32 {
    let names = args.skip(1);
    for name in names.clone() {
        if TESTS.iter().all(|test| test.name != name) {
            eprintln!(
                "swaptest: no test is called {}; there are:",
                Lossy::from(name)
            );
            for test in TESTS {
                eprintln!("  {}", Lossy::from(test.name));
            }
            return 2;
        }
    }
    let wanted = |test: &&Test| names.len() == 0 || names.clone().any(|name| name == test.name);
    let machine = Machine::find();
    let (mut passed, mut failed) = (0, 0);
    for test in TESTS.iter().filter(wanted) {
        let name = Lossy::from(test.name);
        let machine = match machine.and_then(|machine| machine.with_swap(test.swap)) {
            Ok(machine) => machine,
            Err(reason) => {
                println!("{name}: skipped ({reason})");
                continue;
            }
        };
        match run_one(test, machine) {
            Ok(()) => {
                println!("{name}: OK");
                passed += 1;
            }
            Err(failure) => {
                println!("{name}: FAILED: {failure}");
                failed += 1;
            }
        }
    }
    if failed != 0 {
        println!("swaptest: {failed} of {} tests FAILED", passed + failed);
        return 1;
    }
    if passed == 0 {
        println!("swaptest: nothing was tested");
        return 0;
    }
    println!("ALL SWAP TESTS PASSED");
    0
}

fn run_one(test: &Test, machine: Machine) -> Outcome {
    let before = Left::now()?;
    child::run(|| (test.body)(machine))?;
    before.expect_back()
}
