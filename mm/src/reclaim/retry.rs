//! The rule for when a claimant is told that there is no memory: the invariant of the pager.
//!
//! A claimant that finds no frame ([`NoMemory::Frames`](crate::NoMemory::Frames)) does a round of
//! reclaim and tries again. It gives up in one of two cases. The first is that twice in a row, with
//! a try of its own in between,
//!
//! - a *full look* at memory found nothing: no page, used or not, can be freed, written back or
//!   swapped out; no idle page table can be reclaimed; and no page is being evicted. Two looks are
//!   needed, because other claimants may have freed frames and used them between the look and the
//!   try.
//!
//! The second case is that the devices have refused every write in [`REFUSALS`] rounds in a row.
//! Every other round is progress, and each round of progress is followed by another try. A page
//! that was *cleaned* is progress just as a freed page is: "nothing was freed this time" does not
//! mean "nothing can be freed".
//!
//! Promised memory is therefore available as long as any page can be cleaned or evicted. The wait
//! is bounded, because
//!
//! - a round ends. It moves the clock's hand by three turns at most, and writes at most
//!   [`ROUND`](super::ROUND) pages to swap and [`DIRTY_MOST`](super::DIRTY_MOST) pages to files. A
//!   page that it has written to a file is free, however often its owners use it, because they
//!   cannot touch it during the write
//!   ([`write_back_to_evict`](crate::Memory::write_back_to_evict));
//! - freed frames go to the claims that have waited, see [`patience`](super::patience). A claim for
//!   a promised page waits for two rounds at most, and for one more for each other process that
//!   has waited as long.
//!
//! Neighbours: the kernel's pager, the oracle and the unit tests run the rounds, and ask a
//! [`Retry`] whether to go on.

/// The number of rounds in a row in which devices may refuse every write. Each round tries other
/// pages.
const REFUSALS: u32 = 8;

/// The result of a round of reclaim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Frames that were freed.
    pub freed: u64,
    /// Pages that were written to a device.
    pub cleaned: u64,
    /// Pages that a device refused to take.
    pub refused: u64,
    /// What other threads have done since the round began.
    pub others: Others,
}

/// What other threads do for a claimant while it does its own round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Others {
    /// Nothing that is known.
    #[default]
    Idle,
    /// They are evicting pages, or have freed frames.
    Evicting,
}

impl Round {
    /// Returns the result of a round in which other threads freed frames, or are evicting pages.
    pub fn of_others() -> Self {
        Self {
            others: Others::Evicting,
            ..Self::default()
        }
    }

    /// Returns the result of writing `pages` pages. `result` is how many frames that freed, or the
    /// device's error.
    pub fn of_write<E>(pages: u64, result: Result<u64, E>) -> Self {
        let round = Self::default();
        match result {
            Ok(freed) => Self {
                freed,
                cleaned: pages,
                ..round
            },
            Err(_) => Self {
                refused: pages,
                ..round
            },
        }
    }

    /// Adds the result of another part of the round.
    pub fn add(&mut self, other: Self) {
        self.freed += other.freed;
        self.cleaned += other.cleaned;
        self.refused += other.refused;
        self.others = self.others.max(other.others);
    }

    /// Returns whether the round freed frames, or made some cheaper to free.
    pub fn made_progress(&self) -> bool {
        self.freed != 0 || self.cleaned != 0 || self.others == Others::Evicting
    }
}

/// There is no frame, and none can be made free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFrame;

/// The state of one claimant's tries to get a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Retry {
    /// As far as is known, frames can be freed.
    Hopeful {
        /// In how many rounds in a row the devices have refused every write.
        refusals: u32,
    },
    /// The last look at memory found nothing.
    LastTry,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl Retry {
    /// Returns the state before the first try, and after every success.
    pub const fn new() -> Self {
        Self::Hopeful { refusals: 0 }
    }

    /// Takes the result of a round that was done because there was no frame. `Ok` means: try again.
    ///
    /// # Errors
    /// [`NoFrame`] if the invariant above says that the claimant gives up.
    pub fn after(&mut self, round: Round) -> Result<(), NoFrame> {
        *self = match *self {
            _ if round.made_progress() => Self::new(),
            Self::Hopeful { refusals } if round.refused != 0 && refusals + 1 < REFUSALS => {
                Self::Hopeful {
                    refusals: refusals + 1,
                }
            }
            Self::Hopeful { .. } if round.refused == 0 => Self::LastTry,
            _ => return Err(NoFrame),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Round = Round {
        freed: 0,
        cleaned: 0,
        refused: 0,
        others: Others::Idle,
    };

    #[test]
    fn two_looks_in_vain_are_the_end() {
        let mut retry = Retry::new();
        assert_eq!(retry.after(NOTHING), Ok(()), "one try more");
        assert_eq!(retry.after(NOTHING), Err(NoFrame));
    }

    #[test]
    fn a_round_says_what_was_written_refused_or_done_by_others() {
        let written = Round::of_write(3, Ok::<_, ()>(2));
        let expected = Round {
            freed: 2,
            cleaned: 3,
            ..NOTHING
        };
        assert_eq!(written, expected);
        let refused = Round {
            refused: 3,
            ..NOTHING
        };
        assert_eq!(Round::of_write(3, Err::<u64, _>(())), refused);
        let of_others = Round {
            others: Others::Evicting,
            ..NOTHING
        };
        assert_eq!(Round::of_others(), of_others);
    }

    #[test]
    fn progress_of_any_kind_is_tried_after() {
        let kinds = [
            Round {
                freed: 1,
                ..NOTHING
            },
            Round {
                cleaned: 1,
                ..NOTHING
            },
            Round {
                others: Others::Evicting,
                ..NOTHING
            },
            Round {
                cleaned: 1,
                refused: 7,
                ..NOTHING
            },
        ];
        for progress in kinds {
            let mut retry = Retry::new();
            for _ in 0..10 * REFUSALS {
                assert_eq!(retry.after(progress), Ok(()), "{progress:?}");
            }
            assert_eq!(retry.after(NOTHING), Ok(()));
            assert_eq!(retry.after(progress), Ok(()));
            assert_eq!(retry.after(NOTHING), Ok(()), "as if for the first time");
        }
    }

    #[test]
    fn a_device_may_refuse_a_few_times() {
        let refused = Round {
            refused: 8,
            ..NOTHING
        };
        let mut retry = Retry::new();
        for _ in 1..REFUSALS {
            assert_eq!(retry.after(refused), Ok(()));
        }
        assert_eq!(retry.after(refused), Err(NoFrame));
        let mut retry = Retry::new();
        retry.after(NOTHING).unwrap();
        assert_eq!(
            retry.after(refused),
            Err(NoFrame),
            "the last try was the last"
        );
    }
}
