//! `cowtest [NAME]...`: does fork behave as a copy, and does it cost what copy-on-write promises?
//!
//! Runs all tests, or those named, each in a process of its own, and prints one line for each.
//! What needs only the calls of xv6 runs on any kernel with that interface; the exact tests need
//! Cowslip's counters and say that they are skipped where there are none.

#![no_std]
#![no_main]

mod basic;
mod contents;
mod exact;
mod leaks;
mod protection;
mod scarce;
mod sharing;

use abi::ForkMode;
use core::ffi::CStr;
use outcome::Outcome;
use user::Args;
use user::memory::{self, SystemCounters};
use user::testing::suite::{Suite, Test};
use user::testing::{child, measure, outcome};

user::main!(run);

/// A test that needs the calls of xv6 alone.
const fn xv6(name: &'static CStr, body: fn() -> Outcome) -> Test {
    Test {
        name,
        missing: || None,
        body,
    }
}

/// A test that needs `memstat` as well.
const fn counters(name: &'static CStr, body: fn() -> Outcome) -> Test {
    Test {
        name,
        missing: missing_counters,
        body,
    }
}

/// A test that needs `memstat`, and copy-on-write pages as the way of forking.
const fn exact(name: &'static CStr, body: fn() -> Outcome) -> Test {
    Test {
        name,
        missing: || missing_counters().or_else(missing_copy_on_write),
        body,
    }
}

fn missing_counters() -> Option<&'static str> {
    let missing = SystemCounters::now().is_err();
    missing.then_some("this kernel has no memstat")
}

fn missing_copy_on_write() -> Option<&'static str> {
    let missing = memory::fork_mode() != Ok(ForkMode::CopyOnWrite);
    missing.then_some("fork does not copy page by page on write here")
}

const COWTEST: Suite = Suite {
    program: "cowtest",
    passed: "ALL COW TESTS PASSED",
    tests: TESTS,
    run: |test| child::run_undisturbed(test.body),
};

const TESTS: &[Test] = &[
    xv6(c"simple", basic::simple),
    xv6(c"three", basic::three),
    xv6(c"file", basic::file),
    xv6(c"stale", basic::stale),
    xv6(c"forkfork", basic::forkfork),
    exact(c"cost", exact::cost),
    exact(c"chain", exact::chain),
    exact(c"address", exact::address),
    exact(c"deep", sharing::deep),
    exact(c"sharers", sharing::sharers),
    xv6(c"grandchild", contents::grandchild),
    xv6(c"regrow", contents::regrow),
    xv6(c"unaligned", contents::unaligned),
    xv6(c"text", protection::text),
    xv6(c"readonly", protection::readonly),
    xv6(c"guard", protection::guard),
    xv6(c"outside", protection::outside),
    counters(c"failfork", scarce::failfork),
    exact(c"tables", scarce::tables),
    exact(c"oom", scarce::oom),
    counters(c"execleak", leaks::execleak),
    counters(c"kill", leaks::kill),
];

fn run(args: Args) -> i32 {
    protection::remember_stack_page(args.address());
    COWTEST.run(args)
}
