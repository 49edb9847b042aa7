//! The token for the locks that a thread holds.

use core::marker::PhantomData;

use crate::level::{FIRST_SPIN, Level};

/// Proof that its owner holds no lock above level `L`.
///
/// The token has no size. A function that takes locks asks for `&mut Held<..>`; one that may sleep
/// asks for a token of a level below the spin locks.
pub struct Held<L: Level> {
    _level: PhantomData<(L, *mut ())>,
}

impl<L: Level> Held<L> {
    /// Returns a token that claims that no lock above `L` is held here.
    ///
    /// Call it only where a thread of execution begins (the entry of a trap, a thread or a hart). A
    /// false claim can deadlock.
    pub const fn claim() -> Self {
        Self {
            _level: PhantomData,
        }
    }

    /// Returns the token with a weaker claim: as if locks up to `Higher` were held.
    pub fn as_if<Higher: Level>(&mut self) -> &mut Held<Higher> {
        const {
            assert!(
                L::RANK <= Higher::RANK,
                "a token can only be weakened to a higher level"
            )
        }
        // SAFETY: both are zero-sized types with the alignment of 1, so a reference to one is a
        // valid reference to the other; the lifetime stays that of the borrow.
        unsafe { &mut *core::ptr::from_mut(self).cast() }
    }

    /// Fails to compile where the owner must not sleep.
    pub(crate) const fn assert_may_sleep() {
        const {
            assert!(
                L::RANK < FIRST_SPIN,
                "a thread that holds a spin lock must not sleep"
            )
        }
    }
}
