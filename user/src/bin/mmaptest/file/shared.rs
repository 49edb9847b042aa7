//! Shared mappings of a file: one page for all processes that map it, and for `read` and `write`.

use super::stranger::Stranger;
use super::{PATH, holds, make, map, remove, rewrite};
use crate::child::{self, Gate};
use crate::measure::Since;
use crate::outcome::{Outcome, expect};
use crate::tools::{FORK_MODES, mark, marked};
use abi::{MemCounter, OpenFlags, Protection};
use user::file::Fd;
use user::mapping::{Mapping, Sharing};
use user::memory;

const PAGES: usize = 4;

/// Parent and child find each other's stores, touched before the fork or not, and so does `read`.
/// Both find what `write` writes. No page is copied, in any mode of fork.
pub fn fileshared() -> Outcome {
    for mode in FORK_MODES {
        memory::set_fork_mode(mode)?;
        let file = make(PAGES, 0x100)?;
        let mapping = map(file, PAGES, Sharing::Shared)?;
        marked("half of the file", &mapping, 0..PAGES / 2, 0x100)?;
        mapping.write(0, 0x100);
        let (stored, go_on) = (Gate::new()?, Gate::new()?);
        let child = child::start(|| {
            marked("inherited", &mapping, 0..PAGES, 0x100)?;
            mark(&mapping, 0..PAGES, 0x200);
            stored.open()?;
            go_on.pass()?;
            marked("the parent's", &mapping, 0..PAGES, 0x300)?;
            for page in 0..PAGES {
                rewrite(page, 0x400 + page as u64)?;
            }
            Ok(())
        })?;
        stored.pass()?;
        let start = Since::now()?;
        marked("the child's", &mapping, 0..PAGES, 0x200)?;
        holds("the child's, read", 0..PAGES, 0x200)?;
        mark(&mapping, 0..PAGES, 0x300);
        start.expect("stores to what is shared", MemCounter::CopyFaults, 0)?;
        start.expect("stores to what is shared", MemCounter::Anonymous, 0)?;
        holds("the parent's, read", 0..PAGES, 0x300)?;
        go_on.open()?;
        child.join()?;
        marked(
            "what the child wrote to the file",
            &mapping,
            0..PAGES,
            0x400,
        )?;
        remove(file)?;
    }
    Ok(())
}

/// Unrelated programs that open the file share its pages, and so do two mappings of one process.
pub fn filestrangers() -> Outcome {
    const ROUNDS: u64 = 8;
    let file = make(PAGES, 0x1000)?;
    let mapping = map(file, PAGES, Sharing::Shared)?;
    let again = Fd::open(PATH, OpenFlags::READ_ONLY)?;
    let other = Mapping::of_file(again, 0, PAGES, Sharing::Shared, Protection::READ)?;
    again.close()?;
    let strangers = [
        Stranger::start(c"/mmaptest")?,
        Stranger::start(c"/mmaptest")?,
    ];
    let mut base = 0x1000;
    for _ in 0..ROUNDS {
        for stranger in &strangers {
            stranger.add()?;
            base += 1;
            marked("a stranger's", &mapping, 0..PAGES, base)?;
            marked("in another mapping", &other, 0..PAGES, base)?;
            holds("read", 0..PAGES, base)?;
        }
        // The stranger adds to the words that are stored here.
        base += 0x100;
        mark(&mapping, 0..PAGES, base);
    }
    for stranger in strangers {
        stranger.end()?;
    }
    marked("afterwards", &mapping, 0..PAGES, base)?;
    expect(
        "the file's size",
        (PAGES * abi::PAGE_SIZE) as u64,
        file.stat()?.size,
    )?;
    remove(file)
}
