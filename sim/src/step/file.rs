//! What can happen to files and with them.

use mm::addr::{PageNo, PageRange};
use mm::file::{FileMap, FileNo, FilePage};
use mm::pt::Permissions;

use super::Chances;
use super::{pages, permissions};
use crate::file::{FILES, PAGES};
use crate::model::SLOTS;

/// What a hart does with files, for the process it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// Pages of a file are mapped; true if in place of what is there.
    Map(PageRange, Permissions, FileMap, bool),
    /// A page of a file is mapped shared, here and in place of what is there, stored to and
    /// unmapped.
    Visit(PageNo, FilePage),
    /// A page of a file is read.
    Read(FilePage),
    /// So many words are written to a file, from a slot of a page on.
    Write(FilePage, usize, usize),
    /// A file gets this length in pages, if it is longer.
    Truncate(FileNo, u32),
    /// What the process maps shared is written back.
    Sync(PageRange),
    /// One of the dirty pages is written back, by its number modulo how many there are.
    WriteBack(usize),
}

impl FileAction {
    /// Something, by chance.
    pub fn random(rng: &mut Chances) -> Self {
        match rng.u32(0..32) {
            0..12 => Self::Map(pages(rng), permissions(rng), map(rng), rng.u32(0..4) != 0),
            12..15 => Self::Read(page(rng)),
            15..23 => Self::Write(page(rng), rng.usize(0..SLOTS.len()), rng.usize(1..1200)),
            23 => Self::Truncate(file(rng), length(rng)),
            24..26 => Self::Sync(pages(rng)),
            _ => Self::WriteBack(rng.usize(0..16)),
        }
    }

    /// Something that changes what others have mapped.
    pub fn awkward(rng: &mut Chances) -> Self {
        match rng.u32(0..8) {
            0..2 => Self::Truncate(file(rng), length(rng)),
            2..4 => Self::Visit(pages(rng).start, page(rng)),
            4..6 => Self::Write(page(rng), rng.usize(0..SLOTS.len()), rng.usize(1..1200)),
            _ => Self::WriteBack(rng.usize(0..16)),
        }
    }
}

/// Returns a number of pages.
fn length(rng: &mut Chances) -> u32 {
    rng.u32(0..PAGES) * u32::from(rng.u32(0..4) != 0)
}

fn file(rng: &mut Chances) -> FileNo {
    FILES[rng.usize(0..FILES.len())]
}

pub(super) fn page(rng: &mut Chances) -> FilePage {
    FilePage {
        file: file(rng),
        index: rng.u32(0..PAGES),
    }
}

/// Some pages of a file on, which may end before; now and then more than a file can have.
fn map(rng: &mut Chances) -> FileMap {
    let mut first = page(rng);
    match rng.u32(0..32) {
        0 => first.index = u32::MAX - 3,
        1..24 => first.index /= 4,
        _ => {}
    }
    FileMap {
        first,
        shared: rng.bool(),
        writable: rng.u32(0..4) != 0,
        program: rng.u32(0..8) == 0,
    }
}
