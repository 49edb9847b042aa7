//! Commit accounting: who may take a frame, and what has been promised. It is decided before any
//! frame is looked for.
//!
//! A page needs a *place*: a frame, or a slot of the swap device. It keeps its one place wherever
//! it is moved. To be used it needs a *frame*. The budget counts both: places that are neither
//! taken nor promised, and frames that are neither taken nor reserved. A [`Reservation`] is the
//! right to a number of frames, and to as many places. Reserving lowers both numbers; freeing a
//! frame, or dropping a reservation, raises them; eviction raises the frames alone. The page cache
//! takes frames without places, because it can give them back. So
//!
//! ```text
//! frames + slots = places + reservations + promises kept in areas and for shared tables
//!                  + frames in use but for the page cache's + slots of pages without a frame
//! free frames    = frames + reservations
//! ```
//!
//! and a reserved frame is always found: allocation itself cannot fail. An operation that needs
//! several frames reserves all of them first and then cannot stop half-way (R5). A promise (an
//! eager break, a program's image and stack) is places that an area keeps. So what is promised is
//! there when it is touched (R7), and what was not promised (copies, lazy pages) runs out first. A
//! promise leaves some places for that: a program that asks until it is refused has still to copy
//! its stack, which it shares with its parent.
//! Without swap a place is a frame, and a promise always finds one. With swap, or pages of files in
//! memory, it may have to evict one first ([`NoMemory::Frames`]).
//!
//! # Ways to take
//!
//! Each way leaves a number of places and a number of frames to others, its *floors*:
//!
//! | for                                          | by                               | places left     | frames left |
//! |----------------------------------------------|----------------------------------|-----------------|-------------|
//! | an operation that cannot wait, page tables   | [`Budget::take`]                 | as [`Claim`] says | 0         |
//! | a touched page that was not promised         | [`Budget::take_for_page`]        | the reserve     | `kept`      |
//! | a touched page that has its place            | [`Budget::take_for_placed_page`] | takes none      | `kept` or less, as [`Patience`] says |
//! | a page of the page cache                     | [`Budget::take_without_place`]   | takes none      | the caller's floor, from [`Patience`] |
//! | a promise                                    | [`Budget::take_places`]          | as [`Claim`] says | takes none |
//!
//! `kept` ([`Budget::kept`]) is the smaller of the reserve and the number of pages that can be
//! evicted. Programs leave that many frames, so that there are always frames to exchange pages by.
//! An operation of the kernel may take the last frame, because it cannot stop half-way; page tables
//! and kernel objects, which cannot be evicted, have a limit of their own (`fixed_most`).

use sync::atomic::{AtomicU64, Ordering};

use crate::reclaim::Patience;

/// Why there is no memory for a claimant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMemory {
    /// Every place is taken or promised: only memory that others free helps.
    Places,
    /// There is a place but no free frame: evicting pages helps ([`crate::Memory::reclaim`]).
    Frames,
}

/// An error that may mean that there is no memory.
pub trait Shortage {
    /// Returns whether a free frame is all that is missing.
    fn is_of_frames(&self) -> bool;
}

impl Shortage for NoMemory {
    fn is_of_frames(&self) -> bool {
        *self == Self::Frames
    }
}

impl From<sync::OutOfMemory> for NoMemory {
    fn from(_: sync::OutOfMemory) -> Self {
        Self::Places
    }
}

impl From<alloc::collections::TryReserveError> for NoMemory {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        Self::Places
    }
}

/// How long the kernel wants a frame for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// For one system call. The frame may come out of the kernel's reserve, so that a program can
    /// still read, write and exec when other programs have taken all that programs can take.
    Passing,
    /// For the lifetime of an object, which a program determines.
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

/// The claimant for whom memory is taken. Each leaves more to others than the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The kernel, for an operation in progress. It may take the last place.
    Kernel,
    /// A program that touches memory which was not promised, or for which a kernel object is made.
    /// It leaves the kernel's reserve.
    Program,
    /// A program that asks for a promise. It also leaves places for copies.
    Promise,
    /// A fork. It also leaves head-room, so that a fork bomb starves itself and not the shell. With
    /// many processes, the head-room is [`COPIES`] places for each, because the shared pages are
    /// still to be copied.
    Fork,
}

/// The number of copies that a fork expects each process to make soon: of its stack and a little
/// data. Without places for them, a fork would succeed and its processes would be killed at their
/// first writes.
const COPIES: u64 = 4;

/// The places and frames that are left.
pub(crate) struct Budget {
    places: AtomicU64,
    frames: AtomicU64,
    reserve: u64,
    for_copies: u64,
    headroom: u64,
    /// The number of address spaces.
    spaces: AtomicU64,
    /// The number of pages that can be evicted: one for each free slot, and those of the page
    /// cache.
    slots_left: AtomicU64,
    cached: AtomicU64,
    /// The number of frames in use that cannot be evicted.
    fixed: AtomicU64,
    /// The most such frames before a program gets no more. The rest is left for pages to take turns
    /// in: with swap there are more places than frames, and page tables could fill all of memory.
    fixed_most: u64,
}

