//! What has been promised: who may take a frame, decided before anybody looks for one.
//!
//! A [`Tickets`] value is the right to a number of frames. The budget counts the frames that are free and
//! promised to nobody; taking tickets lowers it, freeing a frame or returning a ticket raises it. So
//!
//!   free frames = budget + tickets in hands + promises kept in areas
//!
//! and whoever holds a ticket finds a frame: allocation itself cannot fail. An operation that needs
//! several frames takes its tickets first and then cannot stop half-way (R5). A promise (an eager break, a
//! program's image and stack) is nothing but tickets that an area keeps, so what is promised is there when it is
//! touched (R7), and what was not promised (copies, lazy pages) runs out first.
//!
//! Claimants differ in how much they must leave for others: see [`Claim`].

use sync::atomic::{AtomicU64, Ordering};

/// There is no memory for this claimant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl From<sync::OutOfMemory> for NoMemory {
    fn from(_: sync::OutOfMemory) -> Self {
        Self
    }
}

impl From<alloc::collections::TryReserveError> for NoMemory {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        Self
    }
}

/// How long the kernel wants a frame for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// For one system call: it may come out of the kernel's reserve, so that a program can still read, write and exec
    /// when others have taken all that programs can take.
    Passing,
    /// For as long as some object lives, which a program decides.
    Lasting,
}

impl From<Need> for Claim {
    fn from(need: Need) -> Self {
        match need {
            Need::Passing => Self::Kernel,
            Need::Lasting => Self::Program,
        }
    }
}

/// On whose behalf frames are taken; the later ones leave more behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The kernel for itself, for an operation that is already under way: may take the last frame.
    Kernel,
    /// A program that wants a promise, or touches what it was never promised: leaves the kernel's reserve.
    Program,
    /// A fork: leaves head-room too, so that a fork bomb starves itself and not the shell.
    Fork,
}

/// The frames that are free and promised to nobody.
pub(crate) struct Budget {
    available: AtomicU64,
    reserve: u64,
    headroom: u64,
}

impl Budget {
    /// A budget of `frames`, of which 1/64 (at least 16) are the kernel's reserve and 1/32 more (at least 64)
    /// are out of reach of forks.
    pub(crate) fn new(frames: u64) -> Self {
        let reserve = (frames / 64).max(16);
        Self {
            available: AtomicU64::new(frames),
            reserve,
            headroom: reserve + (frames / 32).max(64),
        }
    }

    /// Frames that programs can never be promised.
    pub(crate) fn reserve(&self) -> u64 {
        self.reserve
    }

    /// The right to `count` frames.
    #[inline]
    pub(crate) fn take(&self, count: u64, claim: Claim) -> Result<Tickets<'_>, NoMemory> {
        let floor = match claim {
            Claim::Kernel => 0,
            Claim::Program => self.reserve,
            Claim::Fork => self.headroom,
        };
        let needed = count.checked_add(floor).ok_or(NoMemory)?;
        self.available
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |available| {
                (available >= needed).then(|| available - count)
            })
            .map_err(|_| NoMemory)?;
        Ok(Tickets {
            budget: self,
            count,
        })
    }

    /// Tickets that an area kept as its promise.
    #[inline]
    pub(crate) fn redeem(&self, count: u64) -> Tickets<'_> {
        Tickets {
            budget: self,
            count,
        }
    }

    /// A frame has become free, and is on a list already.
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        self.available.fetch_add(count, Ordering::Relaxed);
    }

    /// How many are left.
    pub(crate) fn available(&self) -> u64 {
        self.available.load(Ordering::Relaxed)
    }
}

/// The right to some frames. What is not used goes back when it drops.
#[must_use]
pub(crate) struct Tickets<'m> {
    budget: &'m Budget,
    count: u64,
}

impl Tickets<'_> {
    /// Uses one up.
    ///
    /// # Panics
    /// If none is left: the operation counted wrongly.
    #[inline]
    pub(crate) fn punch(&mut self) {
        self.count = self
            .count
            .checked_sub(1)
            .expect("an operation took more frames than it had tickets for");
    }

    /// Uses `count` up at once; for a promise to keep.
    pub(crate) fn punch_many(&mut self, count: u64) {
        self.count = self
            .count
            .checked_sub(count)
            .expect("a promise of more tickets than there are");
    }
}

impl Drop for Tickets<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.count != 0 {
            self.budget.add(self.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_claimants_leave_more() {
        let budget = Budget::new(1000);
        let most = |claim| {
            (1..=1000)
                .rev()
                .find(|&n| budget.take(n, claim).is_ok())
                .unwrap()
        };
        assert_eq!(most(Claim::Kernel), 1000);
        assert_eq!(most(Claim::Program), 984);
        assert_eq!(most(Claim::Fork), 984 - 64);
        assert_eq!(
            budget.available(),
            1000,
            "a claim that was dropped changed nothing"
        );
        assert!(budget.take(u64::MAX, Claim::Program).is_err());
    }

    #[test]
    #[should_panic(expected = "more frames than it had tickets for")]
    fn no_frame_without_a_ticket() {
        let budget = Budget::new(100);
        let mut tickets = budget.take(1, Claim::Kernel).unwrap();
        tickets.punch();
        tickets.punch();
    }
}
