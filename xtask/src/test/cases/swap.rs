//! The disk to swap to: how the kernel recognises it, and how it handles the disk's faults.

use super::super::case::{Case, DiskContents, End};

/// Returns the tests of the disk to swap to.
pub fn cases() -> Vec<Case> {
    let trial = |name: &str| {
        Case::line(format!("swap disk: {name}"), "echo alive")
            .option("test=swapdisk")
            .swap(64)
            .shows("^alive$")
    };
    let mut cases: Vec<_> = [1, 4]
        .into_iter()
        .map(|harts| {
            trial(&format!("written and read: {harts} harts"))
                .harts(harts)
                .shows("^swapdisk: 16384 pages, [0-9]+ pages/s written, [0-9]+ pages/s read$")
                .shows("^swapdisk: 7 transfers at once$")
                .shows("^swapdisk: [0-9]+ pages/s read in blocks of 1, one at a time$")
                .shows("^swapdisk: [0-9]+ pages/s read in blocks of 32, one at a time$")
                .hides("failed")
                .leaves_disk_sound()
        })
        .collect();
    cases.extend([
        // The kernel's trial reads 1, 2, 3, ... pages, so page 5 is in a transfer of three.
        trial("a page that cannot be read")
            .swap_fault("read:5")
            .shows("^swapdisk: failed: the swap disk failed to read 3 pages from slot 3 on$"),
        trial("a page that cannot be written")
            .swap_fault("write:40")
            .shows("^swapdisk: failed: the swap disk failed to write 32 pages from slot 32 on$"),
        trial("a fault that goes away")
            .swap_fault("write:40:once")
            .shows("^swapdisk: once more: the swap disk failed to write 32 pages from slot 32 on$")
            .shows("^swapdisk: 16384 pages, "),
        Case::line("swap disk: there is none", "echo alive")
            .option("test=swapdisk")
            .shows("^swapdisk: there is no swap disk$")
            .shows("^alive$"),
        Case::line("swap disk: no other disk", "echo not reached")
            .disk(DiskContents::NoDisk)
            .swap(1)
            .ends(End::Refusal)
            .shows("^cannot start: no disk"),
    ]);
    cases
}