impl Budget {
    /// Returns a budget of `frames` frames and as many places, and of one more place for each of
    /// `slots` slots. The kernel's reserve is 1/64 of the frames (at least 16). Promises leave half
    /// as much again. Forks leave another 1/32 of the frames (at least 64).
    pub(crate) fn new(frames: u64, slots: u64) -> Self {
        let reserve = (frames / 64).max(16);
        Self {
            places: AtomicU64::new(frames + slots),
            frames: AtomicU64::new(frames),
            reserve,
            for_copies: reserve / 2,
            spaces: AtomicU64::new(0),
            headroom: reserve + (frames / 32).max(64),
            slots_left: AtomicU64::new(slots),
            cached: AtomicU64::new(0),
            fixed: AtomicU64::new(0),
            fixed_most: if slots == 0 {
                u64::MAX
            } else {
                frames - frames / 4
            },
        }
    }

    /// Returns how many places programs cannot take.
    pub(crate) fn reserve(&self) -> u64 {
        self.reserve
    }

    /// Returns how many places programs can never be promised.
    pub(crate) fn never_promised(&self) -> u64 {
        self.reserve + self.for_copies
    }

    /// Returns the watermark that user pages must leave: the reserve, capped by the number of pages
    /// that can be evicted. If nothing can be evicted it is 0, because a promise must find every
    /// frame. If few pages can, programs exchange pages through the frames that are left: a page
    /// that comes in from swap frees a slot for another to go out.
    #[inline]
    pub(crate) fn kept(&self) -> u64 {
        self.reserve.min(self.evictable())
    }

    /// Returns how many pages can be evicted at most.
    #[inline]
    pub(crate) fn evictable(&self) -> u64 {
        self.slots_left.load(Ordering::Relaxed) + self.cached.load(Ordering::Relaxed)
    }

    /// Notes that there are `by` address spaces more.
    pub(crate) fn note_spaces(&self, by: i64) {
        self.spaces.fetch_add(by as u64, Ordering::Relaxed);
    }

    /// Notes how many slots are free.
    pub(crate) fn note_slots_left(&self, left: u64) {
        self.slots_left.store(left, Ordering::Relaxed);
    }

    /// Notes that `by` frames have come into the page cache.
    pub(crate) fn note_cached(&self, by: i64) {
        self.cached.fetch_add(by as u64, Ordering::Relaxed);
    }

    /// Reserves `count` frames and places for an operation that cannot wait for a frame.
    #[inline]
    pub(crate) fn take(&self, count: u64, claim: Claim) -> Result<Reservation<'_>, NoMemory> {
        let most = match claim {
            Claim::Kernel => u64::MAX,
            Claim::Program | Claim::Promise => self.fixed_most,
            Claim::Fork => self.fixed_most - self.fixed_most / 4,
        };
        if self.fixed.load(Ordering::Relaxed) >= most {
            return Err(NoMemory::Places);
        }
        self.take_with(count, claim, 0)
    }

    /// Notes that `by` frames that cannot be evicted have come into use.
    #[inline]
    pub(crate) fn note_fixed(&self, by: i64) {
        self.fixed.fetch_add(by as u64, Ordering::Relaxed);
    }

    /// Reserves frames and places for a page that a program touches. It leaves the frames that
    /// [`Budget::kept`] says.
    #[inline]
    pub(crate) fn take_for_page(&self, count: u64) -> Result<Reservation<'_>, NoMemory> {
        self.take_with(count, Claim::Program, self.kept())
    }

    #[inline]
    fn take_with(&self, count: u64, claim: Claim, kept: u64) -> Result<Reservation<'_>, NoMemory> {
        self.take_places(count, claim)?;
        match take(&self.frames, count, kept) {
            Some(()) => Ok(Reservation {
                budget: self,
                count,
                right: Right::FramesAndPlaces,
            }),
            None => {
                self.add_places(count);
                Err(NoMemory::Frames)
            }
        }
    }

    /// Takes `count` places, for a promise.
    #[inline]
    pub(crate) fn take_places(&self, count: u64, claim: Claim) -> Result<(), NoMemory> {
        let floor = match claim {
            Claim::Kernel => 0,
            Claim::Program => self.reserve,
            Claim::Promise => self.never_promised(),
            Claim::Fork => {
                let for_copies = COPIES * self.spaces.load(Ordering::Relaxed);
                self.headroom.max(self.reserve + for_copies)
            }
        };
        take(&self.places, count, floor).ok_or(NoMemory::Places)
    }

    /// Reserves a frame for a page that has its place already, because it was promised or comes
    /// back from swap.
    #[inline]
    pub(crate) fn take_for_placed_page(
        &self,
        patience: Patience,
    ) -> Result<Reservation<'_>, NoMemory> {
        self.take_without_place(patience.floor_for_placed(self.kept()))
    }

    /// Reserves a frame without a place if `floor` others are left. It is for a page that has its
    /// place, and for a page of the page cache.
    #[inline]
    pub(crate) fn take_without_place(&self, floor: u64) -> Result<Reservation<'_>, NoMemory> {
        take(&self.frames, 1, floor).ok_or(NoMemory::Frames)?;
        Ok(Reservation {
            budget: self,
            count: 1,
            right: Right::Frames,
        })
    }

    /// Adds frames that are free and on a list already.
    #[inline]
    pub(crate) fn add_frames(&self, count: u64) {
        self.frames.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds free places.
    #[inline]
    pub(crate) fn add_places(&self, count: u64) {
        // Release: a claimant that takes the place finds the frame that became free with it.
        self.places.fetch_add(count, Ordering::Release);
    }

    /// Returns how many frames are left.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Returns how many places are left.
    pub(crate) fn places(&self) -> u64 {
        self.places.load(Ordering::Relaxed)
    }
}

