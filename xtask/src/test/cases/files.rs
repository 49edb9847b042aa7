//! Files and the disk. Afterwards the disk must be sound.

use super::super::case::{Case, DiskContents};
use crate::image::Geometry;

/// Returns the tests of files.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for harts in [1, 2, 4] {
        cases.push(
            Case::line(format!("stressfs: {harts} harts"), "stressfs")
                .harts(harts)
                .within(120)
                .shows("^stressfs: OK$")
                .leaves_disk_sound(),
        );
        cases.push(
            Case::line(
                format!("several stressfs at once: {harts} harts"),
                "mkdir a; mkdir b; (cd a; stressfs) & (cd b; stressfs); sleep 50; ls a b",
            )
            .harts(harts)
            .within(120)
            .leaves_disk_sound(),
        );
    }
    cases.extend([
        Case::line("files of a foreign program", "c-files").within(120).leaves_disk_sound(),
        Case::line(
            "directories and links",
            "mkdir d; echo text > d/f; ln d/f g; cat g; rm d/f; cat g; cd d; ls; cd /; rm g; rm d; ls",
        )
        .shows("^text\ntext$")
        .hides("cannot|failed")
        .leaves_disk_sound(),
        Case::line("the README is there", "wc README").shows(r"^ *[0-9]+ +[0-9]+ +[0-9]+ +README$"),
        Case::line("a full disk", "c-fill && echo fits > f && cat f")
            .disk(DiskContents::Ours(Geometry { blocks: SMALL_DISK, ..Geometry::DEFAULT }))
            .within(180)
            .shows("^c-fill: the disk is full after [0-9]+ blocks$")
            .shows("^fits$")
            .leaves_disk_sound(),
        Case::line("no inodes", "c-inodes && echo fits > f && cat f")
            .disk(DiskContents::Ours(Geometry { inodes: FEW_INODES, ..Geometry::DEFAULT }))
            .within(120)
            .shows("^c-inodes: no inode after [0-9]+ files$")
            .shows("^fits$")
            .leaves_disk_sound(),
    ]);
    cases
}

/// The blocks of a disk on which the programs leave a little room.
const SMALL_DISK: u32 = 6 * 1024;
/// The inodes of a disk on which the programs leave a few.
const FEW_INODES: u32 = 128;
