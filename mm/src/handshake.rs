//! The hand-shake between harts that enter and leave a space, and a thread that has changed it.
//!
//! [`Users`] is the set of harts that translate with a space now; [`Stale`] is the set of harts
//! that must fence before they translate with it next. A hart that enters writes the first and then
//! reads the second. A thread that has changed an entry writes the second and then reads the first.
//! On both sides, a sequentially consistent fence stands between the two steps:
//!
//! - if the hart's fence is first, the changing thread finds the hart among the users and fences
//!   it, or finds that it has left;
//! - if the hart's fence is second, the hart finds that it is stale and fences itself.
//!
//! A hart that finds itself stale must also see the changed entries. Otherwise it would load the
//! old entry into its TLB again and be stale no more. `tell` therefore releases and `take`
//! acquires. The accesses of a hart must happen before the changing thread frees their frames, so
//! `leave` releases and `now` acquires. A hart that is seen as a user too early is fenced once too
//! often, which does no harm.

use sync::atomic::{AtomicU64, Ordering, fence};

use crate::machine::HartSet;

/// The harts that translate with a space now.
pub(crate) struct Users(AtomicU64);

impl Users {
    /// Returns an empty set.
    pub(crate) fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds a hart. The hart must then take its mark in [`Stale`], before it translates.
    pub(crate) fn enter(&self, hart: HartSet) {
        self.0.fetch_or(hart.0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Removes a hart, which translates with the space no longer.
    pub(crate) fn leave(&self, hart: HartSet) {
        self.0.fetch_and(!hart.0, Ordering::Release);
    }

    /// Returns whether this hart is among the users. Only the hart itself asks.
    #[inline]
    pub(crate) fn include(&self, hart: HartSet) -> bool {
        self.0.load(Ordering::Relaxed) & hart.0 != 0
    }

    /// Returns the users.
    pub(crate) fn now(&self) -> HartSet {
        HartSet(self.0.load(Ordering::Acquire))
    }
}

/// The harts that must fence before they translate with a space next.
pub(crate) struct Stale(AtomicU64);

impl Stale {
    /// Returns the set of all harts.
    pub(crate) fn all() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// Adds harts, because an entry has changed. Returns the users, which must be fenced now.
    pub(crate) fn tell(&self, harts: HartSet, users: &Users) -> HartSet {
        self.0.fetch_or(harts.0, Ordering::Release);
        fence(Ordering::SeqCst);
        users.now()
    }

    /// Adds this hart, which made the change itself and does not use the space.
    pub(crate) fn remember(&self, hart: HartSet) {
        self.0.fetch_or(hart.0, Ordering::Relaxed);
    }

    /// Removes this hart, which has just entered. Returns whether it must fence, which it does
    /// after this call: a later change finds it among the users.
    pub(crate) fn take(&self, hart: HartSet) -> bool {
        let stale = self.0.load(Ordering::Relaxed) & hart.0 != 0;
        if stale {
            self.0.fetch_and(!hart.0, Ordering::Acquire);
        }
        stale
    }
}