/// Takes `count` of what is left, if `floor` remain afterwards.
#[inline]
fn take(left: &AtomicU64, count: u64, floor: u64) -> Option<()> {
    let needed = count.checked_add(floor)?;
    left.fetch_update(Ordering::Acquire, Ordering::Relaxed, |left| {
        (left >= needed).then(|| left - count)
    })
    .ok()
    .map(drop)
}

/// The right to some frames, and perhaps to a place for each. The unused ones are given back on
/// drop.
#[must_use]
pub(crate) struct Reservation<'m> {
    budget: &'m Budget,
    count: u64,
    right: Right,
}

/// What a [`Reservation`] is a right to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    /// Frames for pages that have their places already, or that need none.
    Frames,
    /// Frames, and a place for each.
    FramesAndPlaces,
}

impl Reservation<'_> {
    /// Uses one frame.
    ///
    /// # Panics
    ///
    /// If none is left, because the operation reserved too few.
    #[inline]
    pub(crate) fn use_one(&mut self) {
        self.count = self
            .count
            .checked_sub(1)
            .expect("an operation took more frames than it had reserved");
    }

    /// Gives back one frame and keeps its place, for somebody who may need a frame later.
    ///
    /// # Panics
    /// If none is left, or if the reservation has no places.
    pub(crate) fn keep_place(&mut self) {
        let places = self.right == Right::FramesAndPlaces;
        assert!(places, "a place was kept that was not taken");
        self.use_one();
        self.budget.add_frames(1);
    }

    /// Uses `count` frames at once.
    pub(crate) fn use_many(&mut self, count: u64) {
        self.count = self
            .count
            .checked_sub(count)
            .expect("more frames at once than are reserved");
    }
}

impl Drop for Reservation<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.count != 0 {
            self.budget.add_frames(self.count);
            if self.right == Right::FramesAndPlaces {
                self.budget.add_places(self.count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_claimants_leave_more() {
        let budget = Budget::new(1000, 0);
        let most = |claim| {
            (1..=1000)
                .rev()
                .find(|&n| budget.take(n, claim).is_ok())
                .unwrap()
        };
        assert_eq!(most(Claim::Kernel), 1000);
        assert_eq!(most(Claim::Program), 984);
        assert_eq!(most(Claim::Promise), 984 - 8);
        assert_eq!(most(Claim::Fork), 984 - 64);
        budget.note_spaces(20);
        assert_eq!(most(Claim::Fork), 984 - 20 * COPIES);
        assert_eq!(most(Claim::Promise), 984 - 8, "nobody else leaves them");
        assert_eq!(
            (budget.frames(), budget.places()),
            (1000, 1000),
            "a claim that was dropped changed nothing"
        );
        assert!(budget.take(u64::MAX, Claim::Program).is_err());
    }

    #[test]
    fn with_swap_there_are_more_places_than_frames() {
        let budget = Budget::new(1000, 500);
        budget.take_places(1400, Claim::Program).unwrap();
        assert_eq!(
            budget.take_places(100, Claim::Program),
            Err(NoMemory::Places)
        );
        let reservation: Vec<_> = (0..1000 - 16)
            .map(|_| budget.take_for_placed_page(Patience::default()).unwrap())
            .collect();
        let nothing = budget.take_for_page(1).map(drop);
        assert_eq!(nothing, Err(NoMemory::Frames), "a place, but no frame");
        assert!(
            budget.take(1, Claim::Program).is_ok(),
            "who cannot wait may have one of the kernel's"
        );
        drop(reservation);
        assert_eq!((budget.frames(), budget.places()), (1000, 100));
    }

    #[test]
    #[should_panic(expected = "more frames than it had reserved")]
    fn no_frame_without_a_reservation() {
        let budget = Budget::new(100, 0);
        let mut reservation = budget.take(1, Claim::Kernel).unwrap();
        reservation.use_one();
        reservation.use_one();
    }
}
