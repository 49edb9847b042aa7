//! Who gets the frames that a round of reclaim has made free.
//!
//! Programs leave the frames alone that are kept ([`Budget::kept`](crate::commit::Budget::kept)),
//! but for two kinds of claimants, which leave a quarter of them: the rest is the kernel's.
//!
//! - Whoever has waited for a frame for a page that has its place, because it was promised or is in
//!   swap. It may take [`CREDIT`] frames so, for the next page will be wanted too, and what the
//!   round made free would otherwise be gone to those who read files.
//! - Whoever has waited for [`PATIENCE`] rounds for a frame to read a page of a file into. So those
//!   do not wait for ever for the others.

/// Frames that a claimant may take out of those kept after it has waited.
const CREDIT: u8 = 16;

/// Rounds after which a page of a file is as urgent as any other.
const PATIENCE: u8 = 8;

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
        floor(kept, self.credit != 0)
    }

    /// Returns how many frames must be left by a claimant of one for a page of a file, if `kept`
    /// are kept.
    pub(crate) fn floor_for_file(self, kept: u64) -> u64 {
        floor(kept, self.rounds >= PATIENCE)
    }
}

#[inline]
fn floor(kept: u64, urgent: bool) -> u64 {
    if urgent { kept / 4 } else { kept }
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
        for _ in 0..CREDIT {
            assert_eq!(floors(patience), (10, 40));
            patience.satisfy();
        }
        assert_eq!(floors(patience), (40, 40));
    }

    #[test]
    fn a_file_that_was_waited_for_long_comes_too() {
        let mut patience = Patience::default();
        for _ in 0..PATIENCE {
            assert_eq!(floors(patience).1, 40);
            patience.wait();
        }
        assert_eq!(floors(patience).1, 10);
        patience.satisfy();
        assert_eq!(floors(patience).1, 40);
    }
}
