//! The rule for which claimants get the frames that a round of reclaim has freed.
//!
//! Programs leave the last frames ([`Budget::kept`](crate::commit::Budget::kept)) alone. Claimants
//! that have waited may take some of them:
//!
//! - A process that has waited for a promised or swapped-out page leaves only half of the kept
//!   frames for its next [`CREDIT`] pages. It will want the next page too, and without this rule
//!   processes that read files would have taken the freed frames by then.
//! - A claim for a promised or swapped-out page that has itself waited for [`PLACED_PATIENCE`]
//!   rounds leaves a quarter, which is the kernel's. A claim for a frame to read a page of a file
//!   into leaves a quarter after [`FILE_PATIENCE`] rounds, so that claims of the other kind cannot
//!   starve it.
//!
//! When frames are fewest, freed frames therefore go only to *old* claims, those that have waited
//! for that many rounds. A claim that gets its frame is old no longer, so each of the claims that
//! are old at one time overtakes another at most once: with n of them, an old claim waits for at
//! most n rounds that free a frame. A round that writes to files frees one. A round that swaps out
//! frees those pages that are not touched meanwhile.

/// How many of the kept frames a claimant may take after it has waited.
const CREDIT: u8 = 16;

/// The rounds after which a claim for a promised or swapped-out page is old. It is one, because the
/// last try ([`Retry`](super::Retry)) may follow the first round and must find every frame there
/// is.
const PLACED_PATIENCE: u8 = 1;

/// The rounds after which a claim for a page of a file is old.
const FILE_PATIENCE: u8 = 8;

/// How long a process has waited for frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Rounds waited for the page that is wanted now.
    rounds: u8,
    credit: u8,
}

impl Patience {
    /// Notes that there was no frame.
    pub(crate) fn wait(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        self.credit = CREDIT;
    }

    /// Notes that the wanted page is present.
    pub(crate) fn satisfy(&mut self) {
        self.rounds = 0;
        self.credit = self.credit.saturating_sub(1);
    }

    /// Returns how many frames a claim for a promised or swapped-out page must leave free, if
    /// `kept` frames are kept.
    #[inline]
    pub(crate) fn floor_for_placed(self, kept: u64) -> u64 {
        if self.rounds >= PLACED_PATIENCE {
            floor_for_old(kept)
        } else if self.credit != 0 {
            kept / 2
        } else {
            kept
        }
    }

    /// Returns how many frames a claim for a page of a file must leave free, if `kept` frames are
    /// kept.
    pub(crate) fn floor_for_file(self, kept: u64) -> u64 {
        if self.rounds >= FILE_PATIENCE {
            floor_for_old(kept)
        } else {
            kept
        }
    }
}

#[inline]
fn floor_for_old(kept: u64) -> u64 {
    kept / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floors(patience: Patience) -> (u64, u64) {
        (patience.floor_for_placed(40), patience.floor_for_file(40))
    }

    #[test]
    fn a_promise_that_was_waited_for_comes_before_files() {
        let mut patience = Patience::default();
        assert_eq!(floors(patience), (40, 40));
        patience.wait();
        patience.satisfy();
        for _ in 1..CREDIT {
            assert_eq!(floors(patience), (20, 40));
            patience.satisfy();
        }
        assert_eq!(floors(patience), (40, 40));
    }

    #[test]
    fn an_old_claim_comes_before_those_that_were_served() {
        let mut patience = Patience::default();
        for _ in 0..PLACED_PATIENCE {
            assert!(floors(patience).0 > 10);
            patience.wait();
        }
        assert_eq!(floors(patience), (10, 40));
        patience.satisfy();
        assert_eq!(floors(patience), (20, 40), "the next page is another claim");
    }

    #[test]
    fn a_file_that_was_waited_for_long_comes_too() {
        let mut patience = Patience::default();
        for _ in 0..FILE_PATIENCE {
            assert_eq!(floors(patience).1, 40);
            patience.wait();
        }
        assert_eq!(floors(patience).1, 10);
        patience.satisfy();
        assert_eq!(floors(patience).1, 40);
    }
}
