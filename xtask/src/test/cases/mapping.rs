//! Mappings: `mmaptest` with several numbers of harts, with an audit, and with more pages than
//! frames. Afterwards the disk must be sound, because files without names are freed when they are
//! unmapped.

use super::super::case::Case;
use crate::launch::AUDIT;

/// Returns the tests of mappings.
pub fn cases() -> Vec<Case> {
    let passes = |name: &str| {
        Case::line(format!("mmaptest: {name}"), "mmaptest")
            .within(120)
            .shows("^ALL MMAP TESTS PASSED$")
            .shows("^audit: OK$")
            .hides(r"skipped \((this kernel|mmap)")
            .leaves_disk_sound()
    };
    vec![
        passes("1 harts"),
        passes("2 harts").harts(2),
        passes("4 harts").harts(4),
        passes("4 harts, with swap")
            .harts(4)
            .mebibytes(24)
            .swap(64)
            .shows("^swapped: OK$")
            .shows("^sharedswap: OK$"),
        passes("audited").harts(2).option(AUDIT),
    ]
}
