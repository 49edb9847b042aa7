//! Unmapping: what it removes, and what stays.

use crate::measure::Since;
use crate::outcome::{Outcome, expect};
use crate::tools::{
    FREE, LAST, PAGE, READ_WRITE, mark, marked, out_of_reach, private, private_at, refused, zero,
};
use abi::{MemCounter, Protection};
use user::USER_TOP;
use user::mapping::{Mapping, Sharing};
use user::memory::Promise;
use user::region::Region;
use user::syscall;

/// The middle, both ends and all of a mapping are removed, with their frames and promises. The rest
/// stays.
pub fn unmap() -> Outcome {
    const PAGES: usize = 8;
    // The neighbour keeps the page tables when the last page is unmapped.
    let neighbour = private(1)?;
    for range in [3..5, 0..2, 6..8, 0..8] {
        let mapping = private(PAGES)?;
        mark(&mapping, 0..PAGES, 0x100);
        let start = Since::now()?;
        mapping.cut(range.clone())?;
        let cut = range.len() as i64;
        start.expect("unmapping", MemCounter::Committed, -cut)?;
        start.expect("unmapping", MemCounter::Anonymous, -cut)?;
        for page in range.clone() {
            out_of_reach("unmapped", &mapping, page)?;
        }
        marked("below", &mapping, 0..range.start, 0x100)?;
        marked("above", &mapping, range.end..PAGES, 0x100)?;
        // A new mapping in the hole holds nothing of the old one.
        let hole = private_at(mapping.address(range.start), range.len())?;
        zero("mapped anew", &hole, 0..range.len())?;
    }
    neighbour.write(0, 1);
    Ok(())
}

/// One call removes parts of two mappings and passes the hole between them. The mappings may have
/// equal or different rights.
pub fn across() -> Outcome {
    const PAGES: usize = 4;
    for protection in [READ_WRITE, READ_WRITE.with(Protection::EXECUTE)] {
        for gap in [0, 3] {
            let low = private_at(FREE, PAGES)?;
            let start = low.end() + gap * PAGE;
            let high = Mapping::near(start, PAGES, Sharing::Private, protection)?;
            expect("address", start, high.start())?;
            mark(&low, 0..PAGES, 0x100);
            mark(&high, 0..PAGES, 0x200);
            // SAFETY: the pages are those of the two mappings and what is between them.
            let result = unsafe { syscall::munmap(low.address(2), (4 + gap) * PAGE) };
            expect("munmap", 0, result)?;
            for page in 0..2 {
                out_of_reach("the low mapping's rest", &low, 2 + page)?;
                out_of_reach("the high mapping's beginning", &high, page)?;
            }
            marked("the low mapping", &low, 0..2, 0x100)?;
            marked("the high mapping", &high, 2..PAGES, 0x200)?;
        }
    }
    Ok(())
}

/// Unmapping a range in which nothing, or not everything, is mapped is no error.
pub fn holes() -> Outcome {
    const PAGES: usize = 8;
    let mapping = private(PAGES)?;
    mark(&mapping, 0..PAGES, 0x100);
    for page in [2, 4, 4, 5, 2] {
        mapping.cut(page..page + 1)?;
    }
    marked("between holes", &mapping, 3..4, 0x100)?;
    mapping.cut(1..7)?;
    mapping.cut(1..7)?;
    marked("below", &mapping, 0..1, 0x100)?;
    marked("above", &mapping, 7..8, 0x100)?;
    for (address, length) in [(FREE, PAGE), (FREE, FREE / 2), (LAST, PAGE)] {
        // SAFETY: nothing is mapped there but the mapping above, which has no objects.
        expect("munmap of nothing", 0, unsafe {
            syscall::munmap(address, length)
        })?;
    }
    Ok(())
}

/// Bad ranges are refused, and nothing is unmapped.
pub fn unmapbad() -> Outcome {
    const PAGES: usize = 4;
    let low = private_at(FREE, PAGES)?;
    let high = private_at(LAST - 3 * PAGE, PAGES)?;
    mark(&low, 0..PAGES, 0x100);
    mark(&high, 0..PAGES, 0x200);
    let start = Since::now()?;
    for (what, address, length) in [
        ("misaligned by 1", FREE + 1, PAGE),
        ("misaligned by a page less 1", FREE + PAGE - 1, PAGE),
        ("no length", FREE, 0),
        ("to past the end", high.start(), PAGES as u64 * PAGE + 1),
        ("the first page past the end", USER_TOP, PAGE),
        ("the kernel's half", USER_TOP + 2 * PAGE, PAGE),
        ("around the end", u64::MAX - PAGE + 1, 2 * PAGE),
        ("all there is", FREE, u64::MAX - PAGE + 1),
    ] {
        // SAFETY: the kernel must not unmap anything; if it does, that has no objects, and the test
        // fails.
        refused(what, unsafe { syscall::munmap(address, length) })?;
    }
    start.expect("refused calls", MemCounter::Committed, 0)?;
    marked("what was there", &low, 0..PAGES, 0x100)?;
    marked("what was at the end", &high, 0..PAGES, 0x200)
}

/// Part of the heap can be unmapped. The break moves over the hole as if it did not exist.
pub fn unmapheap() -> Outcome {
    const PAGES: usize = 8;
    let mut region = Region::new(PAGES, Promise::Eager)?;
    mark(&region, 0..PAGES, 0x100);
    // SAFETY: no object lives in the region.
    expect("munmap", 0, unsafe {
        syscall::munmap(region.address(2), 4 * PAGE)
    })?;
    for page in 2..6 {
        out_of_reach("unmapped", &region, page)?;
    }
    marked("below", &region, 0..2, 0x100)?;
    marked("above", &region, 6..PAGES, 0x100)?;
    region.extend(2, Promise::Eager)?;
    zero("grown", &region, PAGES..PAGES + 2)?;
    // The break moves down into the hole and up again. The hole stays empty.
    region.cut(6)?;
    region.extend(1, Promise::Eager)?;
    out_of_reach("still unmapped", &region, 3)?;
    zero("regrown", &region, 4..5)?;
    region.cut(5)?;
    region.extend(PAGES, Promise::Eager)?;
    zero("regrown from the beginning", &region, 0..PAGES)
}
