//! `swaptest [NAME]...`: tests that memory works as programs expect when there is more of it than
//! RAM.
//!
//! Runs all tests, or the named ones, each in a process of its own, and prints one line for each.
//! After a test no page of memory, in RAM or in swap, may be missing. The sizes in a test follow
//! from the size of the machine. The tests need Cowslip's counters and at least as much swap as
//! RAM; those that need more swap than there is are reported as skipped.

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

use machine::{Left, Machine};
use user::Args;
use user::testing::child;
use user::testing::outcome::{Outcome, failure};
use user::testing::suite::{Missing, Suite, Test, test};

user::main!(run);

/// Needs at least as much swap as RAM.
const SWAP: Missing = || missing_swap(1);
/// Needs three times as much swap as RAM.
const MUCH_SWAP: Missing = || missing_swap(3);

fn missing_swap(times: usize) -> Option<&'static str> {
    let machine = Machine::find().and_then(|machine| machine.with_swap(times));
    machine.err()
}

const TESTS: &[Test] = &[
    test(c"large", SWAP, || on_machine(large::one)),
    test(c"children", SWAP, || on_machine(large::ten)),
    test(c"family", MUCH_SWAP, || on_machine(family::family)),
    test(c"fork", SWAP, || on_machine(shared::fork)),
    test(c"oneside", SWAP, || on_machine(shared::one_side)),
    test(c"copies", SWAP, || on_machine(copies::copies)),
    test(c"pipe", SWAP, || on_machine(copies::pipe)),
    test(c"regrow", SWAP, || on_machine(heap::regrow)),
    test(c"idletables", SWAP, || on_machine(heap::idle_tables)),
    test(c"exec", SWAP, || on_machine(exec::exec)),
    test(c"badexec", SWAP, || on_machine(exec::bad_exec)),
    test(c"chain", SWAP, || on_machine(heap::chain)),
    test(c"full", SWAP, || on_machine(full::full)),
];

const SWAPTEST: Suite = Suite {
    program: "swaptest",
    passed: "ALL SWAP TESTS PASSED",
    tests: TESTS,
    run: run_without_loss,
};

fn run(args: Args) -> i32 {
    SWAPTEST.run(args)
}

/// Runs a test with the sizes of the machine.
fn on_machine(body: fn(Machine) -> Outcome) -> Outcome {
    body(Machine::find().map_err(|reason| failure!("{reason}"))?)
}

/// Runs a test. Fails if memory is missing afterwards.
fn run_without_loss(test: &Test) -> Outcome {
    let before = Left::now()?;
    child::run(test.body)?;
    before.expect_back()
}
