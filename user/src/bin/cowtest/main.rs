//! `cowtest [NAME]...`: tests that fork behaves as a copy, and that it costs what copy-on-write
//! promises.
//!
//! Runs all tests, or the named ones, each in a process of its own, and prints one line for each.
//! Tests that need xv6's calls alone run on any kernel with that interface. The exact tests need
//! Cowslip's counters and are reported as skipped on a kernel without them.

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

/// Returns a test that needs xv6's calls alone.
const fn xv6(name: &'static CStr, body: fn() -> Outcome) -> Test {
    Test {
        name,
        missing: || None,
        body,
    }
}

/// Returns a test that needs `memstat` as well.
const fn counters(name: &'static CStr, body: fn() -> Outcome) -> Test {
    Test {
        name,
        missing: missing_counters,
        body,
    }
}

/// Returns a test that needs `memstat`, and processes that fork by copy-on-write.
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
