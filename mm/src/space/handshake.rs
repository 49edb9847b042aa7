//! The hand-shake between harts that come to a space and go, and somebody who has changed it.
//!
//! [`Users`] has the harts that translate with a space now; [`Stale`] those that must forget something before they next do. A hart
//! that comes enters the first, then looks at the second; whoever has changed an entry writes the second, then looks at the first. A
//! sequentially consistent fence stands between the two steps on both sides:
//!
//! - if the hart's fence is first, whoever made the change sees the hart among the users and tells it, or sees that it has left;
//! - if it is second, the hart sees that it is stale and forgets.
//!
//! A hart that finds itself stale also sees the changes it was told of, or it would learn the old entry again and be stale no
//! more: telling releases, taking acquires. A hart's accesses happen before whoever sees that it has left frees what it used: leaving
//! releases, looking acquires. A hart that is seen too early is told once too often.

use sync::atomic::{AtomicU64, Ordering, fence};

use crate::machine::HartSet;

/// The harts that translate with a space now.
pub(crate) struct Users(AtomicU64);

impl Users {
    /// There are none.
    pub(crate) fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The hart comes; it looks at what is stale before it translates.
    pub(crate) fn enter(&self, hart: HartSet) {
        self.0.fetch_or(hart.0, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The hart translates no more.
    pub(crate) fn leave(&self, hart: HartSet) {
        self.0.fetch_and(!hart.0, Ordering::Release);
    }

    /// Whether this hart, asking for itself, is one.
    #[inline]
    pub(crate) fn include(&self, hart: HartSet) -> bool {
        self.0.load(Ordering::Relaxed) & hart.0 != 0
    }

    /// Who they are.
    pub(crate) fn now(&self) -> HartSet {
        HartSet(self.0.load(Ordering::Acquire))
    }
}

/// The harts that must forget before they translate with a space next.
pub(crate) struct Stale(AtomicU64);

impl Stale {
    /// All of them.
    pub(crate) fn all() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// Notes that harts must forget what has been changed; those of the users that must be made to right now.
    pub(crate) fn tell(&self, harts: HartSet, users: &Users) -> HartSet {
        self.0.fetch_or(harts.0, Ordering::Release);
        fence(Ordering::SeqCst);
        users.now()
    }

    /// Notes that this hart, which made the change itself, must forget when it comes.
    pub(crate) fn remember(&self, hart: HartSet) {
        self.0.fetch_or(hart.0, Ordering::Relaxed);
    }

    /// Whether this hart, which has just come, must forget. It does so after this: a change that is told later
    /// finds it among the users.
    pub(crate) fn take(&self, hart: HartSet) -> bool {
        let stale = self.0.load(Ordering::Relaxed) & hart.0 != 0;
        if stale {
            self.0.fetch_and(!hart.0, Ordering::Acquire);
        }
        stale
    }
}
