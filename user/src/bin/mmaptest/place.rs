//! The address of a mapping: a wish, or a demand.

use crate::child;
use crate::measure::Since;
use crate::outcome::{Outcome, ensure, expect};
use crate::tools::{
    Call, FREE, LAST, PAGE, READ_WRITE, mark, marked, private, private_at, store_kills, zero,
};
use abi::{MemCounter, PAGE_SIZE, Protection};
use core::sync::atomic::{AtomicU8, Ordering};
use user::USER_TOP;
use user::mapping::{Mapping, Sharing};
use user::memory::Promise;
use user::region::Region;

/// A wish is granted where there is room, up to the last page that a program can have. Otherwise
/// the mapping is elsewhere.
pub fn wish() -> Outcome {
    const PAGES: usize = 4;
    for address in [FREE, FREE + PAGE, LAST - 3 * PAGE] {
        let mapping = private_at(address, PAGES)?;
        mark(&mapping, 0..PAGES, 9);
    }
    let taken = private_at(FREE, PAGES)?;
    mark(&taken, 0..PAGES, 0x77);
    for wish in [
        FREE,
        // Overlaps half of a mapping, from above and from below.
        FREE + 2 * PAGE,
        FREE - 2 * PAGE,
        // Not aligned to a page.
        FREE + 64 * PAGE + 1,
        FREE + 65 * PAGE - 1,
        // The program's text.
        PAGE,
        // Past the end of the user half, in part and wholly.
        LAST,
        USER_TOP,
        USER_TOP + 2 * PAGE,
        1 << 63,
        u64::MAX - PAGE + 1,
        u64::MAX,
    ] {
        let mapping = Mapping::near(wish, PAGES, Sharing::Private, READ_WRITE)?;
        let start = mapping.start();
        ensure!(
            start != wish && start.is_multiple_of(PAGE) && mapping.end() <= USER_TOP,
            "wish for {wish:#x}: expected a page elsewhere, saw {start:#x}"
        );
        zero("elsewhere", &mapping, 0..PAGES)?;
        mark(&mapping, 0..PAGES, 1);
    }
    marked("what was there", &taken, 0..PAGES, 0x77)
}

/// A demand replaces the middle, both ends and all of a mapping, at no cost, whatever rights the
/// mapping has.
pub fn fixed() -> Outcome {
    const PAGES: usize = 8;
    for range in [3..5, 0..2, 6..8, 0..8] {
        for before in [READ_WRITE, Protection::READ, Protection::NONE] {
            let mapping = private(PAGES)?;
            mark(&mapping, 0..PAGES, 0x100);
            mapping.protect(0..PAGES, before)?;
            let start = Since::now()?;
            mapping.renew(range.clone(), Sharing::Private, READ_WRITE)?;
            start.expect("replacing", MemCounter::Committed, 0)?;
            start.expect("replacing", MemCounter::Anonymous, -(range.len() as i64))?;
            zero("replaced", &mapping, range.clone())?;
            mark(&mapping, range.clone(), 0x200);
            mapping.protect(0..PAGES, READ_WRITE)?;
            marked("replaced, then written", &mapping, range.clone(), 0x200)?;
            marked("below", &mapping, 0..range.start, 0x100)?;
            marked("above", &mapping, range.end..PAGES, 0x100)?;
        }
    }
    Ok(())
}

/// A demand replaces part of the heap. The heap continues around it, and is whole again after the
/// break has moved down and up.
pub fn fixedheap() -> Outcome {
    const PAGES: usize = 8;
    let mut region = Region::new(PAGES, Promise::Eager)?;
    mark(&region, 0..PAGES, 0x100);
    let call = Call {
        protection: Protection::READ.0,
        ..Call::fixed(region.address(3), 2 * PAGE)
    };
    // SAFETY: no object lives in the region.
    expect("address", call.address, unsafe { call.make() })?;
    zero("replaced", &region, 3..5)?;
    store_kills("a store to pages that can only be read", &region, 3)?;
    marked("below", &region, 0..3, 0x100)?;
    marked("above", &region, 5..PAGES, 0x100)?;
    region.extend(PAGES, Promise::Eager)?;
    zero("grown", &region, PAGES..2 * PAGES)?;
    region.cut(2 * PAGES)?;
    region.extend(PAGES, Promise::Eager)?;
    zero("regrown", &region, 0..PAGES)?;
    mark(&region, 0..PAGES, 0x300);
    marked("written again", &region, 0..PAGES, 0x300)
}

/// A page of the program's data.
#[repr(align(4096))]
struct Data([AtomicU8; PAGE_SIZE]);

static DATA: Data = Data([const { AtomicU8::new(0x5a) }; PAGE_SIZE]);

/// A demand replaces part of the program's image, for the process that makes the call.
pub fn fixedimage() -> Outcome {
    let data = |index: usize| DATA.0[index].load(Ordering::Relaxed);
    child::run(|| {
        let call = Call::fixed(DATA.0.as_ptr() as u64, PAGE);
        // SAFETY: the page is all of `DATA`, which nobody else uses and which zeros are good values
        // of.
        expect("address", call.address, unsafe { call.make() })?;
        expect("the first byte of the image's page", 0, data(0))?;
        expect("the last byte", 0, data(PAGE_SIZE - 1))?;
        DATA.0[0].store(1, Ordering::Relaxed);
        expect("the first byte, written", 1, data(0))
    })?;
    expect("the parent's first byte", 0x5a, data(0))?;
    expect("the parent's last byte", 0x5a, data(PAGE_SIZE - 1))
}

/// A demand that cannot be met changes nothing, not even in the pages where it could be met.
pub fn fixedbad() -> Outcome {
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
        ("no canonical address", 1 << 63, PAGE),
        ("the last page of all", u64::MAX - PAGE + 1, PAGE - 1),
        ("around the end", u64::MAX - PAGE + 1, 2 * PAGE),
        ("all there is", FREE, u64::MAX - PAGE + 1),
        ("more than a number holds", FREE, u64::MAX),
    ] {
        Call::fixed(address, length).refused(what)?;
    }
    start.expect("refused demands", MemCounter::Committed, 0)?;
    start.expect("refused demands", MemCounter::Anonymous, 0)?;
    marked("what was there", &low, 0..PAGES, 0x100)?;
    marked("what was at the end", &high, 0..PAGES, 0x200)
}
