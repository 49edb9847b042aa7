//! Bad addresses, and system calls that are given them.
//!
//! The functions here are safe although their addresses are arbitrary. Each can only make a call
//! that the kernel has to refuse or that changes nothing. Those that make the kernel *write* take a
//! [`Lie`].

use crate::kernel;
use crate::scratch::{self, READ};
use abi::{FAILURE, PAGE_SIZE};
use core::ffi::CStr;
use core::fmt::Display;
use core::sync::atomic::{AtomicU64, Ordering};
use user::file::Fd;
use user::syscall;
use user::testing::outcome::{Outcome, ensure};

/// Addresses that every call must refuse, and at which a touch kills: the kernel's memory, the two
/// pages above the last user page, the first address past the user half, and the last address of
/// all.
pub const OUTSIDE: [Lie; 5] = [
    Lie(0x8000_0000),
    Lie(user::USER_TOP),
    Lie(user::USER_TOP + PAGE_SIZE as u64),
    Lie(user::USER_TOP + 2 * PAGE_SIZE as u64),
    Lie(u64::MAX),
];

/// The beginning of text. It may be read, and must not be written.
pub const TEXT: Lie = Lie(0);

/// A program that every image has. It exits with 1 when it is run without arguments, which shows an
/// exec that succeeds although it must fail.
pub const PROGRAM: &CStr = c"/kill";

/// The one stack page that exec made. It holds the arguments.
static STACK_PAGE: AtomicU64 = AtomicU64::new(0);

/// Remembers the page that holds the address of the arguments.
pub fn remember_stack_page(arguments: u64) {
    let page = arguments - arguments % PAGE_SIZE as u64;
    STACK_PAGE.store(page, Ordering::Relaxed);
}

/// Returns the first address of the stack page that exec made.
pub fn stack_page() -> u64 {
    STACK_PAGE.load(Ordering::Relaxed)
}

/// An address that this program may not write.
#[derive(Clone, Copy)]
pub struct Lie(u64);

impl Lie {
    /// Returns the address `beyond` bytes above the break.
    pub fn above_break(beyond: u64) -> Outcome<Self> {
        Ok(Self(user::memory::current_break()? + beyond))
    }

    /// Returns an address at or past the end of the user half.
    pub const fn beyond_user_half(address: u64) -> Self {
        assert!(address >= user::USER_TOP, "an address of the user half");
        Self(address)
    }

    /// Returns the address.
    pub fn address(self) -> u64 {
        self.0
    }

    /// Calls `read(fd, here, count)`.
    pub fn read(self, fd: Fd, count: i32) -> u64 {
        // SAFETY: the kernel must not write there; one that does is found out by the test, and
        // nothing of this program lives there.
        unsafe { syscall::read(fd.0, self.0, count) }
    }

    /// Calls `pipe(here)`.
    pub fn pipe(self) -> u64 {
        // SAFETY: as `read`.
        unsafe { syscall::pipe(self.0) }
    }

    /// Calls `wait(here)`.
    pub fn wait(self) -> u64 {
        // SAFETY: as `read`.
        unsafe { syscall::wait(self.0) }
    }

    /// Calls `fstat(fd, here)`.
    pub fn fstat(self, fd: Fd) -> u64 {
        // SAFETY: as `read`.
        unsafe { syscall::fstat(fd.0, self.0) }
    }
}

/// Calls `write(fd, address, count)`.
pub fn write(fd: Fd, address: u64, count: i32) -> u64 {
    // SAFETY: the kernel only reads there.
    unsafe { syscall::write(fd.0, address, count) }
}

/// Calls `exec(path, argv)` with raw addresses. If it succeeds, the program ends here.
pub fn exec(path: u64, argv: u64) -> u64 {
    // SAFETY: the kernel only reads there; if it succeeds, nothing of ours remains.
    unsafe { syscall::exec(path, argv) }
}

/// A call that reads from the address it is given.
pub type ReadingCall = (&'static str, fn(u64) -> u64);

/// Every call that takes a path, with the path's address as its argument.
pub const PATH_CALLS: [ReadingCall; 9] = [
    ("open", |path| {
        // SAFETY: the kernel only reads the path. So for all in this table.
        unsafe { syscall::open(path, scratch::CREATE.0) }
    }),
    ("open", |path| {
        // SAFETY: as above.
        unsafe { syscall::open(path, READ.0) }
    }),
    ("unlink", |path| {
        // SAFETY: as above.
        unsafe { syscall::unlink(path) }
    }),
    ("mkdir", |path| {
        // SAFETY: as above.
        unsafe { syscall::mkdir(path) }
    }),
    ("mknod", |path| {
        // SAFETY: as above.
        unsafe { syscall::mknod(path, 9, 0) }
    }),
    ("chdir", |path| {
        // SAFETY: as above.
        unsafe { syscall::chdir(path) }
    }),
    ("link from", |path| {
        // SAFETY: as above.
        unsafe { syscall::link(path, c"lies.new".as_ptr() as u64) }
    }),
    ("link to", |path| {
        // SAFETY: as above.
        unsafe { syscall::link(PROGRAM.as_ptr() as u64, path) }
    }),
    ("exec", |path| {
        let argv = [PROGRAM.as_ptr() as u64, 0];
        exec(path, argv.as_ptr() as u64)
    }),
];

/// Fails unless a call with a bad address returned -1.
pub fn refused(what: impl Display, result: u64) -> Outcome {
    ensure!(
        result == FAILURE,
        "{what}: expected -1, saw {}",
        result as i64
    );
    Ok(())
}

/// Fails unless a read or write with a bad address moved nothing. The contract demands -1; xv6
/// returns 0 moved bytes when a pipe or the console meets the address.
pub fn moved_nothing(what: impl Display, result: u64) -> Outcome {
    if result == 0 && !kernel::has_counters() {
        return Ok(());
    }
    refused(what, result)
}

/// Calls `link(old, address)`.
pub fn link_from(old: &CStr, address: u64) -> u64 {
    // SAFETY: the kernel only reads the paths.
    unsafe { syscall::link(old.as_ptr() as u64, address) }
}
