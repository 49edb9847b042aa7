//! All of memory: a process can reserve it, it runs out, and it comes back.

#![forbid(unsafe_code)]

use crate::scratch::{read, works, write};
use abi::PAGE_SIZE;
use user::file::pipe;
use user::memory::Promise;
use user::process;
use user::region::Region;
use user::testing::child::{self, Child};
use user::testing::measure::available_pages;
use user::testing::outcome::{Outcome, ensure, expect};

/// A process reserves everything it can, uses it, and gives it back, twice.
pub fn mem() -> Outcome {
    let take_all = || -> Outcome<usize> {
        let region = Region::new(available_pages()?, Promise::Eager)?;
        for page in 0..region.pages() {
            region.write(page, page as u64);
        }
        for page in 0..region.pages() {
            expect("a page of many", page as u64, region.read(page))?;
        }
        Ok(region.pages())
    };
    let mut first = 0;
    child::run(|| {
        first = take_all()?;
        let second = take_all()?;
        ensure!(
            second >= first,
            "expected {first} pages again, saw {second}"
        );
        Ok(())
    })
}

/// Ten processes ask for a hundred megabytes each. Some are refused and keep nothing, so a page is
/// left for the parent.
pub fn sbrkfail() -> Outcome {
    const CHILDREN: usize = 10;
    const PAGES: usize = (100 << 20) / PAGE_SIZE;
    let (read_end, write_end) = pipe()?;
    let mut children: [Option<Child>; CHILDREN] = [const { None }; CHILDREN];
    for place in &mut children {
        *place = Some(child::start(|| {
            // The region lives until the process ends.
            let region = Region::new(PAGES, Promise::Eager);
            write(write_end, &[u8::from(region.is_ok())])?;
            loop {
                process::sleep(1000)?;
            }
        })?);
    }
    let mut answer = [0];
    for _ in 0..CHILDREN {
        read(read_end, &mut answer, 1)?;
    }
    let page = Region::new(1, Promise::Eager);
    for child in children.into_iter().flatten() {
        process::kill(child.pid())?;
        child.join_killed("kill")?;
    }
    works("one page beside ten that wanted too much", page.map(drop))?;
    read_end.close()?;
    write_end.close()?;

    // A process that uses up to ten times as much is refused or killed.
    let hungry = child::start(|| {
        let mut region = Region::new(0, Promise::Eager)?;
        for _ in 0..10 {
            if region.extend(PAGES, Promise::Eager).is_err() {
                return Ok(());
            }
        }
        (0..region.pages()).for_each(|page| region.write(page, 1));
        Ok(())
    })?;
    hungry.join_anyhow()?;
    child::run(|| Ok(()))
}
