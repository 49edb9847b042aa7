//! Fields of many objects that one lock protects together.
//!
//! Lists that run through objects (a queue of threads, a tree of processes) keep their links in the
//! objects, so that linking never allocates. One lock protects all links of a list. A [`Keyed`]
//! cell is a link of this kind: it opens with a reference to the key, and the key is kept inside
//! the lock. (The idea is known as a "branded" or "Q" cell: Yanovski et al., "GhostCell", ICFP
//! 2021.)

use core::cell::UnsafeCell;
use core::marker::PhantomData;

/// A type whose only value is the key of [`Keyed`] fields.
///
/// # Safety
///
/// At most one value of the type exists in the whole program, at any time.
pub unsafe trait Key {}

/// A field that is reached only with the key `K`.
pub struct Keyed<K: Key, T> {
    value: UnsafeCell<T>,
    _key: PhantomData<fn(&K)>,
}

// SAFETY: a `&T` needs a `&K`, a `&mut T` needs the `&mut K`, and there is one K. So a `&mut T`
// never exists beside another reference. Several `&T` on several threads, one after another, are
// what `Sync` and `Send` allow.
unsafe impl<K: Key, T: Send + Sync> Sync for Keyed<K, T> {}

impl<K: Key, T> Keyed<K, T> {
    /// Returns a field with this value.
    pub const fn new(value: T) -> Self {
        Self {
            value: UnsafeCell::new(value),
            _key: PhantomData,
        }
    }

    /// Returns the value, for reading.
    #[inline]
    pub fn get<'a>(&'a self, _key: &'a K) -> &'a T {
        // SAFETY: the key is shared for as long as the reference lives, so no thread has the `&mut
        // K` that writing needs.
        unsafe { &*self.value.get() }
    }

    /// Returns the value, for changing.
    #[inline]
    pub fn get_mut<'a>(&'a self, _key: &'a mut K) -> &'a mut T {
        // SAFETY: the only key is borrowed for as long as the reference lives, so no other
        // reference to the value can be made.
        unsafe { &mut *self.value.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::LeafLock;

    #[test]
    fn one_lock_protects_the_fields_of_all() {
        struct Secret;
        // SAFETY: made once, below.
        unsafe impl Key for Secret {}
        let lock = LeafLock::new(Secret);
        let fields = [const { Keyed::<Secret, u32>::new(0) }; 4];
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..10_000 {
                        lock.with(|key| *fields[n % 4].get_mut(key) += 1);
                    }
                });
            }
        });
        lock.with(|key| assert!(fields.iter().all(|field| *field.get(key) == 10_000)));
    }
}
