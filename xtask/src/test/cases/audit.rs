//! Audits: the kernel recounts its memory while it works. And `failnth`: every allocation fails
//! once.

use super::super::case::{Case, End};
use crate::launch::AUDIT;

/// The audit's line about a leak that the kernel is asked to make.
const LEAK: &str = r"frame 0x[0-9a-f]+ \(a page table\) has a count of 1, but 0 refer to it$";

/// Returns the tests of audits.
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::line("audit: a leak is told", "audit")
            .option("test=leak")
            .ends(End::Status(1))
            .shows(&format!("^{LEAK}")),
        Case::line(
            "audit: the kernel looks for a leak itself",
            "echo a; echo b",
        )
        .option("test=leak")
        .option(AUDIT)
        .ends(End::Panic)
        .shows(&format!(r"PANIC: audit: {LEAK}").replace('$', " at "))
        .hides("^b$"),
        Case::line("audit: with much memory", "audit 3")
            .harts(2)
            .mebibytes(8192)
            .shows("^clean: 20[0-9]{5} frames, 3 spaces$"),
    ];
    for harts in [1, 2, 4, 8] {
        cases.push(
            Case::line(
                format!("audit: beside a mill: {harts} harts"),
                "grind -s 5 1000000 & usertests forkforkfork & audit 20",
            )
            .harts(harts)
            .within(120)
            // The other processes print at any place.
            .shows("clean: [0-9]+ frames, [0-9]+ spaces$"),
        );
    }
    for harts in [1, 2, 4] {
        cases.push(
            Case::line(format!("failnth: {harts} harts"), "failnth")
                .harts(harts)
                .within(120)
                .shows("^failnth: [0-9]+ operations, [0-9]+ failures, 0 differences$")
                .leaves_disk_sound(),
        );
    }
    cases.extend([
        Case::line("cowtest, audited", "cowtest")
            .harts(4)
            .option(AUDIT)
            .within(300)
            .shows("^ALL COW TESTS PASSED$"),
        Case::line("usertests -q, audited", "usertests -q")
            .harts(2)
            .option(AUDIT)
            .within(180)
            .shows("^ALL TESTS PASSED$"),
    ]);
    cases
}
