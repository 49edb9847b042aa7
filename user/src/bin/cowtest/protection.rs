//! Memory that stays out of reach before and after a fork, for the program and for the kernel on
//! its behalf: text, constants, the guard page, and addresses that belong to no program. The tests
//! need xv6's calls alone.

use crate::child;
use crate::outcome::{Outcome, ensure, expect};
use abi::PAGE_SIZE;
use core::sync::atomic::{AtomicU64, Ordering};
use user::arch;
use user::file::{Fd, pipe};
use user::memory;
use user::syscall;

/// Addresses at which no program has memory: the kernel's physical memory, the two pages above the
/// last user address, the first address past the lower half, its last byte, and the last byte of
/// all.
const OUTSIDE: [u64; 6] = [
    0x8000_0000,
    user::USER_TOP,
    user::USER_TOP + PAGE_SIZE as u64,
    user::USER_TOP + 2 * PAGE_SIZE as u64,
    2 * user::USER_TOP,
    u64::MAX,
];

/// The one stack page that exec made. It holds the arguments.
static STACK_PAGE: AtomicU64 = AtomicU64::new(0);

/// Remembers the page that holds the address of the arguments.
pub fn remember_stack_page(arguments: u64) {
    let page = arguments - arguments % PAGE_SIZE as u64;
    STACK_PAGE.store(page, Ordering::Relaxed);
}

/// A pipe with a byte in it. Its methods pass bad buffers to the kernel.
struct Kernel {
    read_end: Fd,
    write_end: Fd,
}

impl Kernel {
    fn new() -> Outcome<Self> {
        let (read_end, write_end) = pipe()?;
        write_end.write_all(b"!")?;
        Ok(Self {
            read_end,
            write_end,
        })
    }

    /// Fails unless the kernel refuses to write at `address`.
    fn refuses_to_write(&self, address: u64) -> Outcome {
        // SAFETY: the addresses given here are ones that the kernel must not write; a kernel
        // that does writes one byte of what the caller named, and the test fails.
        let result = unsafe { syscall::read(self.read_end.0, address, 1) };
        ensure!(
            result == abi::FAILURE,
            "read to {address:#x}: expected -1, saw {result}"
        );
        Ok(())
    }

    /// Fails unless the kernel refuses to read at `address`.
    fn refuses_to_read(&self, address: u64) -> Outcome {
        // SAFETY: nothing of ours is written.
        let result = unsafe { syscall::write(self.write_end.0, address, 1) };
        ensure!(
            result == abi::FAILURE,
            "write from {address:#x}: expected -1, saw {result}"
        );
        Ok(())
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // Both ends are open, and the test can do nothing about a kernel that says otherwise.
        let _ = self.read_end.close();
        let _ = self.write_end.close();
    }
}

/// Fails unless a store to `address` kills the process that makes it.
fn store_kills(what: &str, address: u64) -> Outcome {
    child::run_killed(what, || {
        // SAFETY: the store must fault; if it does not, the child ends and the test fails.
        unsafe { arch::store_byte(address, 0) }
    })
}

/// Fails unless a load from `address` kills the process that makes it.
fn load_kills(what: &str, address: u64) -> Outcome {
    child::run_killed(what, || {
        arch::load_byte(address);
    })
}

/// Runs `check` in this process, in a child and in a grandchild.
fn in_three_generations(check: impl Fn() -> Outcome) -> Outcome {
    check()?;
    child::run(|| {
        check()?;
        child::run(&check)
    })
}

/// Text can be read, address 0 included, and cannot be written.
pub fn text() -> Outcome {
    let first = arch::load_byte(0);
    let code = text as fn() -> Outcome as usize as u64;
    in_three_generations(|| {
        for address in [0, code] {
            store_kills("a store to text", address)?;
            Kernel::new()?.refuses_to_write(address)?;
        }
        let kernel = Kernel::new()?;
        // SAFETY: nothing of ours is written.
        let written = unsafe { syscall::write(kernel.write_end.0, 0, 1) };
        expect("a write from address 0", 1, written)?;
        expect("the byte at address 0", first, arch::load_byte(0))
    })
}

/// Constants can be read and cannot be written, in every process that shares them.
pub fn readonly() -> Outcome {
    let constants = memory::constants();
    in_three_generations(|| {
        for address in [constants.start, constants.end - 1] {
            let before = arch::load_byte(address);
            store_kills("a store to constants", address)?;
            Kernel::new()?.refuses_to_write(address)?;
            expect("constant", before, arch::load_byte(address))?;
        }
        Ok(())
    })
}

/// The page below the stack page belongs to no process.
pub fn guard() -> Outcome {
    let guard = STACK_PAGE.load(Ordering::Relaxed) - PAGE_SIZE as u64;
    in_three_generations(|| {
        for address in [guard, guard + PAGE_SIZE as u64 - 1] {
            store_kills("a store to the guard page", address)?;
            load_kills("a load from the guard page", address)?;
            Kernel::new()?.refuses_to_write(address)?;
            Kernel::new()?.refuses_to_read(address)?;
        }
        Ok(())
    })
}

/// Every call refuses addresses outside of all programs, and a process that touches one is killed.
pub fn outside() -> Outcome {
    for address in OUTSIDE {
        store_kills("a store outside", address)?;
        load_kills("a load from outside", address)?;
        Kernel::new()?.refuses_to_write(address)?;
        Kernel::new()?.refuses_to_read(address)?;
    }
    let end = memory::current_break()?;
    store_kills("a store at the break", end)?;
    load_kills("a load at the break", end)
}
