//! What many tests check: that an access kills, that the kernel refuses a call, and that pages hold
//! what they should.

use crate::child;
use crate::outcome::{Outcome, ensure, expect};
use abi::{FAILURE, ForkMode, MapFlags, PAGE_SIZE, Protection};
use core::ops::Range;
use user::USER_TOP;
use user::file::{Fd, pipe};
use user::mapping::{Mapping, Sharing};
use user::pages::Pages;
use user::syscall;

/// The size of a page, in bytes.
pub const PAGE: u64 = PAGE_SIZE as u64;
/// The rights to load and to store.
pub const READ_WRITE: Protection = Protection::READ.with(Protection::WRITE);
/// An address at which no test has memory until it maps some.
pub const FREE: u64 = 1 << 37;
/// The address of the last page that a program can have.
pub const LAST: u64 = USER_TOP - PAGE;

/// The ways of a fork to copy memory.
pub const FORK_MODES: [ForkMode; 3] = [
    ForkMode::CopyOnWrite,
    ForkMode::Eager,
    ForkMode::SharedTables,
];

/// Returns private zeros that can be loaded and stored.
pub fn private(pages: usize) -> Outcome<Mapping> {
    Ok(Mapping::new(pages, Sharing::Private, READ_WRITE)?)
}

/// Returns private zeros at this address, which must be free.
pub fn private_at(start: u64, pages: usize) -> Outcome<Mapping> {
    let mapping = Mapping::near(start, pages, Sharing::Private, READ_WRITE)?;
    expect("address", start, mapping.start())?;
    Ok(mapping)
}

/// Writes `base` plus its number to each page.
pub fn mark(pages: &Pages, which: Range<usize>, base: u64) {
    for page in which {
        pages.write(page, base + page as u64);
    }
}

/// Fails unless each page holds what [`mark`] wrote.
pub fn marked(what: &str, pages: &Pages, which: Range<usize>, base: u64) -> Outcome {
    for page in which {
        let (expected, seen) = (base + page as u64, pages.read(page));
        ensure!(
            seen == expected,
            "{what}: page {page}: expected {expected:#x}, saw {seen:#x}"
        );
    }
    Ok(())
}

/// Fails unless each page holds zero.
pub fn zero(what: &str, pages: &Pages, which: Range<usize>) -> Outcome {
    for page in which {
        let seen = pages.read(page);
        ensure!(seen == 0, "{what}: page {page}: expected 0, saw {seen:#x}");
    }
    Ok(())
}

/// Fails unless a load from `page` kills.
pub fn load_kills(what: &str, pages: &Pages, page: usize) -> Outcome {
    child::run_killed(what, || {
        pages.read(page);
    })
}

/// Fails unless a store to `page` kills.
pub fn store_kills(what: &str, pages: &Pages, page: usize) -> Outcome {
    child::run_killed(what, || pages.write(page, 1))
}

/// Fails unless neither the program nor the kernel on its behalf can touch `page`.
pub fn out_of_reach(what: &str, pages: &Pages, page: usize) -> Outcome {
    load_kills(what, pages, page)?;
    store_kills(what, pages, page)?;
    kernel_reads(what, pages, page, false)?;
    kernel_writes(what, pages, page, false)
}

/// Fails unless the kernel reads the last byte of `page` for `write`, or refuses to, as `does`
/// says.
pub fn kernel_reads(what: &str, pages: &Pages, page: usize, does: bool) -> Outcome {
    through_pipe(|_, write_end| {
        let count = pages.write_to(write_end, (page + 1) * PAGE_SIZE - 1, 1);
        let expected = does.then_some(1);
        ensure!(
            count.ok() == expected,
            "{what}: write from it: expected {expected:?}, saw {count:?}"
        );
        Ok(())
    })
}

/// Fails unless the kernel writes the last byte of `page` for `read`, or refuses to, as `does`
/// says.
pub fn kernel_writes(what: &str, pages: &Pages, page: usize, does: bool) -> Outcome {
    through_pipe(|read_end, write_end| {
        write_end.write_all(b"!")?;
        let count = pages.read_from(read_end, (page + 1) * PAGE_SIZE - 1, 1);
        let expected = does.then_some(1);
        ensure!(
            count.ok() == expected,
            "{what}: read into it: expected {expected:?}, saw {count:?}"
        );
        Ok(())
    })
}

/// Runs `body` with the ends of a pipe.
pub fn through_pipe(body: impl FnOnce(Fd, Fd) -> Outcome) -> Outcome {
    let (read_end, write_end) = pipe()?;
    body(read_end, write_end)?;
    read_end.close()?;
    Ok(write_end.close()?)
}

/// The arguments of a call of `mmap`.
#[derive(Clone, Copy)]
pub struct Call {
    pub address: u64,
    pub length: u64,
    pub protection: i32,
    pub flags: i32,
    pub offset: u64,
}

impl Call {
    /// A call that works.
    pub const GOOD: Self = Self {
        address: 0,
        length: PAGE,
        protection: READ_WRITE.0,
        flags: Sharing::Private.flags().0,
        offset: 0,
    };

    /// Returns a call that demands `address`, and is [`Call::GOOD`] otherwise.
    pub const fn fixed(address: u64, length: u64) -> Self {
        let flags = Sharing::Private.flags().with(MapFlags::FIXED).0;
        Self {
            address,
            length,
            flags,
            ..Self::GOOD
        }
    }

    /// Makes the call.
    ///
    /// # Safety
    ///
    /// If the call demands an address, no object may live there.
    pub unsafe fn make(self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe {
            syscall::mmap(
                self.address,
                self.length,
                self.protection,
                self.flags,
                -1,
                self.offset,
            )
        }
    }

    /// Fails unless the kernel refuses the call.
    pub fn refused(self, what: &str) -> Outcome {
        // SAFETY: the kernel must not map anything; if it does, the test fails.
        refused(what, unsafe { self.make() })
    }
}

/// Fails unless a call's result is -1.
pub fn refused(what: &str, result: u64) -> Outcome {
    ensure!(result == FAILURE, "{what}: expected -1, saw {:#x}", result);
    Ok(())
}
