//! Fail-nth: a thread's n-th allocation from now on finds no memory, although there is some.
//!
//! After Linux's `/proc/self/fail-nth` (Documentation/fault-injection/fault-injection.rst): a test
//! runs an operation with n = 1, 2, 3 and so on until it is through, and has seen every way in
//! which it can run out of memory. Counted is what the thread asks of `mm` inside the kernel, its
//! page faults included. A fork does not hand it on; an exec keeps it.
//!
//! Invariant: [`ARMED`] is the number of threads whose count is not 0, so that everybody else pays
//! for one load.

use sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::current;

static ARMED: AtomicUsize = AtomicUsize::new(0);

/// The allocations that a thread has left before one fails, that one included; 0 for none that
/// will.
pub struct FailNth(AtomicU32);

impl FailNth {
    /// No allocation fails.
    pub const fn never() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Returns how many are left. Only the thread itself changes it, so it stays true for that one.
    pub fn left(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// The `nth` allocation from now on is to fail, or none if that is 0. Called by the thread
    /// itself.
    pub fn set(&self, nth: u32) {
        let before = self.0.swap(nth, Ordering::Relaxed);
        match (before == 0, nth == 0) {
            (true, false) => ARMED.fetch_add(1, Ordering::Relaxed),
            (false, true) => ARMED.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// Counts an allocation. Returns whether it is to fail.
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

/// Returns whether the allocation that is about to be made is to fail.
#[inline]
pub fn refuses_allocation() -> bool {
    ARMED.load(Ordering::Relaxed) != 0 && current_refuses()
}

#[cold]
fn current_refuses() -> bool {
    current().is_some_and(|thread| thread.fail_nth.strikes())
}
