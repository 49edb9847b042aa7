//! Which frames are made free when they run short, and how.
//!
//! *Second chance* (the clock; Corbató, 1968): a hand goes round over all frames. A page that was
//! used since it last came by is spared and its accessed bits are cleared; one that was not is
//! evicted, shared and write-protected ones like any other:
//!
//! 1. it gets a slot and goes into the swap cache, clean if it came from there and was not written,
//!    dirty otherwise;
//! 2. every entry that maps it becomes a reference to the slot (break);
//! 3. the harts of its whole family forget, with one fence for all the pages of a round, of
//!    whichever families (flush);
//! 4. what is clean is free; what is dirty is the kernel's to write, and free when that is done.
//!
//! A page of a file goes the same way without a slot, and only if it is clean: the kernel writes a
//! dirty one back first.
//!
//! Never evicted: pages under I/O, pages with references that the reverse map cannot find (a waiter
//! must not lose its page), and pages for which there is no slot.
//!
//! Accessed bits are cleared without a fence: a hart that still has the translation does not set
//! them again for a while, and a page that is used all the time may be evicted. That costs a fault,
//! and is rare; a fence per look would cost more.
//!
//! Any number of harts may reclaim at once, and nothing here sleeps (R8). Neighbours: [`round`] has
//! the private pages that are evicted together, [`files`] those of files, [`crate::rmap`] finds the
//! entries, [`crate::swap`] keeps the contents, the kernel decides when.

mod files;
mod patience;
mod retry;
mod round;

use arrayvec::ArrayVec;
use sync::atomic::{AtomicU64, Ordering};

use crate::addr::FrameNo;
use crate::file::FilePage;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::swap::SwapOuts;
use files::FileRound;
pub(crate) use patience::Patience;
pub use retry::{NoFrame, Retry, Round};
use round::Candidates;

/// Most pages that are evicted at a time. They are kept on the kernel's stack, which is short.
pub const ROUND: usize = 64;

/// Most pages of files that one call finds to be written back: each is a transaction of the file
/// system.
pub const DIRTY_MOST: usize = 8;

/// The hand of the clock.
pub(crate) struct Clock {
    /// How often it has moved on.
    hand: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            hand: AtomicU64::new(0),
        }
    }
}

/// What the hand passes over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spare {
    /// Pages that were used since it last came by.
    Used,
    /// Nothing that can go.
    Nothing,
}

/// What a call of [`Memory::reclaim`] has come to.
#[must_use = "what is to be written is free only after that"]
pub struct Reclaimed<'m, M: Machine> {
    /// Frames that are free now.
    pub freed: u64,
    /// Pages to be written.
    pub writes: SwapOuts<'m, M>,
    /// Pages of files to be written back ([`Memory::write_back_to_evict`]).
    pub dirty: ArrayVec<FilePage, DIRTY_MOST>,
}

impl<M: Machine> Reclaimed<'_, M> {
    /// Pages whose contents a device is to take.
    pub fn leaving(&self) -> u64 {
        (self.writes.pages() + self.dirty.len()) as u64
    }
}

impl<M: Machine> Memory<M> {
    /// Returns whether free frames are so few that somebody should reclaim some.
    pub fn is_short_of_frames(&self) -> bool {
        let frames = self.budget.frames();
        // First what is cheap to tell: every fault asks.
        frames < 2 * self.budget.reserve() && frames < 2 * self.budget.kept()
    }

    /// Returns how many frames somebody who reclaims in the background should make free now.
    pub fn frames_wanted(&self) -> u64 {
        (3 * self.budget.kept()).saturating_sub(self.budget.frames())
    }

    /// Makes up to `wanted` frames free, or gets them ready to be written, at most a [`ROUND`] at a
    /// time. It goes round the clock twice, and a third time without regard to what is used: where
    /// everything is used all the time, something must go all the same. When nothing was freed then
    /// and there is nothing to write, there is nothing to be had.
    pub fn reclaim(&self, wanted: u64) -> Reclaimed<'_, M> {
        let wanted = wanted.min(ROUND as u64) as usize;
        let (mut round, mut files) = (Candidates::new(), FileRound::new());
        for spare in [Spare::Used, Spare::Nothing] {
            let mut moves = match spare {
                Spare::Used => 2 * self.frames.len(),
                Spare::Nothing => self.frames.len(),
            };
            while round.is_empty() && files.len() == 0 && moves > 0 {
                self.gather(wanted, spare, &mut moves, &mut round, &mut files);
                self.unmap_round(&mut round);
            }
        }
        self.flush_round(&round);
        self.flush_files(&files);
        let (freed, writes) = self.finish_round(&round);
        Reclaimed {
            freed: freed + self.finish_files(&files),
            writes,
            dirty: files.dirty,
        }
    }

    /// Returns how often the hand of the clock has come round: the time in which idle things become
    /// known.
    pub fn turns_of_clock(&self) -> u64 {
        self.clock.hand.load(Ordering::Relaxed) / self.frames.len()
    }

    /// Moves the hand on until so many pages are found that can go, or it has moved often enough.
    fn gather(
        &self,
        wanted: usize,
        spare: Spare,
        moves: &mut u64,
        round: &mut Candidates,
        files: &mut FileRound,
    ) {
        let enough = |round: &Candidates, files: &FileRound| {
            round.len() + files.len() >= wanted || files.is_full()
        };
        while !enough(round, files) && *moves > 0 {
            let from = round.len();
            while !enough(round, files) && *moves > 0 {
                *moves -= 1;
                let frame = self.move_hand();
                if self.slots.len() != 0 {
                    round.extend(self.candidate(frame));
                }
                self.consider_file(frame, spare, files);
            }
            self.keep_unused(round, from, spare);
        }
    }

    /// Moves the hand of the clock on, to this frame.
    fn move_hand(&self) -> FrameNo {
        let moves = self.clock.hand.fetch_add(1, Ordering::Relaxed);
        self.frames.frame((moves % self.frames.len()) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pt::Permissions;
    use crate::space::{AddressSpace, Promise};
    use crate::testing::{memory_with_swap, user_range, write};

    #[test]
    fn what_is_used_is_spared_until_nothing_is() {
        let memory = memory_with_swap(100, 10);
        let mut space = AddressSpace::new(memory).unwrap();
        let data = Permissions::READ | Permissions::WRITE;
        space.map(*user_range(0, 1), data, Promise::Lazy).unwrap();
        space.publish();
        let mut found = |spare| {
            write(&mut space, 0, b"used").unwrap();
            let (mut round, mut files) = (Candidates::new(), FileRound::new());
            memory.gather(1, spare, &mut memory.frames.len(), &mut round, &mut files);
            round.len()
        };
        assert_eq!([Spare::Used, Spare::Nothing].map(&mut found), [0, 1]);
    }
}
