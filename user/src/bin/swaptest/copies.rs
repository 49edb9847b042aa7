//! Copies by the kernel from and to memory that is swapped out.

use crate::machine::Machine;
use crate::pages::{check, mark, push_out};
use abi::{OpenFlags, PAGE_SIZE};
use user::file::{self, Fd};
use user::memory::Promise;
use user::region::Region;
use user::testing::child;
use user::testing::outcome::{Outcome, ensure, expect};

/// The number of pages that go through a file: fewer bytes than a file may have.
const PAGES: usize = 48;
const BYTES: usize = PAGES * PAGE_SIZE;
/// The size of each write. It is no multiple of a page, so that parts begin and end anywhere in a
/// page.
const PART: usize = 3000;

const FILE: &core::ffi::CStr = c"/swaptest.tmp";

/// Pages are written to a file from swap, and read back into other pages that are in swap.
pub fn copies(machine: Machine) -> Outcome {
    let region = Region::new(PAGES, Promise::Eager)?;
    mark(&region, 0..PAGES, 1);
    push_out(&region, machine)?;
    let flags = OpenFlags::CREATE.with(OpenFlags::TRUNCATE);
    let file = Fd::open(FILE, flags.with(OpenFlags::WRITE_ONLY))?;
    for offset in (0..BYTES).step_by(PART) {
        let part = PART.min(BYTES - offset);
        expect("bytes written", part, region.write_to(file, offset, part)?)?;
    }
    file.close()?;

    mark(&region, 0..PAGES, 2);
    push_out(&region, machine)?;
    let file = Fd::open(FILE, OpenFlags::READ_ONLY)?;
    for offset in (0..BYTES).step_by(PART) {
        let part = PART.min(BYTES - offset);
        expect("bytes read", part, region.read_from(file, offset, part)?)?;
    }
    file.close()?;
    file::unlink(FILE)?;
    check(&region, 0..PAGES, 1)
}

/// A parent writes swapped pages to a pipe. Its child reads into pages that the two share.
pub fn pipe(machine: Machine) -> Outcome {
    let region = Region::new(2 * PAGES, Promise::Eager)?;
    mark(&region, 0..2 * PAGES, 1);
    push_out(&region, machine)?;
    let (read_end, write_end) = file::pipe()?;
    let child = child::start(|| {
        write_end.close()?;
        let mut read = 0;
        while read < BYTES {
            let count = region.read_from(read_end, BYTES + read, BYTES - read)?;
            ensure!(count > 0, "expected {BYTES} bytes from a pipe, saw {read}");
            read += count;
        }
        // The second half now holds the pages of the first half.
        for offset in (0..BYTES).step_by(8) {
            expect("byte", region.byte(offset), region.byte(BYTES + offset))?;
        }
        Ok(())
    })?;
    read_end.close()?;
    let mut written = 0;
    while written < BYTES {
        written += region.write_to(write_end, written, PART.min(BYTES - written))?;
    }
    write_end.close()?;
    child.join()?;
    check(&region, 0..2 * PAGES, 1)
}
