//! The swap disk, as slots of one page each. Whole frames are written and read in place.
//!
//! A transfer moves up to [`TRANSFER_PAGES`] frames, which may lie anywhere, to or from as many
//! consecutive slots. Several transfers can run at once. Two that overlap in time keep the disk
//! busy, so a sequence is fastest if each transfer is submitted before the previous one is waited
//! for.
//!
//! The error of a transfer says nothing about single pages. The emulator may also join adjacent
//! transfers and let them fail together. After an error, the contents of all slots that it was to
//! write, and of all frames that it was to fill, are unknown.

use core::fmt;

use abi::PAGE_SIZE;
use mm::addr::FrameNo;
use sync::{Held, Level, level};

use super::SWAP;
use super::device::Device;
use super::order::{Operation, Order, SECTOR_SIZE, SEGMENTS, Segment};
use super::port::{Claim, Pending};
use crate::println;

/// The most pages of a transfer.
pub const TRANSFER_PAGES: usize = SEGMENTS;
/// The most slots that are used, 4 GiB. The memory system needs a record for each.
const PAGES_MAX: u64 = (4 << 30) / PAGE_SIZE as u64;
const SECTORS_PER_PAGE: u64 = (PAGE_SIZE / SECTOR_SIZE) as u64;

/// The direction of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From frames to the disk.
    Out,
    /// From the disk into frames.
    In,
}

/// A transfer failed, wholly or in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferError {
    direction: Direction,
    first: u64,
    pages: usize,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, pages, .. } = self;
        let verb = match self.direction {
            Direction::Out => "write",
            Direction::In => "read",
        };
        write!(
            f,
            "the swap disk failed to {verb} {pages} pages from slot {first} on"
        )
    }
}

impl core::error::Error for TransferError {}

/// Returns whether pages can be swapped to a device. Prints the reason if not, or if only a part is
/// used. Called once for each device that is meant for swap.
pub(super) fn accepts(device: &Device) -> bool {
    let takes = device.segments_max();
    if takes < TRANSFER_PAGES {
        println!(
            "warning: no swap: the disk takes {takes} pieces of memory at once, {TRANSFER_PAGES} are needed"
        );
        return false;
    }
    if device.sectors() / SECTORS_PER_PAGE > PAGES_MAX {
        println!("warning: the swap disk is larger than 4 GiB; the rest is not used");
    }
    true
}

/// Returns the number of slots, 0 without a swap disk. It is known once the disks were found,
/// before memory can be allocated.
pub fn pages<L: Level>(held: &mut Held<L>) -> u64 {
    let sectors = SWAP.describe(held.as_if(), Device::sectors).unwrap_or(0);
    (sectors / SECTORS_PER_PAGE).min(PAGES_MAX)
}

/// A running transfer. Dropping it waits for its end.
#[must_use = "a transfer that nobody waits for may have failed"]
pub struct Transfer {
    pending: Pending,
    failure: TransferError,
}

/// The right to submit one transfer.
pub struct Room(Claim);

impl Room {
    /// Returns room for a transfer, if there is any now. Threads that keep several transfers
    /// running use this; if there is none, they wait for their oldest transfer.
    pub fn find<L: Level>(held: &mut Held<L>) -> Option<Self> {
        SWAP.try_claim(held.as_if()).map(Self)
    }

    /// Sleeps until there is room. Only a thread without running transfers may call it: two others
    /// could wait for each other.
    pub fn wait<L: Level>(held: &mut Held<L>) -> Self {
        Self(SWAP.claim(held.as_if()))
    }

    /// Starts a transfer between these frames and the slots from `first` on.
    ///
    /// # Errors
    /// [`TransferError`] if not all of the slots are on the disk.
    ///
    /// # Panics
    /// If there are no frames, or more than [`TRANSFER_PAGES`].
    ///
    /// # Safety
    /// The frames belong to the device until [`Transfer::wait`] has returned or the [`Transfer`]
    /// was dropped (for ever if it is forgotten). Until then they stay allocated, no code writes to
    /// them, and if they are to be filled no code reads them.
    pub unsafe fn submit<L: Level>(
        self,
        direction: Direction,
        first: u64,
        frames: &[FrameNo],
        held: &mut Held<L>,
    ) -> Result<Transfer, TransferError> {
        let plan = Plan::new(direction, first, frames, held)?;
        // SAFETY: the caller's promise.
        Ok(unsafe { plan.start(self.0, held.as_if()) })
    }
}

/// A transfer that has been checked.
struct Plan {
    order: Order,
    failure: TransferError,
}

impl Plan {
    fn new<L: Level>(
        direction: Direction,
        first: u64,
        frames: &[FrameNo],
        held: &mut Held<L>,
    ) -> Result<Self, TransferError> {
        let count = frames.len();
        assert!((1..=TRANSFER_PAGES).contains(&count), "{count} frames");
        let failure = TransferError {
            direction,
            first,
            pages: count,
        };
        let end = first.checked_add(count as u64);
        if end.is_none_or(|end| end > pages(held)) {
            return Err(failure);
        }
        let operation = match direction {
            Direction::Out => Operation::Write,
            Direction::In => Operation::Read,
        };
        let segments = frames.iter().copied().map(Segment::frame);
        let order = Order::new(operation, first * SECTORS_PER_PAGE, segments);
        Ok(Self { order, failure })
    }

    /// Submits the order.
    ///
    /// # Safety
    /// As for [`Room::submit`].
    unsafe fn start(self, claim: Claim, held: &mut Held<level::Sleeping>) -> Transfer {
        let Self { order, failure } = self;
        // SAFETY: the caller's promise.
        let pending = unsafe { claim.submit(order, held) };
        Transfer { pending, failure }
    }
}

impl Transfer {
    /// Sleeps until the transfer has ended. The frames are the caller's again, even after an error.
    pub fn wait<L: Level>(mut self, held: &mut Held<L>) -> Result<(), TransferError> {
        let answer = self.pending.wait(held.as_if());
        answer.map_err(|_| self.failure)
    }
}
