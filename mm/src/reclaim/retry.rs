//! Who is told that there is no memory, and after what: the invariant of the pager.
//!
//! Whoever finds no frame ([`NoMemory::Frames`](crate::NoMemory::Frames)) has a round of reclaim
//! done and tries again. It gives up only when, twice in a row and with a try of its own in
//! between,
//!
//! - a *full look* at memory found nothing: no page can be freed, written back or swapped out,
//!   whether it is used or not; no idle page table can be lent; and no page is on its way out.
//!   Twice, because others may have made frames free, and used them, between the look and the try;
//!
//! or when the devices have refused whatever was tried, [`REFUSALS`] rounds in a row. Every other
//! round is progress, and progress is tried after for as long as it is made. A page that was
//! *cleaned* is progress as much as one that was freed: "nothing was freed this time" is not
//! "nothing can be freed".
//!
//! So what was promised is there as long as anything can be cleaned or evicted. And nobody waits
//! for long, because
//!
//! - a round ends: it moves the clock on by three turns at most, writes [`ROUND`](super::ROUND)
//!   pages to swap and [`DIRTY_MOST`](super::DIRTY_MOST) to files at most. What it has written to a
//!   file is free, however busy its owners are: they cannot touch it meanwhile
//!   ([`write_back_to_evict`](crate::Memory::write_back_to_evict));
//! - what is freed goes to claims that have waited for it, see [`patience`](super::patience): a
//!   claim for a promised page waits for two rounds at most, and for one more for each other
//!   process that waits as long.
//!
//! Neighbours: the kernel's pager, the oracle and the unit tests do the rounds, and ask a [`Retry`]
//! what then.

/// In how many rounds in a row nothing may come of what was tried. Each time other pages are tried.
const REFUSALS: u32 = 8;

/// What a round of reclaim has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Frames that were made free.
    pub freed: u64,
    /// Pages whose contents are on a device now.
    pub cleaned: u64,
    /// Pages whose contents a device would not take.
    pub refused: u64,
    /// Others have pages on their way out, or have had since the round began.
    pub others: bool,
}

impl Round {
    /// Of a round in which others have made frames free, or have pages on their way out.
    pub fn of_others() -> Self {
        Self {
            others: true,
            ..Self::default()
        }
    }

    /// Of the write of some pages: `result` is how many frames are free for it, if the device took
    /// them.
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

    /// Adds what something else in the same round has come to.
    pub fn add(&mut self, other: Self) {
        self.freed += other.freed;
        self.cleaned += other.cleaned;
        self.refused += other.refused;
        self.others |= other.others;
    }

    /// Returns whether frames are free for it, or will be with less effort.
    pub fn made_progress(&self) -> bool {
        self.freed != 0 || self.cleaned != 0 || self.others
    }
}

/// There is no frame, and none can be made free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoFrame;

/// One claimant's tries to get a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Retry {
    /// As far as is known, frames can be made free.
    Hopeful {
        /// In so many rounds in a row devices have refused everything.
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
    /// Nothing was tried yet, or a frame was there.
    pub const fn new() -> Self {
        Self::Hopeful { refusals: 0 }
    }

    /// Says what a round came to that was done because no frame was there. Ok: it makes sense to
    /// try again.
    ///
    /// # Errors
    /// [`NoFrame`] as the invariant says.
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
        others: false,
    };

    #[test]
    fn two_looks_in_vain_are_the_end() {
        let mut retry = Retry::new();
        assert_eq!(retry.after(NOTHING), Ok(()), "one try more");
        assert_eq!(retry.after(NOTHING), Err(NoFrame));
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
                others: true,
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
