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
use user::io::Lossy;
use user::memory::{self, SystemCounters};
use user::testing::{child, measure, outcome};
use user::{Args, eprintln, println};

user::main!(run);

/// What a test needs of the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// The calls of xv6.
    Xv6,
    /// `memstat` as well.
    Counters,
    /// `memstat`, and copy-on-write pages as the way of forking.
    CopyOnWrite,
}

impl Needs {
    /// Why a test that needs this cannot run here.
    fn missing(self) -> Option<&'static str> {
        if self == Self::Xv6 {
            return None;
        }
        if SystemCounters::now().is_err() {
            return Some("this kernel has no memstat");
        }
        let exact = self == Self::CopyOnWrite;
        if exact && memory::fork_mode() != Ok(ForkMode::CopyOnWrite) {
            return Some("fork does not copy page by page on write here");
        }
        None
    }
}

/// A test.
struct Test {
    name: &'static CStr,
    needs: Needs,
    body: fn() -> Outcome,
}

const fn test(name: &'static CStr, needs: Needs, body: fn() -> Outcome) -> Test {
    Test { name, needs, body }
}

const TESTS: &[Test] = &[
    test(c"simple", Needs::Xv6, basic::simple),
    test(c"three", Needs::Xv6, basic::three),
    test(c"file", Needs::Xv6, basic::file),
    test(c"stale", Needs::Xv6, basic::stale),
    test(c"forkfork", Needs::Xv6, basic::forkfork),
    test(c"cost", Needs::CopyOnWrite, exact::cost),
    test(c"chain", Needs::CopyOnWrite, exact::chain),
    test(c"address", Needs::CopyOnWrite, exact::address),
    test(c"deep", Needs::CopyOnWrite, sharing::deep),
    test(c"sharers", Needs::CopyOnWrite, sharing::sharers),
    test(c"grandchild", Needs::Xv6, contents::grandchild),
    test(c"regrow", Needs::Xv6, contents::regrow),
    test(c"unaligned", Needs::Xv6, contents::unaligned),
    test(c"text", Needs::Xv6, protection::text),
    test(c"readonly", Needs::Xv6, protection::readonly),
    test(c"guard", Needs::Xv6, protection::guard),
    test(c"outside", Needs::Xv6, protection::outside),
    test(c"failfork", Needs::Counters, scarce::failfork),
    test(c"tables", Needs::CopyOnWrite, scarce::tables),
    test(c"oom", Needs::CopyOnWrite, scarce::oom),
    test(c"execleak", Needs::Counters, leaks::execleak),
    test(c"kill", Needs::Counters, leaks::kill),
];

fn run(args: Args) -> i32 {
    protection::remember_stack_page(args.address());
    let names = args.skip(1);
    for name in names.clone() {
        if TESTS.iter().all(|test| test.name != name) {
            eprintln!(
                "cowtest: no test is called {}; there are:",
                Lossy::from(name)
            );
            for test in TESTS {
                eprintln!("  {}", Lossy::from(test.name));
            }
            return 2;
        }
    }
    let wanted = |test: &&Test| names.len() == 0 || names.clone().any(|name| name == test.name);
    let (mut passed, mut failed) = (0, 0);
    for test in TESTS.iter().filter(wanted) {
        let name = Lossy::from(test.name);
        if let Some(reason) = test.needs.missing() {
            println!("{name}: skipped ({reason})");
            continue;
        }
        match child::run_undisturbed(test.body) {
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
        println!("cowtest: {failed} of {} tests FAILED", passed + failed);
        return 1;
    }
    println!("ALL COW TESTS PASSED");
    0
}
