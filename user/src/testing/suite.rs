//! A suite of tests as a program: all of them, or those named, with one line for each.

use crate::io::Lossy;
use crate::testing::outcome::Outcome;
use crate::{Args, eprintln, println};
use core::ffi::CStr;

/// Why a test cannot run here, if it cannot.
pub type Missing = fn() -> Option<&'static str>;

/// A test.
pub struct Test {
    /// The test's name.
    pub name: &'static CStr,
    /// Why the test cannot run here, if it cannot.
    pub missing: Missing,
    /// The test itself, which runs in a process of its own.
    pub body: fn() -> Outcome,
}

/// Returns a test that runs unless something is missing.
pub const fn test(name: &'static CStr, missing: Missing, body: fn() -> Outcome) -> Test {
    Test {
        name,
        missing,
        body,
    }
}

/// The tests of a program.
pub struct Suite {
    /// The program's name.
    pub program: &'static str,
    /// The line that is printed if no test has failed and some have passed.
    pub passed: &'static str,
    /// The tests, in the order in which they run.
    pub tests: &'static [Test],
    /// Runs the body of a test in a child.
    pub run: fn(&Test) -> Outcome,
}

impl Suite {
    /// Runs the tests that the arguments name, or all. Returns the exit status: 1 if a test has
    /// failed, 2 if there is no test of a name.
    pub fn run(&self, args: Args) -> i32 {
        let program = self.program;
        let names = args.skip(1);
        for name in names.clone() {
            if self.tests.iter().all(|test| test.name != name) {
                let name = Lossy::from(name);
                eprintln!("{program}: no test is called {name}; there are:");
                for test in self.tests {
                    eprintln!("  {}", Lossy::from(test.name));
                }
                return 2;
            }
        }
        let wanted = |test: &&Test| names.len() == 0 || names.clone().any(|name| name == test.name);
        let (mut passed, mut failed) = (0, 0);
        for test in self.tests.iter().filter(wanted) {
            let name = Lossy::from(test.name);
            if let Some(reason) = (test.missing)() {
                println!("{name}: skipped ({reason})");
                continue;
            }
            match (self.run)(test) {
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
            println!("{program}: {failed} of {} tests FAILED", passed + failed);
            return 1;
        }
        if passed == 0 {
            println!("{program}: nothing was tested");
        } else {
            println!("{}", self.passed);
        }
        0
    }
}
