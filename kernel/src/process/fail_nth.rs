//! Fail-nth: makes the n-th allocation of a thread fail, although there is memory.
//!
//! The model is Linux's `/proc/self/fail-nth` (Documentation/fault-injection/fault-injection.rst).
//! A test runs an operation with n = 1, 2, 3 and so on until it succeeds, and so sees every way in
//! which it can run out of memory. All allocations from `mm` that the thread makes in the kernel
//! are counted, including those of its page faults. A fork does not pass the count on; an exec
//! keeps it.
//!
//! Invariant: [`ARMED`] is the number of threads whose count is not 0. If it is 0, an allocation
//! pays for one load only.

use sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::current;

static ARMED: AtomicUsize = AtomicUsize::new(0);

/// The number of allocations until one fails, that one included; 0 if none will fail.
pub struct FailNth(AtomicU32);

impl FailNth {
    /// Returns a count by which no allocation fails.
    pub const fn never() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Returns the count. Only the thread itself changes it, so it is stable for that thread.
    pub fn left(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes the `nth` allocation from now on fail, or none if `nth` is 0. Called by the thread
    /// itself.
    pub fn set(&self, nth: u32) {
        let before = self.0.swap(nth, Ordering::Relaxed);
        match (before == 0, nth == 0) {
            (true, false) => ARMED.fetch_add(1, Ordering::Relaxed),
            (false, true) => ARMED.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// Counts an allocation. Returns whether it must fail.
    fn strikes(&self) -> bool {
        let left = self.left();
        if left != 0 {
            self.set(left - 1);
        }
        left == 1
    }
}

impl Drop for FailNth {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// Returns whether the allocation that is about to be made must fail.
#[inline]
pub fn refuses_allocation() -> bool {
    ARMED.load(Ordering::Relaxed) != 0 && current_refuses()
}

#[cold]
fn current_refuses() -> bool {
    current().is_some_and(|thread| thread.fail_nth.strikes())
}
