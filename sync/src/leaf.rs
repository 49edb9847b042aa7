//! Leaf locks, the innermost in the order: held for a few instructions, with no lock taken inside.

use core::cell::UnsafeCell;

use crate::atomic::{AtomicBool, Ordering, constant};
use crate::interrupts::InterruptsOff;
use crate::relax::relax;

/// A spin lock that comes last in the lock order and therefore needs no token.
///
/// The value is reached only inside a closure; the closure must not take another lock.
pub struct LeafLock<T> {
    raw: RawSpin,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only in `with`, under the lock. Sharing the lock moves the value
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
        // Unlocks even if `body` unwinds, as a failing assertion does on the host.
        let _unlock = Unlock(&self.raw);
        // SAFETY: `raw` is held until `_unlock` drops, and only its holder reaches the value.
        body(unsafe { &mut *self.value.get() })
    }

    /// Returns the value of a lock that is not shared.
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

/// A test-and-set lock. It is not a ticket lock: under emulation there are more harts than cores,
/// and a queue would wait for a hart that is not running.
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
        // In loom's model, the store that unlocks may fall between the halves of a failing swap and
        // be lost. So loom gets a compare-exchange instead, which stores nothing when it fails.
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
