//! Values that the boot hart sets once, before any other code reads them.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value that is set during boot and never changes afterwards.
pub struct Once<T> {
    is_set: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written before `is_set` is released and only read after that was acquired.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// Returns a value that is not set yet.
    pub const fn new() -> Self {
        Self {
            is_set: AtomicBool::new(false),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Sets the value.
    ///
    /// # Safety
    /// Called once, while no other hart runs.
    pub unsafe fn set(&self, value: T) -> &T {
        assert!(!self.is_set.load(Ordering::Relaxed), "set twice");
        // SAFETY: no code reads before `is_set`, and no other code writes (the caller's promise).
        let value = unsafe { (*self.value.get()).write(value) };
        self.is_set.store(true, Ordering::Release);
        value
    }

    /// Returns the value, if it has been set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.is_set.load(Ordering::Acquire).then(|| {
            // SAFETY: once set, the value is initialised and never written again.
            unsafe { (*self.value.get()).assume_init_ref() }
        })
    }
}
