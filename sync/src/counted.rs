//! Counted sharing whose allocation can fail.
//!
//! `alloc`'s `Arc` and `Box` abort when there is no memory. A kernel must return an error instead,
//! so objects that a user program can make it allocate live in a [`Counted`], or in a box from
//! [`try_box`]. Invariant: the value is dropped, and its memory freed, exactly when the last handle
//! is dropped.

use alloc::alloc::{Layout, alloc, dealloc};
use alloc::boxed::Box;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::atomic::{AtomicUsize, Ordering, fence};

/// The error of an allocation for which there was no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

fn allocate<T>() -> Result<NonNull<T>, OutOfMemory> {
    let layout = Layout::new::<T>();
    const {
        assert!(
            size_of::<T>() != 0,
            "an object without a size needs no allocation"
        )
    }
    // SAFETY: the layout has a size.
    NonNull::new(unsafe { alloc(layout) }.cast::<T>()).ok_or(OutOfMemory)
}

/// Returns a box of `value`, or an error if there is no memory.
pub fn try_box<T>(value: T) -> Result<Box<T>, OutOfMemory> {
    let pointer = allocate()?;
    // SAFETY: fresh memory from the global allocator with T's layout. No other code knows it, and
    // it holds a T after the write.
    unsafe {
        pointer.write(value);
        Ok(Box::from_raw(pointer.as_ptr()))
    }
}

struct Inner<T> {
    count: AtomicUsize,
    value: T,
}

/// Memory for a shared value that does not exist yet. Meant for callers that must allocate before
/// they begin an operation that cannot be undone.
pub struct Vacant<T> {
    inner: NonNull<Inner<T>>,
}

impl<T> Vacant<T> {
    /// Allocates memory for a value.
    pub fn try_new() -> Result<Self, OutOfMemory> {
        Ok(Self { inner: allocate()? })
    }

    /// Stores the value. Returns the first handle to it.
    pub fn fill(self, value: T) -> Counted<T> {
        let inner = ManuallyDrop::new(self).inner;
        let count = AtomicUsize::new(1);
        // SAFETY: memory of the right layout that no other code knows.
        unsafe { inner.write(Inner { count, value }) };
        Counted { inner }
    }
}

impl<T> Drop for Vacant<T> {
    fn drop(&mut self) {
        // SAFETY: it came from the global allocator with this layout, and holds nothing.
        unsafe { dealloc(self.inner.as_ptr().cast(), Layout::new::<Inner<T>>()) };
    }
}

/// A handle to a shared value, like `Arc` but made fallibly and without weak handles.
pub struct Counted<T> {
    inner: NonNull<Inner<T>>,
}

// SAFETY: handles on several threads share `&T` and the last drops the T, as with `Arc`.
unsafe impl<T: Send + Sync> Send for Counted<T> {}
// SAFETY: as above; `&Counted` gives `&T` and new handles.
unsafe impl<T: Send + Sync> Sync for Counted<T> {}

impl<T> Counted<T> {
    /// Returns the first handle to `value`.
    pub fn try_new(value: T) -> Result<Self, OutOfMemory> {
        Ok(Vacant::try_new()?.fill(value))
    }

    /// Returns whether both handles belong to one value.
    pub fn is_same(&self, other: &Self) -> bool {
        self.inner == other.inner
    }

    /// Drops the handle. Returns the value if this was the last handle. Meant for values that need
    /// more to end than `Drop` gets, such as a token of the locks held.
    pub fn into_inner(self) -> Option<T> {
        let inner = ManuallyDrop::new(self).inner;
        // SAFETY: this was a handle, so the value lives until the count has been lowered.
        let count = unsafe { &inner.as_ref().count };
        if count.fetch_sub(1, Ordering::Release) != 1 {
            return None;
        }
        fence(Ordering::Acquire);
        // SAFETY: the count was 1 and this was the handle, so no other thread reaches the value any
        // more. The value is moved out before its memory is freed.
        unsafe {
            let value = inner.read().value;
            dealloc(inner.as_ptr().cast(), Layout::new::<Inner<T>>());
            Some(value)
        }
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: the value lives while a handle does, and this is one.
        unsafe { self.inner.as_ref() }
    }
}

impl<T> Clone for Counted<T> {
    fn clone(&self) -> Self {
        // Relaxed: the cloning thread holds a handle, so the count is not on its way to zero.
        self.inner().count.fetch_add(1, Ordering::Relaxed);
        Self { inner: self.inner }
    }
}

impl<T: fmt::Debug> fmt::Debug for Counted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        // Release, then acquire by the last handle, which therefore sees all earlier uses of the
        // value.
        if self.inner().count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: the count was 1 and this was the handle, so no other thread reaches the value any
        // more.
        unsafe {
            self.inner.drop_in_place();
            dealloc(self.inner.as_ptr().cast(), Layout::new::<Inner<T>>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_with_the_last_handle() {
        struct Flag<'a>(&'a AtomicUsize);
        impl Drop for Flag<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let drops = AtomicUsize::new(0);
        let first = Counted::try_new(Flag(&drops)).unwrap();
        let second = first.clone();
        assert!(first.is_same(&second));
        drop(first);
        assert_eq!(drops.load(Ordering::Relaxed), 0);
        std::thread::scope(|scope| {
            scope.spawn(move || drop(second));
        });
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_last_handle_gets_the_value() {
        let first = Counted::try_new(std::string::String::from("value")).unwrap();
        let second = first.clone();
        assert_eq!(first.into_inner(), None);
        assert_eq!(second.into_inner().as_deref(), Some("value"));
    }

    #[test]
    fn memory_comes_before_the_value() {
        drop(Vacant::<std::string::String>::try_new());
        let room = Vacant::try_new().unwrap();
        let only = room.fill(std::string::String::from("value"));
        assert_eq!(only.into_inner().as_deref(), Some("value"));
    }

    #[test]
    fn boxes() {
        assert_eq!(*try_box(7).unwrap(), 7);
    }
}
