//! The whole interface: `usertests`, and the programs that make random calls. Afterwards the disk
//! must be sound.

use super::super::case::Case;

/// Returns the tests of the interface.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for harts in [1, 2, 4] {
        cases.push(
            Case::line(format!("usertests -q: {harts} harts"), "usertests -q")
                .harts(harts)
                .within(180)
                .shows("^ALL TESTS PASSED$")
                .leaves_disk_sound(),
        );
        cases.push(
            Case::line(format!("grind: {harts} harts"), "grind -s 1 200")
                .harts(harts)
                .within(120)
                .shows("^grind: OK$")
                .leaves_disk_sound(),
        );
        cases.push(
            Case::line(format!("syzzle: {harts} harts"), "syzzle 1 4000")
                .harts(harts)
                .within(120)
                .shows("^syzzle: OK")
                .leaves_disk_sound(),
        );
    }
    cases.push(
        Case::line(
            "syzzle beside grind, with swap",
            "grind -s 2 1000000 & syzzle -b 2 3000; audit",
        )
        .harts(4)
        .mebibytes(48)
        .swap(256)
        .within(120)
        .shows("syzzle: OK")
        .shows("clean: [0-9]+ frames, [0-9]+ spaces$"),
    );
    cases.push(
        Case::line("usertests with the slow ones", "usertests")
            .harts(4)
            .within(300)
            .shows("^ALL TESTS PASSED$")
            .leaves_disk_sound(),
    );
    cases
}
