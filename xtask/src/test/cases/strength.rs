//! Large numbers of processes, open files, pipes and failing execs. Nothing may be left of them.

use super::super::case::{Case, DiskContents};
use super::super::talk::Step::{Prompt, See, Type};
use crate::image::Geometry;

/// Returns the tests of large numbers.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for harts in [1, 2, 4] {
        cases.extend([
            Case::line(format!("strength: a crowd: {harts} harts"), "c-crowd")
                .harts(harts)
                .within(120)
                .shows("^c-crowd: 1057 processes, 0 refusals$")
                .shows("^c-crowd: OK$"),
            Case::line(
                format!("strength: a deep pipeline: {harts} harts"),
                "c-pipeline",
            )
            .harts(harts)
            .within(120)
            .shows("^c-pipeline: 16384 bytes through 150 processes$"),
            Case::talk(
                format!("strength: a fork bomb: {harts} harts"),
                vec![
                    Prompt,
                    Type("c-bomb\n"),
                    See(r"(?m)^c-bomb: OK\r?$"),
                    Prompt,
                    Type("echo alive\n"),
                    See(r"(?m)^alive\r?$"),
                    Prompt,
                ],
            )
            .harts(harts)
            .within(120)
            .hides("(?s)starting sh.*starting sh"),
        ]);
    }
    cases.extend([
        Case::line("strength: a crowd without room", "c-crowd; c-crowd")
            .mebibytes(24)
            .within(120)
            .shows("^c-crowd: [0-9]+ processes, [1-9][0-9]* refusals$")
            .shows("^c-crowd: OK$"),
        Case::line("strength: a fork bomb without room", "c-bomb; c-bomb")
            .harts(2)
            .mebibytes(24)
            .within(120)
            .shows("^c-bomb: OK$"),
        Case::line("strength: 999 children in 128 MiB", "c-many")
            .harts(2)
            .within(120)
            .shows("^c-many: 999 children, 1[0-9]{3} processes$"),
        Case::line("strength: open files", "c-open")
            .harts(2)
            .within(120)
            .shows("^c-open: 16384 descriptors in 16 processes$")
            .shows("^c-open: OK$")
            .leaves_disk_sound(),
        Case::line("strength: failing execs", "c-exec")
            .harts(2)
            .within(120)
            .shows("^c-exec: OK$"),
        Case::line("strength: the cache of the disk", "c-cache")
            // There are few inodes, so that mounting, which reads each, leaves most of the cache
            // unused.
            .disk(DiskContents::Ours(Geometry {
                inodes: 512,
                ..Geometry::DEFAULT
            }))
            .within(120)
            .shows("^c-cache: OK$")
            .leaves_disk_sound(),
    ]);
    cases
}
