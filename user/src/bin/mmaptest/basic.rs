//! What a mapping is: zeros at first, then what was stored, in frames of its own.

use crate::measure::Since;
use crate::outcome::{Outcome, ensure, expect};
use crate::tools::{Call, FREE, PAGE, mark, marked, out_of_reach, private, private_at, zero};
use abi::{FAILURE, MemCounter, PAGE_SIZE, Protection};
use user::mapping::{Mapping, Sharing};
use user::syscall;

/// Every page reads as zeros at first, even where another mapping was a moment ago. A page has no
/// frame before it is touched.
pub fn zeros() -> Outcome {
    const PAGES: usize = 64;
    for _ in 0..3 {
        let mapping = private(PAGES)?;
        ensure!(
            !mapping.info(0)?.is_present(),
            "expected a page that was not touched to have no frame"
        );
        for offset in (0..PAGES * PAGE_SIZE).step_by(PAGE_SIZE / 4) {
            expect("byte", 0, mapping.byte(offset))?;
        }
        mark(&mapping, 0..PAGES, u64::MAX / 2);
    }
    Ok(())
}

/// Every byte that was stored is there, and each page costs a frame.
pub fn contents() -> Outcome {
    const PAGES: usize = 1000;
    let mapping = private(PAGES)?;
    let start = Since::now()?;
    mark(&mapping, 0..PAGES, 1 << 32);
    start.expect("writing each page", MemCounter::Anonymous, PAGES as i64)?;
    start.expect("writing each page", MemCounter::Committed, 0)?;
    let last = PAGES * PAGE_SIZE - 1;
    mapping.set_byte(last, 7);
    marked("written", &mapping, 0..PAGES, 1 << 32)?;
    expect("the last byte", 7, mapping.byte(last))
}

/// Two mappings share nothing, whether they lie side by side or far apart.
pub fn apart() -> Outcome {
    const PAGES: usize = 16;
    let mappings = [
        private(PAGES)?,
        private(PAGES)?,
        private_at(FREE, PAGES)?,
        private_at(FREE + PAGES as u64 * PAGE, PAGES)?,
    ];
    for (index, mapping) in mappings.iter().enumerate() {
        for other in &mappings[..index] {
            ensure!(
                mapping.end() <= other.start() || other.end() <= mapping.start(),
                "expected no page in two mappings, saw {:#x} and {:#x}",
                mapping.start(),
                other.start()
            );
        }
        mark(mapping, 0..PAGES, (index as u64) << 32);
    }
    for (index, mapping) in mappings.iter().enumerate() {
        marked("one of four", mapping, 0..PAGES, (index as u64) << 32)?;
    }
    Ok(())
}

/// The right to write implies the right to read.
pub fn writeonly() -> Outcome {
    let mapping = Mapping::new(2, Sharing::Private, Protection::WRITE)?;
    expect("a page that was read first", 0, mapping.read(0))?;
    mark(&mapping, 0..2, 5);
    marked("written", &mapping, 0..2, 5)
}

/// A length that ends within a page counts as the whole page, for mapping and for unmapping.
pub fn length() -> Outcome {
    for length in [1, PAGE - 1, PAGE + 1] {
        let call = Call {
            address: FREE,
            length,
            ..Call::GOOD
        };
        // SAFETY: new memory appears where none is.
        let start = unsafe { call.make() };
        expect("address", FREE, start)?;
        let pages = length.div_ceil(PAGE) as usize;
        // Maps the rest of the last page, and the next page.
        let behind = private_at(FREE + pages as u64 * PAGE, 1)?;
        drop(behind);
        // SAFETY: only what was mapped above is unmapped.
        let unmapped = unsafe { syscall::munmap(start, length) };
        ensure!(unmapped != FAILURE, "munmap: expected success, saw -1");
        let all = private_at(FREE, pages)?;
        zero("mapped anew", &all, 0..pages)?;
        all.cut(pages - 1..pages)?;
        out_of_reach("a page that was unmapped", &all, pages - 1)?;
    }
    Ok(())
}
