//! Values that are set once during the boot and never change.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, Ordering};

/// Nobody has begun to set the value.
const EMPTY: u8 = 0;
/// One thread is storing the value.
const BEGUN: u8 = 1;
/// The value can be read.
const SET: u8 = 2;

/// A value that is set during boot and never changes afterwards.
pub struct Once<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: one thread writes the value, before it releases `SET`; it is read only after `SET` was
// acquired.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// Returns a value that is not set yet.
    pub const fn new() -> Self {
        Self {
            state: AtomicU8::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Sets the value.
    ///
    /// # Panics
    /// If it is set already.
    pub fn set(&self, value: T) -> &T {
        let order = Ordering::Relaxed;
        let begins = self.state.compare_exchange(EMPTY, BEGUN, order, order);
        assert!(begins.is_ok(), "set twice");
        // SAFETY: this thread alone found `EMPTY`, so no other writes, and no code reads before
        // `SET`.
        let value = unsafe { (*self.value.get()).write(value) };
        self.state.store(SET, Ordering::Release);
        value
    }

    /// Returns the value, if it has been set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        (self.state.load(Ordering::Acquire) == SET).then(|| {
            // SAFETY: once set, the value is initialised and never written again.
            unsafe { (*self.value.get()).assume_init_ref() }
        })
    }
}
