//! Rights that are taken away and given back.

use crate::child::{self, Gate};
use crate::measure::Since;
use crate::outcome::{Outcome, expect};
use crate::tools::{
    FREE, LAST, PAGE, READ_WRITE, kernel_reads, kernel_writes, load_kills, mark, marked,
    out_of_reach, private, private_at, refused, store_kills, zero,
};
use abi::{MemCounter, Protection};
use user::USER_TOP;
use user::mapping::Mapping;
use user::memory::touch_own_pages;
use user::syscall;

/// Without the right to write, reads succeed and a write kills, whether the page was touched before
/// or not. With the right given back, writes succeed and cost no copy.
pub fn readonly() -> Outcome {
    const PAGES: usize = 4;
    let mapping = private(PAGES)?;
    mark(&mapping, 0..2, 0x100);
    mapping.protect(0..PAGES, Protection::READ)?;
    marked("read-only", &mapping, 0..2, 0x100)?;
    zero("read-only, first touched", &mapping, 3..4)?;
    for page in 0..PAGES {
        store_kills("a store to a read-only page", &mapping, page)?;
    }
    mapping.protect(0..PAGES, READ_WRITE)?;
    marked("writable again", &mapping, 0..2, 0x100)?;
    let start = Since::now()?;
    mark(&mapping, 0..PAGES, 0x200);
    marked("written again", &mapping, 0..PAGES, 0x200)?;
    start.expect("writing again", MemCounter::CopyFaults, 0)
}

/// Without any right, every touch kills. When the rights come back, the contents are still there.
pub fn none() -> Outcome {
    const PAGES: usize = 4;
    let mapping = private(PAGES)?;
    mark(&mapping, 0..2, 0x100);
    mapping.protect(0..PAGES, Protection::NONE)?;
    for page in 0..PAGES {
        out_of_reach("without rights", &mapping, page)?;
    }
    // A page that was not touched keeps its promise.
    mapping.protect(0..PAGES, Protection::READ)?;
    marked("readable again", &mapping, 0..2, 0x100)?;
    zero("first touched", &mapping, 2..PAGES)?;
    store_kills("a store to a page readable again", &mapping, 0)?;
    mapping.protect(0..PAGES, Protection::NONE)?;
    mapping.protect(0..PAGES, READ_WRITE)?;
    marked("writable again", &mapping, 0..2, 0x100)?;
    mark(&mapping, 0..PAGES, 0x200);
    marked("written again", &mapping, 0..PAGES, 0x200)
}

/// A page that was written a moment ago is out of reach as soon as its rights are taken away or it
/// is unmapped. No processor may use an old translation.
pub fn stale() -> Outcome {
    let take_away: [fn(&Mapping) -> user::Result<()>; 3] = [
        |mapping| mapping.protect(0..1, Protection::READ),
        |mapping| mapping.protect(0..1, Protection::NONE),
        |mapping| mapping.cut(0..1),
    ];
    for take_away in take_away {
        let mapping = private(1)?;
        child::run_killed("a store right after the right to it is gone", || {
            // There must be no fault between the stores, because an emulator may forget all
            // translations at a fence.
            touch_own_pages();
            mapping.write(0, 1);
            if take_away(&mapping).is_ok() {
                mapping.write(0, 2);
            }
        })?;
    }
    Ok(())
}

/// Each page has rights of its own, given in any order. In the end all pages have equal rights
/// again.
pub fn pieces() -> Outcome {
    const PAGES: usize = 48;
    const RIGHTS: [Protection; 3] = [READ_WRITE, Protection::READ, Protection::NONE];
    let mapping = private(PAGES)?;
    let start = Since::now()?;
    mark(&mapping, 0..PAGES, 0x100);
    // 5 and 48 have no common divisor, so every page gets its turn.
    for page in (0..PAGES).map(|step| step * 5 % PAGES) {
        mapping.protect(page..page + 1, RIGHTS[page % 3])?;
    }
    for page in 0..PAGES {
        kernel_reads("a page in pieces", &mapping, page, page % 3 != 2)?;
        kernel_writes("a page in pieces", &mapping, page, page % 3 == 0)?;
    }
    mapping.protect(7..31, Protection::READ)?;
    for page in 0..PAGES {
        let inside = (7..31).contains(&page);
        kernel_reads("a page half-way", &mapping, page, inside || page % 3 != 2)?;
        kernel_writes("a page half-way", &mapping, page, !inside && page % 3 == 0)?;
    }
    mapping.protect(0..PAGES, READ_WRITE)?;
    marked("in one piece again", &mapping, 0..PAGES, 0x100)?;
    mark(&mapping, 0..PAGES, 0x200);
    start.expect("all pages", MemCounter::Anonymous, PAGES as i64)
}

