//! Parts of mappings of files: offsets, many mappings of one file, and parts that are unmapped,
//! protected or replaced.

use super::{PATH, holds, make, map, remove};
use crate::child;
use crate::outcome::{Outcome, expect};
use crate::tools::{READ_WRITE, mark, marked, out_of_reach, store_kills, zero};
use abi::Protection;
use user::file::{Fd, unlink};
use user::mapping::{Mapping, Sharing};

const PAGES: usize = 8;
const LAST: usize = PAGES - 1;

/// Each page of a file can be mapped alone, any number of times, and all mappings of a page share
/// its frame. Closing the file changes nothing.
pub fn fileoffsets() -> Outcome {
    let file = make(PAGES, 0x100)?;
    let mut shared: [Option<Mapping>; PAGES] = [const { None }; PAGES];
    let mut own: [Option<Mapping>; PAGES] = [const { None }; PAGES];
    for page in 0..PAGES {
        shared[page] = Some(from(file, page, Sharing::Shared)?);
        own[page] = Some(from(file, page, Sharing::Private)?);
    }
    file.close()?;
    for (page, mapping) in shared.iter().flatten().enumerate() {
        marked(
            "from a page on",
            mapping,
            0..LAST - page,
            0x100 + page as u64,
        )?;
        // All these mappings contain the last page.
        mapping.write(LAST - page, 0x200 + page as u64);
    }
    for (page, mapping) in own.iter().flatten().enumerate() {
        expect(
            "the last page",
            0x200 + LAST as u64,
            mapping.read(LAST - page),
        )?;
        mapping.write(0, 0x300);
    }
    for (page, mapping) in shared.iter().flatten().enumerate() {
        marked(
            "beside copies",
            mapping,
            0..LAST - page,
            0x100 + page as u64,
        )?;
    }
    holds("the file", 0..LAST, 0x100)?;
    holds("its last page", LAST..PAGES, 0x200)?;
    Ok(unlink(PATH)?)
}

/// Maps the file from page `first` to its end.
fn from(file: Fd, first: usize, sharing: Sharing) -> Outcome<Mapping> {
    Ok(Mapping::of_file(
        file,
        first,
        PAGES - first,
        sharing,
        READ_WRITE,
    )?)
}

/// A part that is unmapped from a mapping, or may not be touched, is out of reach. On both sides of
/// it the mapping is unchanged. What was stored there before is in the file.
pub fn fileparts() -> Outcome {
    for sharing in [Sharing::Shared, Sharing::Private] {
        let file = make(PAGES, 0x100)?;
        let mapping = map(file, PAGES, sharing)?;
        mark(&mapping, 2..5, 0x200);
        mapping.cut(3..5)?;
        mapping.protect(0..1, Protection::NONE)?;
        mapping.protect(1..2, Protection::READ)?;
        for page in [0, 3, 4] {
            out_of_reach("cut out, or without rights", &mapping, page)?;
        }
        store_kills("a store to a page that can only be read", &mapping, 1)?;
        marked("only read", &mapping, 1..2, 0x100)?;
        marked("below the hole", &mapping, 2..3, 0x200)?;
        marked("above the hole", &mapping, 5..PAGES, 0x100)?;
        child::run(|| {
            out_of_reach("cut out before the fork", &mapping, 4)?;
            mapping.cut(5..6)?;
            marked("a child's", &mapping, 6..PAGES, 0x100)
        })?;
        mapping.protect(0..3, READ_WRITE)?;
        marked("with rights again", &mapping, 0..2, 0x100)?;
        mark(&mapping, 0..2, 0x300);
        mark(&mapping, 5..PAGES, 0x300);
        let (low, middle, high) = match sharing {
            Sharing::Shared => (0x300, 0x200, 0x300),
            Sharing::Private => (0x100, 0x100, 0x100),
        };
        holds("the file, below", 0..2, low)?;
        holds("the file, in the middle", 2..5, middle)?;
        holds("the file, above", 5..PAGES, high)?;
        remove(file)?;
    }
    Ok(())
}

/// Zeros replace a file, a file replaces zeros, and a file replaces another part of itself, in the
/// middle of mappings. What was stored in the replaced pages is in the file.
pub fn filefixed() -> Outcome {
    let file = make(PAGES, 0x100)?;
    let mapping = map(file, PAGES, Sharing::Shared)?;
    mark(&mapping, 0..PAGES, 0x200);
    mapping.renew(1..3, Sharing::Private, READ_WRITE)?;
    zero("zeros in place of the file", &mapping, 1..3)?;
    mark(&mapping, 1..3, 0x900);
    mapping.renew_from_file(4..6, file, 0, Sharing::Private, READ_WRITE)?;
    // Pages 4 and 5 of the mapping are now pages 0 and 1 of the file.
    marked("the file's first pages", &mapping, 4..6, 0x200 - 4)?;
    mark(&mapping, 4..6, 0x900);
    mapping.renew_from_file(2..3, file, 7, Sharing::Shared, READ_WRITE)?;
    marked("the file's last page", &mapping, 2..3, 0x200 + 5)?;
    mapping.write(7, 0x302);
    marked("stored in its other mapping", &mapping, 2..3, 0x300)?;
    mapping.write(2, 0x207);
    marked("around them", &mapping, 3..4, 0x200)?;
    marked("behind them", &mapping, 6..PAGES, 0x200)?;
    holds("the file", 0..PAGES, 0x200)?;
    mapping.renew_from_file(0..PAGES, file, 0, Sharing::Shared, READ_WRITE)?;
    marked("the file again", &mapping, 0..PAGES, 0x200)?;
    remove(file)
}
