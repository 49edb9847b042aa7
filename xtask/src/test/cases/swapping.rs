//! Swap as programs see it: `swaptest` on machines of several sizes, the other suites in little
//! memory, and a disk with faults.

use super::super::case::Case;
use crate::launch::AUDIT;

/// Returns the tests of swapping.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<_> = [1, 2, 4]
        .into_iter()
        .map(|harts| {
            Case::line(format!("swaptest: {harts} harts"), "swaptest")
                .harts(harts)
                .mebibytes(24)
                .swap(96)
                .within(180)
                .shows("^ALL SWAP TESTS PASSED$")
        })
        .collect();
    cases.extend([
        // Harts fence each other in every round of eviction.
        Case::line("swaptest family: 4 harts, 64 MiB", "swaptest family")
            .harts(4)
            .mebibytes(64)
            .swap(768)
            .within(180)
            .shows("^ALL SWAP TESTS PASSED$"),
        Case::line("swaptest, audited", "swaptest")
            .harts(2)
            .mebibytes(24)
            .swap(96)
            .option(AUDIT)
            .within(120)
            .shows("^ALL SWAP TESTS PASSED$"),
        Case::line("swaptest without swap", "swaptest")
            .shows(r"^large: skipped \(this machine has no disk to swap to\)$")
            .shows("^swaptest: nothing was tested$"),
        Case::line("cowtest: 24 MiB and 32 MiB of swap", "cowtest")
            .mebibytes(24)
            .swap(32)
            .within(120)
            .shows("^ALL COW TESTS PASSED$"),
        Case::line("usertests -q: 24 MiB and 32 MiB of swap", "usertests -q")
            .harts(2)
            .mebibytes(24)
            .swap(32)
            .within(180)
            .shows("^ALL TESTS PASSED$"),
    ]);
    cases.extend(faults());
    cases
}

/// Returns the tests of a disk that fails. Only processes whose pages are lost are killed.
fn faults() -> [Case; 3] {
    let case = |name: &str, line: &str| {
        Case::line(format!("swap: {name}"), line)
            .mebibytes(24)
            .swap(48)
    };
    [
        case("a page that cannot be read", "swaptest large; echo alive")
            .swap_fault("read:500")
            .shows("^the swap disk failed to read ")
            .shows(r"^pid [0-9]+ \(swaptest\): killed: a page of it cannot be read from the disk$")
            .shows("^large: FAILED: expected a child to exit with 0, saw -1$")
            .shows("^alive$"),
        // The host's speed determines how many pages are read together, so the bad page may be the
        // one that a process waits for.
        case("a page that cannot be read at first", "swaptest large")
            .swap_fault("read:500:once")
            .shows("^the swap disk failed to read ")
            .hides("killed")
            .shows("^ALL SWAP TESTS PASSED$"),
        case("a page that cannot be written", "swaptest large")
            .swap_fault("write:500")
            .shows("^the swap disk failed to write ")
            .hides("killed")
            .shows("^ALL SWAP TESTS PASSED$"),
    ]
}