/// A range with a hole, a bad range and bad rights are refused, and nothing changes.
pub fn protectbad() -> Outcome {
    const PAGES: usize = 6;
    let mapping = private_at(FREE, PAGES)?;
    let high = private_at(LAST - 3 * PAGE, 4)?;
    mark(&mapping, 0..PAGES, 0x100);
    mark(&high, 0..4, 0x200);
    mapping.cut(3..4)?;
    let reading = Protection::READ.0;
    for (what, address, length, protection) in [
        ("a hole in the middle", FREE, 6 * PAGE, reading),
        ("a hole at the end", FREE, 4 * PAGE, reading),
        (
            "a hole at the beginning",
            FREE + 3 * PAGE,
            2 * PAGE,
            reading,
        ),
        ("nothing but a hole", FREE + 3 * PAGE, PAGE, reading),
        ("a hole, and no rights", FREE, 6 * PAGE, 0),
        ("nothing behind it", FREE + 4 * PAGE, 3 * PAGE, reading),
        ("misaligned", FREE + 1, PAGE, reading),
        ("no length", FREE, 0, reading),
        ("rights that are none", FREE, PAGE, 8),
        ("all bits", FREE, PAGE, -1),
        ("to past the end", high.start(), 4 * PAGE + 1, reading),
        ("past the end", USER_TOP, PAGE, reading),
        ("around the end", u64::MAX - PAGE + 1, 2 * PAGE, reading),
        ("all there is", FREE, u64::MAX - PAGE + 1, reading),
    ] {
        // SAFETY: the kernel must not change anything; if it does, that has no objects, and the
        // test fails.
        refused(what, unsafe {
            syscall::mprotect(address, length, protection)
        })?;
    }
    for range in [0..3, 4..6] {
        marked("what was there", &mapping, range.clone(), 0x100)?;
        mark(&mapping, range, 0x300);
    }
    marked("what was at the end", &high, 0..4, 0x200)?;
    mark(&high, 0..4, 0x300);
    Ok(())
}

/// After a fork, the right to write comes back as the right to write one's own copy. Rights that
/// one process changes do not change for the other.
pub fn forkrights() -> Outcome {
    const PAGES: usize = 3;
    let mapping = private(PAGES)?;
    mark(&mapping, 0..PAGES, 0x100);
    // At the fork, page 0 is read-only, page 1 has no rights, and page 2 is writable.
    mapping.protect(0..1, Protection::READ)?;
    mapping.protect(1..2, Protection::NONE)?;
    let (written, go_on) = (Gate::new()?, Gate::new()?);
    let child = child::start(|| {
        store_kills("a store to a page that a parent protected", &mapping, 0)?;
        load_kills("a load from a page that a parent protected", &mapping, 1)?;
        mapping.protect(2..3, Protection::READ)?;
        mapping.protect(0..PAGES, READ_WRITE)?;
        marked("the child's view", &mapping, 0..PAGES, 0x100)?;
        mark(&mapping, 0..PAGES, 0x200);
        written.open()?;
        go_on.pass()?;
        marked("what the child wrote", &mapping, 0..PAGES, 0x200)
    })?;
    written.pass()?;
    expect("page 0", 0x100, mapping.read(0))?;
    store_kills("a store to the parent's read-only page", &mapping, 0)?;
    out_of_reach("the parent's protected page", &mapping, 1)?;
    mapping.protect(0..PAGES, READ_WRITE)?;
    marked("the parent's view", &mapping, 0..PAGES, 0x100)?;
    mark(&mapping, 0..PAGES, 0x300);
    go_on.open()?;
    child.join()?;
    marked("what the parent wrote", &mapping, 0..PAGES, 0x300)
}
