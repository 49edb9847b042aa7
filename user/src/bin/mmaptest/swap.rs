//! Mappings of more pages than there are frames.

use crate::child;
use crate::measure::Since;
use crate::outcome::{Outcome, ensure};
use crate::shared::shared;
use crate::tools::{READ_WRITE, mark, marked, out_of_reach, private, store_kills, zero};
use abi::{MemCounter, Protection};
use user::mapping::Sharing;
use user::memory::SystemCounters;

/// Returns a quarter more pages than there are frames.
fn too_many_pages() -> Outcome<usize> {
    let frames = SystemCounters::now()?[MemCounter::Frames] as usize;
    Ok(frames + frames / 4)
}

/// Pages in swap keep their contents, and get the rights that are given to them there.
pub fn swapped() -> Outcome {
    let pages = too_many_pages()?;
    let start = Since::now()?;
    let mapping = private(pages)?;
    mark(&mapping, 0..pages, 0x100);
    mapping.protect(0..pages, Protection::READ)?;
    store_kills("a store to a read-only page in swap", &mapping, 0)?;
    marked("read-only", &mapping, 0..pages, 0x100)?;
    mapping.protect(0..pages, Protection::NONE)?;
    out_of_reach("a page in swap without rights", &mapping, 0)?;
    mapping.protect(0..pages, READ_WRITE)?;
    mark(&mapping, 0..pages / 2, 0x10_0000);
    mapping.renew(pages / 4..pages / 3, Sharing::Private, READ_WRITE)?;
    zero("renewed", &mapping, pages / 4..pages / 3)?;
    marked("below", &mapping, 0..pages / 4, 0x10_0000)?;
    marked("above", &mapping, pages / 3..pages / 2, 0x10_0000)?;
    marked("as it was", &mapping, pages / 2..pages, 0x100)?;
    let written = start.rise(MemCounter::SwapOuts)?;
    ensure!(
        written >= (pages / 5) as i64,
        "expected a fifth of {pages} pages to go to swap, saw {written} go"
    );
    Ok(())
}

/// Shared pages come back from swap unchanged and still shared.
pub fn sharedswap() -> Outcome {
    let pages = too_many_pages()?;
    let mapping = shared(pages)?;
    mark(&mapping, 0..pages / 2, 0x100);
    child::run(|| {
        // The other half was never touched.
        mark(&mapping, pages / 2..pages, 0x100);
        marked("the child's view", &mapping, 0..pages, 0x100)?;
        mark(&mapping, pages / 4..pages / 2, 0x10_0000);
        Ok(())
    })?;
    marked("not written again", &mapping, 0..pages / 4, 0x100)?;
    marked("written again", &mapping, pages / 4..pages / 2, 0x10_0000)?;
    marked(
        "first touched by the child",
        &mapping,
        pages / 2..pages,
        0x100,
    )?;
    let child = child::start(|| {
        mark(&mapping, 0..pages, 0x20_0000);
        Ok(())
    })?;
    // Both processes touch the pages at one time, in no order.
    for page in 0..pages {
        let (page, seen) = (page as u64, mapping.read(page));
        let old = if (pages as u64 / 4..pages as u64 / 2).contains(&page) {
            0x10_0000
        } else {
            0x100
        };
        ensure!(
            seen == old + page || seen == 0x20_0000 + page,
            "page {page}: expected what was there or what the child writes, saw {seen:#x}"
        );
    }
    child.join()?;
    marked("written by the child", &mapping, 0..pages, 0x20_0000)
}
