//! Private mappings of a file: a page is the file's until it is written, and the process's own from
//! then on.

use super::{holds, make, map, remove, rewrite};
use crate::child;
use crate::measure::Since;
use crate::outcome::{Outcome, expect};
use crate::tools::{FORK_MODES, mark, marked};
use abi::MemCounter;
use user::mapping::Sharing;
use user::memory;

const PAGES: usize = 4;

/// A page that was read first is copied when it is written. A page that is written first is copied
/// whole at once. The file does not change.
pub fn fileprivate() -> Outcome {
    let file = make(PAGES, 0x100)?;
    let mapping = map(file, PAGES, Sharing::Private)?;
    marked("never written", &mapping, 0..2, 0x100)?;
    let start = Since::now()?;
    mapping.write(0, 0x200);
    mapping.write_word(2, 7, 0x777);
    start.expect("two first writes", MemCounter::CopyFaults, 2)?;
    start.expect("two first writes", MemCounter::Anonymous, 2)?;
    expect("read, then written", 0x200, mapping.read(0))?;
    expect(
        "the word written at first touch",
        0x777,
        mapping.read_word(2, 7),
    )?;
    expect("the word beside it", 0x102, mapping.read(2))?;
    expect(
        "a byte of zero behind them",
        0,
        mapping.byte(3 * abi::PAGE_SIZE - 1),
    )?;
    holds("the file", 0..PAGES, 0x100)?;
    let other = map(file, PAGES, Sharing::Private)?;
    marked("another mapping", &other, 0..PAGES, 0x100)?;
    // `write` changes exactly those pages of the mapping that are still the file's.
    for page in 0..PAGES {
        rewrite(page, 0x300 + page as u64)?;
    }
    expect("a copy after a write to the file", 0x200, mapping.read(0))?;
    expect("another", 0x102, mapping.read(2))?;
    marked("no copy", &mapping, 1..2, 0x300)?;
    marked("the other mapping", &other, 0..PAGES, 0x300)?;
    remove(file)
}

/// Parent and child both have the copies that existed at the fork, and each writes its own from
/// then on, in every mode of fork.
pub fn fileprivatefork() -> Outcome {
    for mode in FORK_MODES {
        memory::set_fork_mode(mode)?;
        let file = make(PAGES, 0x100)?;
        let mapping = map(file, PAGES, Sharing::Private)?;
        // Pages 0 and 1 are copies, page 2 is the file's, and page 3 was never touched.
        mark(&mapping, 0..2, 0x200);
        expect("read", 0x102, mapping.read(2))?;
        child::run(|| {
            marked("inherited copies", &mapping, 0..2, 0x200)?;
            marked("the file's", &mapping, 2..PAGES, 0x100)?;
            mapping.write(0, 0x300);
            mark(&mapping, 2..PAGES, 0x300);
            child::run(|| {
                expect("the child's copy", 0x300, mapping.read(0))?;
                marked("copied by the child", &mapping, 2..PAGES, 0x300)?;
                mark(&mapping, 0..PAGES, 0x400);
                Ok(())
            })?;
            expect("its parent's copy", 0x201, mapping.read(1))?;
            marked("its own", &mapping, 2..PAGES, 0x300)
        })?;
        marked("the parent's copies", &mapping, 0..2, 0x200)?;
        marked("what a child copied", &mapping, 2..PAGES, 0x100)?;
        mark(&mapping, 0..PAGES, 0x500);
        marked("all copied", &mapping, 0..PAGES, 0x500)?;
        holds("the file", 0..PAGES, 0x100)?;
        remove(file)?;
    }
    Ok(())
}
