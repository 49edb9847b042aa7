//! Pages with distinct contents, and how to make the kernel swap them out.

use core::ops::Range;

use crate::machine::Machine;
use abi::{PAGE_SIZE, PageInfo};
use user::memory::{self, Promise};
use user::process::Pid;
use user::region::Region;
use user::testing::child;
use user::testing::outcome::{Outcome, ensure};

const WORDS: usize = PAGE_SIZE / size_of::<u64>();

/// Returns the indices of the words of a page that are written: the first, the last, and one whose
/// index differs from page to page. They show a page that came back in part, or from another page's
/// slot.
fn places(page: usize) -> [usize; 3] {
    [0, 1 + page % (WORDS - 2), WORDS - 1]
}

/// Returns the word that `writer` writes to `page`.
fn word(page: usize, writer: u64) -> u64 {
    writer << 32 | page as u64
}

/// Writes the writer and the page's number to each page.
pub fn mark(region: &Region, pages: Range<usize>, writer: u64) {
    for page in pages {
        for place in places(page) {
            region.write_word(page, place, word(page, writer));
        }
    }
}

/// Fails unless each page holds what [`mark`] wrote.
pub fn check(region: &Region, pages: Range<usize>, writer: u64) -> Outcome {
    for page in pages {
        let expected = word(page, writer);
        for place in places(page) {
            let seen = region.read_word(page, place);
            ensure!(
                seen == expected,
                "page {page}, word {place}: expected {expected:#x}, saw {seen:#x}"
            );
        }
    }
    Ok(())
}

/// Makes the kernel swap out most pages of the region. A child uses more than all of RAM, twice, so
/// that the region's pages are found idle even if they were in use when the child began.
pub fn push_out(region: &Region, machine: Machine) -> Outcome {
    child::run(|| {
        let hog = Region::new(machine.more_than_ram(), Promise::Lazy)?;
        for round in 0..2 {
            (0..hog.pages()).for_each(|page| hog.write(page, round));
        }
        Ok(())
    })?;
    let (swapped, all) = (swapped(region, 0)?, region.pages());
    ensure!(
        swapped >= all - all / 8,
        "expected nearly all of {all} idle pages in swap, saw {swapped}"
    );
    Ok(())
}

/// Returns how many pages of the region are in swap for process `pid`, 0 for this one.
pub fn swapped(region: &Region, pid: Pid) -> user::Result<usize> {
    let mut count = 0;
    let mut chunk = [PageInfo::default(); 64];
    for first in (0..region.pages()).step_by(chunk.len()) {
        let chunk = &mut chunk[..(region.pages() - first).min(64)];
        memory::page_info(pid, region.start() + (first * PAGE_SIZE) as u64, chunk)?;
        count += chunk.iter().filter(|page| page.is_swapped()).count();
    }
    Ok(count)
}
