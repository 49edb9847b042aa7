//! Steps on files.

use mm::addr::{PageNo, PageRange};
use mm::file::{FileMap, FileNo, FilePage, Sharing};
use mm::pt::Permissions;

use super::Chances;
use super::{pages, permissions};
use crate::file::{FILES, PAGES};
use crate::words::SLOTS;

/// A step of a hart on a file, for the process that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// Maps pages of a file; the flag says whether in place of other mappings.
    Map(PageRange, Permissions, FileMap, bool),
    /// Maps a page of a file shared, in place of other mappings, stores to it and unmaps it.
    Visit(PageNo, FilePage),
    /// Reads a page of a file.
    Read(FilePage),
    /// Writes this many words to a file, from a slot of a page on.
    Write(FilePage, usize, usize),
    /// Cuts a file to this length in pages.
    Truncate(FileNo, u32),
    /// Writes back the shared pages that the process maps in the range.
    Sync(PageRange),
    /// Writes one of the dirty pages back. The number is taken modulo the number of dirty pages.
    WriteBack(usize),
}

impl FileAction {
    /// Returns a random step.
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

    /// Returns a random step that changes pages which other processes have mapped.
    pub fn awkward(rng: &mut Chances) -> Self {
        match rng.u32(0..8) {
            0..2 => Self::Truncate(file(rng), length(rng)),
            2..4 => Self::Visit(pages(rng).start, page(rng)),
            4..6 => Self::Write(page(rng), rng.usize(0..SLOTS.len()), rng.usize(1..1200)),
            _ => Self::WriteBack(rng.usize(0..16)),
        }
    }
}

/// Returns a random length of a file in pages.
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

/// Returns the parameters of a mapping, which may reach beyond the end of its file. Now and then it
/// exceeds the largest file.
fn map(rng: &mut Chances) -> FileMap {
    let mut first = page(rng);
    match rng.u32(0..32) {
        0 => first.index = u32::MAX - 3,
        1..24 => first.index /= 4,
        _ => {}
    }
    FileMap {
        first,
        sharing: match rng.u32(0..16) {
            0..6 => Sharing::Shared,
            6..8 => Sharing::SharedReadOnly,
            8..14 => Sharing::Private,
            _ => Sharing::Program,
        },
    }
}
