//! `cargo xtask museum`: mistakes that other systems made, and the tests of `mm` that see them.
//!
//! A test is worth something only if it passes on the code and fails on the mistake, so both are
//! run: first all tests as the code is, then all tests on each mistake.

use std::time::Instant;

use anyhow::Result;
use mm::mistake::Mistake;

use crate::mistakes::failing_tests;
use crate::progress::spinner;
use crate::workspace::Workspace;

/// Mistakes that are made in the kernel, where no test of `mm` can see them; `grade --self-test`
/// does.
const IN_THE_KERNEL: [Mistake; 1] = [Mistake::KillLosesCopy];

/// How many of the tests that saw a mistake are named.
const NAMED: usize = 3;

/// Runs the tests on the mistakes whose names contain the filter; 1 if one was overlooked.
pub fn run(workspace: &Workspace, filter: Option<&str>) -> Result<u8> {
    let failing = failing_tests(workspace, None)?;
    for test in &failing {
        println!("FAILED without any mistake: {test}");
    }
    let (mut all, mut seen) = (0, 0);
    for &mistake in Mistake::ALL {
        let wanted = filter.is_none_or(|part| mistake.name().contains(part));
        if !wanted || IN_THE_KERNEL.contains(&mistake) {
            continue;
        }
        let begin = Instant::now();
        let watching = spinner(format!("mistake {}: {}", mistake.number(), mistake.name()));
        let tests = failing_tests(workspace, Some(mistake))?;
        drop(watching);
        all += 1;
        seen += usize::from(!tests.is_empty());
        println!(
            "{:6} mistake {:2} {:25} {:6.1} s  {}",
            if tests.is_empty() { "MISSED" } else { "seen" },
            mistake.number(),
            mistake.name(),
            begin.elapsed().as_secs_f64(),
            names(&tests),
        );
    }
    println!("museum: {seen} of {all} mistakes seen by the tests of mm");
    Ok(u8::from(seen < all || !failing.is_empty()))
}

fn names(tests: &[String]) -> String {
    let mut named = tests[..tests.len().min(NAMED)].join(", ");
    if tests.len() > NAMED {
        named.push_str(&format!(" and {} more", tests.len() - NAMED));
    }
    named
}
