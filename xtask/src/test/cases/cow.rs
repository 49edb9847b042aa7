//! Copy-on-write: `cowtest` on machines of several sizes, and with an eager fork, where it must
//! fail.

use super::super::case::{Case, End};
use crate::cli::Fork;

/// Returns the tests of copy-on-write.
pub fn cases() -> Vec<Case> {
    let machines = [(1, 128), (2, 128), (4, 128), (1, 64), (4, 64), (2, 1024)];
    let mut cases: Vec<_> = machines
        .into_iter()
        .map(|(harts, memory)| {
            Case::line(format!("cowtest: {harts} harts, {memory} MiB"), "cowtest")
                .harts(harts)
                .mebibytes(memory)
                .within(300)
                .shows("^ALL COW TESTS PASSED$")
        })
        .collect();

    let mut eager = Case::line("cowtest fails where fork copies", "cowtest")
        .ends(End::Failure)
        .within(120)
        .shows("simple")
        .hides("ALL COW TESTS PASSED");
    eager.fork = Fork::Eager;
    cases.push(eager);

    cases.extend(sharing_tables());

    let mut forks = Case::line("fork that copies works as well", "forktest && c-cow").within(120);
    forks.fork = Fork::Eager;
    cases.push(forks);
    cases
}

/// Returns the tests of a fork that shares page tables, which is the same to programs.
fn sharing_tables() -> [Case; 3] {
    let case = |harts, line: &str| {
        let mut case = Case::line(format!("fork shares page tables: {line}"), line)
            .harts(harts)
            .option("audit")
            .within(400);
        case.fork = Fork::Shared;
        case
    };
    [
        case(1, "cowtest && mmaptest && forktest && c-cow && failnth"),
        case(2, "swaptest family").mebibytes(64).swap(768),
        case(4, "cowtest && usertests -q"),
    ]
}
