//! The token for the locks that a thread holds.

use core::marker::PhantomData;

use crate::level::{FIRST_SPIN, Level, Nothing, Sleeping};

/// Proof that its owner holds no lock above level `L`.
///
/// The token has no size. A function that takes locks asks for `&mut Held<..>`; one that may sleep
/// asks for a token of a level below the spin locks.
///
/// A token is made where nothing can hand one on. Each constructor says what must be true there,
/// because a false token can deadlock: [`Held::at_start`], [`Held::in_interrupt`] and
/// [`Held::by_contract`]. All others are borrowed from those, or from the guard of a lock.
pub struct Held<L: Level> {
    _level: PhantomData<(L, *mut ())>,
}

impl Held<Nothing> {
    /// Returns the token of a thread of execution that begins here, and so holds no lock: the entry
    /// of a trap from user mode, the first function of a thread, the boot of a hart.
    pub const fn at_start() -> Self {
        Self::new()
    }
}

impl Held<Sleeping> {
    /// Returns the token of the handler of an interrupt.
    ///
    /// The interrupted code may hold sleep locks, but no spin lock, because spin locks keep
    /// interrupts off. Call it only where an interrupt was taken from code that had them on.
    pub const fn in_interrupt() -> Self {
        Self::new()
    }
}

impl<L: Level> Held<L> {
    /// Returns a token inside an interface that cannot pass one on: `Drop`, or a trait of another
    /// crate. Call it only where the contract of that interface keeps its callers from holding a
    /// lock above `L`, and name the contract.
    pub const fn by_contract() -> Self {
        Self::new()
    }

    /// Returns the token of a guard that has just taken a lock of level `L`.
    pub(crate) const fn of_guard() -> Self {
        Self::new()
    }

    const fn new() -> Self {
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
