//! The innermost locks: held for a few instructions, with nothing taken inside.

use core::cell::UnsafeCell;

use crate::atomic::{AtomicBool, Ordering, constant};
use crate::interrupts::InterruptsOff;
use crate::relax::relax;

/// A spin lock that stands last in the lock order and therefore needs no token.
///
/// The value is reached only inside a closure; the closure must not take another lock.
pub struct LeafLock<T> {
    raw: RawSpin,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only in `with`, under the lock, so sharing the lock hands the value
// from thread to thread, one at a time; that needs `Send` and no more.
unsafe impl<T: Send> Sync for LeafLock<T> {}

impl<T> LeafLock<T> {
    constant! {
        /// Returns a free lock around `value`.
        pub const fn new(value: T) -> Self {
            Self {
                raw: RawSpin::new(),
                value: UnsafeCell::new(value),
            }
        }
    }

    /// Runs `body` with the lock held and interrupts off.
    #[inline]
    pub fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        let _interrupts = InterruptsOff::new();
        self.raw.lock();
        // Unlocks when `body` unwinds too, as a failing assertion does on the host.
        let _unlock = Unlock(&self.raw);
        // SAFETY: `raw` is held until `_unlock` drops, and whoever holds it alone reaches the
        // value.
        body(unsafe { &mut *self.value.get() })
    }

    /// Returns the value of a lock that nobody else can see.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

struct Unlock<'a>(&'a RawSpin);

impl Drop for Unlock<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.unlock();
    }
}

/// Test and test-and-set. Not a ticket lock: under emulation harts outnumber the cores that run
/// them, and a queue would wait for a hart that is not being run.
pub(crate) struct RawSpin {
    taken: AtomicBool,
}

impl RawSpin {
    constant! {
        pub(crate) const fn new() -> Self {
            Self {
                taken: AtomicBool::new(false),
            }
        }
    }

    #[inline]
    pub(crate) fn lock(&self) {
        while !self.try_lock() {
            while self.taken.load(Ordering::Relaxed) {
                relax();
            }
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        let order = Ordering::Acquire;
        // To loom, the store that unlocks may fall between the halves of a swap that fails, and be
        // lost. It is told of an exchange instead, which stores nothing when it fails.
        if cfg!(loom) {
            let taken = self
                .taken
                .compare_exchange(false, true, order, Ordering::Relaxed);
            return taken.is_ok();
        }
        !self.taken.swap(true, order)
    }

    #[inline]
    pub(crate) fn unlock(&self) {
        self.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excludes() {
        let counter = LeafLock::new(0u64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        counter.with(|n| *n += 1);
                    }
                });
            }
        });
        assert_eq!(counter.with(|n| *n), 40_000);
    }

    #[test]
    fn is_free_again_after_a_panic_inside() {
        let lock = LeafLock::new(1);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            lock.with(|_| panic!("inside"))
        }));
        assert!(result.is_err());
        assert_eq!(lock.with(|n| *n), 1);
    }
}
