//! What pages hold after forks, shrinking, growing and writes by the kernel. The tests need xv6's
//! calls alone.

use crate::child::{self, Gate};
use crate::outcome::{Outcome, ensure, expect};
use abi::PAGE_SIZE;
use user::file::{Fd, pipe};
use user::memory::Promise;
use user::region::Region;

/// A page that is already shared is forked again. All three generations can write it, and each gets
/// its own copy.
pub fn grandchild() -> Outcome {
    let region = Region::new(2, Promise::Eager)?;
    region.write(0, 1);
    child::run(|| {
        // The child does not write the page, so it is still the parent's when the child forks.
        child::run(|| {
            expect("the grandchild's first look", 1, region.read(0))?;
            region.write(0, 3);
            expect("the grandchild's word", 3, region.read(0))
        })?;
        expect(
            "the child's word after the grandchild's write",
            1,
            region.read(0),
        )?;
        region.write(0, 2);
        // The child writes the page and forks.
        child::run(|| {
            expect("the second grandchild's first look", 2, region.read(0))?;
            region.write(0, 4);
            expect("the second grandchild's word", 4, region.read(0))
        })?;
        expect("the child's word", 2, region.read(0))?;
        region.write(0, 5);
        Ok(())
    })?;
    expect("the parent's word", 1, region.read(0))?;
    region.write(0, 6);
    expect("the parent's new word", 6, region.read(0))
}

/// Memory that is given back and asked for again is zero. Giving it back changes nothing for
/// another process.
pub fn regrow() -> Outcome {
    const PAGES: usize = 64;
    let mut region = Region::new(PAGES, Promise::Eager)?;
    fill(&region, 7);
    region.cut(PAGES)?;
    region.extend(PAGES, Promise::Eager)?;
    check(&region, 0)?;

    fill(&region, 7);
    let (shrunk, seen) = (Gate::new()?, Gate::new()?);
    let child = child::start(|| {
        region.cut(PAGES / 2)?;
        region.extend(PAGES / 2, Promise::Eager)?;
        for page in 0..PAGES {
            let expected = if page < PAGES / 2 { 7 } else { 0 };
            expect(
                "the child's page after regrowing",
                expected,
                region.read(page),
            )?;
        }
        shrunk.open()?;
        seen.pass()?;
        expect(
            "the child's page after the parent's shrinking",
            7,
            region.read(0),
        )
    })?;
    shrunk.pass()?;
    check(&region, 7)?;
    region.cut(PAGES)?;
    region.extend(PAGES, Promise::Eager)?;
    check(&region, 0)?;
    seen.open()?;
    child.join()
}

fn fill(region: &Region, value: u64) {
    for page in 0..region.pages() {
        region.write(page, value);
    }
}

fn check(region: &Region, value: u64) -> Outcome {
    for page in 0..region.pages() {
        expect("page", value, region.read(page))?;
    }
    Ok(())
}

/// The kernel writes across the boundary of shared pages, up to the last byte before the break, and
/// not beyond.
pub fn unaligned() -> Outcome {
    const PAGES: usize = 3;
    const BOUNDARY: usize = PAGE_SIZE;
    const END: usize = PAGES * PAGE_SIZE;
    let region = Region::new(PAGES, Promise::Eager)?;
    for offset in (BOUNDARY - 4..BOUNDARY + 4).chain([END - 1]) {
        region.set_byte(offset, 0xff);
    }
    let (read_end, write_end) = pipe()?;
    child::run(|| {
        let across = read_through(&region, (read_end, write_end), BOUNDARY - 3, b"across")?;
        expect("bytes read across a boundary", 6, across)?;
        for (offset, &byte) in (BOUNDARY - 3..).zip(b"across") {
            expect("byte across a boundary", byte, region.byte(offset))?;
        }
        expect("byte before them", 0xff, region.byte(BOUNDARY - 4))?;
        expect("byte after them", 0xff, region.byte(BOUNDARY + 3))?;

        let last = read_through(&region, (read_end, write_end), END - 1, b"z")?;
        expect("bytes read to the last byte", 1, last)?;
        expect("last byte", b'z', region.byte(END - 1))?;

        // Kernels differ in whether the valid part counts as read or as a failure.
        write_end.write_all(b"yx")?;
        let beyond = region.read_from(read_end, END - 1, 2);
        ensure!(beyond != Ok(2), "expected a read past the break to fail");
        expect(
            "valid part of a read past the break",
            b'y',
            region.byte(END - 1),
        )?;
        Ok(())
    })?;
    for offset in [BOUNDARY - 3, BOUNDARY, BOUNDARY + 2, END - 1] {
        expect("the parent's byte", 0xff, region.byte(offset))?;
    }
    read_end.close()?;
    Ok(write_end.close()?)
}

/// Sends `text` through the pipe to `offset` of the region. Returns how many bytes arrived.
fn read_through(region: &Region, pipe: (Fd, Fd), offset: usize, text: &[u8]) -> Outcome<usize> {
    pipe.1.write_all(text)?;
    Ok(region.read_from(pipe.0, offset, text.len())?)
}
