//! Reserved addresses without memory: the break in its lazy mode.

use crate::lies::{self, Lie, PROGRAM, refused};
use crate::scratch::{self, READ, clear, open, unlink};
use abi::{FAILURE, FileKind, PAGE_SIZE, SBRK_LAZY};
use user::USER_TOP;
use user::arch;
use user::file::Fd;
use user::memory::{self, Promise};
use user::region::Region;
use user::syscall;
use user::testing::child;
use user::testing::outcome::{Outcome, ensure, expect};

const GIB: u64 = 1 << 30;
/// The number of pages of a gibibyte.
const GIB_PAGES: usize = 1 << 18;

/// A gibibyte is reserved, and every 64th page is used.
pub fn lazy_alloc() -> Outcome {
    let region = Region::new(GIB_PAGES, Promise::Lazy)?;
    let used = || (0..GIB_PAGES).step_by(64);
    for page in used() {
        region.write(page, page as u64);
    }
    for page in used() {
        expect("a page of a sparse heap", page as u64, region.read(page))?;
    }
    // The next page, which was never written.
    expect("an untouched page", 0, region.read(1))
}

/// Memory that is given back is gone, used or not. When it is reserved again, it reads as zeros.
pub fn lazy_unmap() -> Outcome {
    const STEP: usize = GIB_PAGES / 16;
    let mut region = Region::new(GIB_PAGES, Promise::Lazy)?;
    for page in (0..GIB_PAGES).step_by(STEP) {
        region.write(page, page as u64);
    }
    for page in (0..GIB_PAGES).step_by(STEP) {
        let address = region.start() + (page * PAGE_SIZE) as u64;
        child::run_killed("a store to memory that was given back", || {
            // SAFETY: no object lives in the region.
            if unsafe { memory::shrink(GIB as i32) }.is_ok() {
                // SAFETY: the store must fault; if it does not, the test fails.
                unsafe { arch::store_byte(address, 1) }
            }
        })?;
        expect("the parent's page", page as u64, region.read(page))?;
    }
    region.cut(GIB_PAGES)?;
    region.extend(GIB_PAGES, Promise::Lazy)?;
    for page in (0..GIB_PAGES).step_by(STEP) {
        expect("a page that came again", 0, region.read(page))?;
    }
    Ok(())
}

/// The kernel reads and writes untouched pages below the break, and nothing above it.
pub fn lazy_copy() -> Outcome {
    let region = Region::new(4, Promise::Lazy)?;
    // An empty path, in a page that was never touched. It names the current directory.
    // SAFETY: the kernel only reads the path.
    let opened = unsafe { syscall::open(region.start() + 2 * PAGE_SIZE as u64, READ.0) };
    if opened != FAILURE {
        Fd(opened as i32).close()?;
    }
    let fd = open(PROGRAM, READ)?;
    let count = region.read_from(fd, 3 * PAGE_SIZE - 100, 200)?;
    expect("bytes read to untouched pages", 200, count)?;
    // An ELF file begins with this byte.
    expect("the first byte", 0x7f, region.byte(3 * PAGE_SIZE - 100))?;
    fd.close()?;

    let end = memory::current_break()?;
    // SAFETY: nothing must happen; if something does, the test fails.
    let old = unsafe { syscall::sbrk(-(end as i32) - 1, abi::SBRK_EAGER) };
    expect("sbrk to below 0", end, old)?;
    expect("the break afterwards", end, memory::current_break()?)?;

    for address in [USER_TOP - 2 * PAGE_SIZE as u64, USER_TOP - PAGE_SIZE as u64] {
        refused_beyond(Lie::above_break(address - end)?)?;
    }
    for address in [
        USER_TOP,
        USER_TOP + PAGE_SIZE as u64,
        USER_TOP + 2 * PAGE_SIZE as u64,
        2 * USER_TOP,
    ] {
        refused_beyond(Lie::beyond_user_half(address))?;
    }
    Ok(())
}

fn refused_beyond(lie: Lie) -> Outcome {
    let fd = open(PROGRAM, READ)?;
    refused("read of a file to above the break", lie.read(fd, 512))?;
    fd.close()?;
    clear(c"junk");
    let fd = open(c"junk", scratch::CREATE)?;
    refused(
        "write from above the break",
        lies::write(fd, lie.address(), 512),
    )?;
    fd.close()?;
    unlink(c"junk")
}

/// A path whose end lies in an untouched page.
pub fn lazy_copyinstr() -> Outcome {
    let touched = Region::new(1, Promise::Eager)?;
    let _untouched = Region::new(1, Promise::Lazy)?;
    touched.set_byte(PAGE_SIZE - 1, b'/');
    // SAFETY: the kernel only reads the path.
    let opened = unsafe { syscall::open(touched.end() - 1, READ.0) };
    ensure!(
        opened != FAILURE,
        "open with a path that ends in an untouched page: expected success, saw -1"
    );
    let fd = Fd(opened as i32);
    expect("the kind of /", FileKind::Directory as u16, fd.stat()?.kind)?;
    Ok(fd.close()?)
}

/// The break reaches the end of the last user page, and not a byte further.
pub fn lazy_sbrk() -> Outcome {
    let end = memory::current_break()?;
    let all_but_one = (USER_TOP - end.next_multiple_of(PAGE_SIZE as u64)) / PAGE_SIZE as u64 - 1;
    let mut region = Region::new(all_but_one as usize, Promise::Lazy)?;
    // The last page is promised, because there is memory for it.
    region.extend(1, Promise::Eager)?;
    expect("the end of the region", USER_TOP, region.end())?;
    let last = region.pages() - 1;
    expect("the last page", 0, region.read(last))?;
    region.write(last, 1);
    expect("the last page", 1, region.read(last))?;
    for mode in [abi::SBRK_EAGER, SBRK_LAZY] {
        // SAFETY: nothing must happen.
        let old = unsafe { syscall::sbrk(1, mode) };
        refused("one byte more", old)?;
    }
    expect("the break", USER_TOP, memory::current_break()?)
}
