//! Who gets the frames that a round of reclaim has made free.
//!
//! Programs leave the frames alone that are kept ([`Budget::kept`](crate::commit::Budget::kept)),
//! but for claimants that have waited:
//!
//! - A process that has waited for a page that has its place, because it was promised or is in
//!   swap, leaves half of them for its next [`CREDIT`] frames: the next page will be wanted too, and
//!   what the round made free would otherwise be gone to processes that read files.
//! - A claim for such a page that has waited for [`PLACED_PATIENCE`] rounds itself leaves a
//!   quarter: the rest is the kernel's. A claim for a frame to read a page of a file into does so after
//!   [`FILE_PATIENCE`] rounds, so that it does not wait for ever for the others.
//!
//! So what is freed when frames are fewest goes to *old* claims alone, and a claim that has got its
//! frame is old no longer. An old claim is therefore overtaken at most once by each of the others
//! that are old at the same time: it waits for at most as many rounds that free a frame. A round
//! that writes to files does so; of the pages that it swaps out, those that are not touched
//! meanwhile are free.

/// Frames that a claimant may take out of those kept after it has waited.
const CREDIT: u8 = 16;

/// Rounds after which the claim for a page that has its place is old: one, because its last try
/// ([`Retry`](super::Retry)) may follow the first round and must find every frame there is.
const PLACED_PATIENCE: u8 = 1;

/// Rounds after which the claim for a page of a file is.
const FILE_PATIENCE: u8 = 8;

/// What a process has waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Rounds, for the page that is wanted now.
    rounds: u8,
    credit: u8,
}

impl Patience {
    /// There was no frame.
    pub(crate) fn wait(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        self.credit = CREDIT;
    }

    /// The page is there.
    pub(crate) fn satisfy(&mut self) {
        self.rounds = 0;
        self.credit = self.credit.saturating_sub(1);
    }

    /// Returns how many frames must be left by the claimant of one for a page that has its place,
    /// if `kept` are kept.
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

    /// Returns how many frames must be left by a claimant of one for a page of a file, if `kept`
    /// are kept.
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
