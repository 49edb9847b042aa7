//! Reclaim: which frames are freed when they run short, and how.
//!
//! The policy is *second chance* (the clock; Corbató, 1968). A hand goes round over all frames. A
//! page that was used since the hand last passed is spared, and its accessed bits are cleared. A
//! page that was not used is evicted; shared and write-protected pages are no exception:
//!
//! 1. The page gets a slot and enters the swap cache. It is clean if it came from that slot and was
//!    not written since, dirty otherwise.
//! 2. Every entry that maps the page is replaced by a reference to the slot (break).
//! 3. The harts of its whole family drop their translations (flush). One fence serves all pages of
//!    a round, of however many families.
//! 4. A clean page's frame is free. A dirty page is written by the kernel, and its frame is free
//!    afterwards.
//!
//! A page of a file is evicted in the same steps but without a slot, and only if it is clean: the
//! kernel writes a dirty one back first.
//!
//! Never evicted: pages under I/O; pages with references that the reverse map cannot find, for
//! example those of a waiting process, which must not lose its page; and private pages for which
//! there is no slot.
//!
//! Accessed bits are cleared without a fence. A hart that still has the translation does not set
//! the bit again for a while, so a page that is in constant use may be evicted. That costs one
//! fault and is rare; a fence for every page examined would cost more.
//!
//! Any number of harts may reclaim at once, and nothing here sleeps (R8). Neighbours: [`round`]
//! evicts private pages, [`files`] pages of files; [`crate::rmap`] finds the entries,
//! [`crate::swap`] keeps the contents; the kernel decides when to reclaim.

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
pub use retry::{NoFrame, Others, Retry, Round};
use round::Candidates;

/// The most pages that one round evicts. The round is kept on the kernel's stack, which is short.
pub const ROUND: usize = 64;

/// The most pages of files that one round returns to be written back. Each of them is one
/// transaction of the file system.
pub const DIRTY_MOST: usize = 8;

/// The hand of the clock.
pub(crate) struct Clock {
    /// How often the hand has moved on by one frame.
    hand: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            hand: AtomicU64::new(0),
        }
    }
}

/// Which pages the hand passes over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spare {
    /// Pages that were used since the hand last passed.
    Used,
    /// No page that can be evicted.
    Nothing,
}

/// The result of [`Memory::reclaim`].
#[must_use = "what is to be written is free only after that"]
pub struct Reclaimed<'m, M: Machine> {
    /// Frames that are free now.
    pub freed: u64,
    /// Pages that the kernel must write to swap.
    pub writes: SwapOuts<'m, M>,
    /// Pages of files that the kernel must write back ([`Memory::write_back_to_evict`]).
    pub dirty: ArrayVec<FilePage, DIRTY_MOST>,
}

impl<M: Machine> Reclaimed<'_, M> {
    /// Returns how many pages are to be written to a device.
    pub fn leaving(&self) -> u64 {
        (self.writes.pages() + self.dirty.len()) as u64
    }
}

impl<M: Machine> Memory<M> {
    /// Returns whether so few frames are free that the background should reclaim some.
    pub fn is_short_of_frames(&self) -> bool {
        let frames = self.budget.frames();
        // The cheap comparison comes first, because every fault asks.
        frames < 2 * self.budget.reserve() && frames < 2 * self.budget.kept()
    }

    /// Returns how many frames the background should free now.
    pub fn frames_wanted(&self) -> u64 {
        (3 * self.budget.kept()).saturating_sub(self.budget.frames())
    }

    /// Frees up to `wanted` frames, or prepares their pages to be written; at most [`ROUND`] in one
    /// call. The hand goes round twice and spares pages in use. If it finds nothing, it goes round
    /// a third time and spares none, because memory may consist of pages in constant use. If the
    /// result is then empty, no page can be evicted.
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

    /// Returns how many turns the hand has completed. Other parts measure idleness in turns.
    pub fn turns_of_clock(&self) -> u64 {
        self.clock.hand.load(Ordering::Relaxed) / self.frames.len()
    }

    /// Moves the hand until `wanted` pages are found that can be evicted, or `moves` are used up.
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

    /// Moves the hand on by one frame. Returns that frame.
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
