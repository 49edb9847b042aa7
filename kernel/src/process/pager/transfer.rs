//! Transfers of pages between frames and the swap disk, each with the token of `mm` that stands for
//! it.
//!
//! A thread keeps several transfers running, so that neither the disk nor the hart waits for the
//! other. A thread that has transfers running and finds no room for another waits for its oldest
//! transfer ([`Room::find`]). Only a thread without transfers waits for room ([`Room::wait`]);
//! otherwise two threads could wait for each other.

use arrayvec::ArrayVec;
use mm::Round;
use mm::addr::{FrameNo, SlotNo};
use mm::swap::{PageWait, SwapIn, SwapOut, SwapOuts, TransferError};
use sync::{Held, level};

use super::note_ended;
use crate::arch::Machine;
use crate::device::block::swap::{self, Direction, Room, TRANSFER_PAGES, Transfer};
use crate::println;

/// The most transfers of one thread. Other threads need room, too.
const AT_ONCE: usize = 4;

type Frames = ArrayVec<FrameNo, TRANSFER_PAGES>;
type Submitted = Result<Transfer, swap::TransferError>;

/// Running writes, the oldest first. A write that is dropped is waited for, and its pages stay in
/// memory.
pub struct Writes(ArrayVec<Write, AT_ONCE>);

impl Writes {
    /// Returns an empty list.
    pub const fn new() -> Self {
        Self(ArrayVec::new_const())
    }

    /// Returns whether no writes are running.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many pages are being written.
    pub fn pages(&self) -> u64 {
        self.0.iter().map(|write| write.token.count() as u64).sum()
    }

    /// Begins to write pages. Returns the result of the writes that ended meanwhile.
    pub fn begin(
        &mut self,
        writes: SwapOuts<'static, Machine>,
        held: &mut Held<level::Standstill>,
    ) -> Round {
        let mut round = Round::default();
        for token in writes {
            if self.0.is_full() {
                round.add(self.end_oldest(held));
            }
            let room = loop {
                if let Some(room) = Room::find(held) {
                    break room;
                }
                if self.0.is_empty() {
                    break Room::wait(held);
                }
                round.add(self.end_oldest(held));
            };
            self.0.push(Write::begin(token, room, held));
        }
        round
    }

    /// Waits for the oldest write. Returns its result.
    pub fn end_oldest(&mut self, held: &mut Held<level::Standstill>) -> Round {
        let oldest = self.0.pop_at(0);
        oldest.map_or(Round::default(), |write| write.end(held))
    }

    /// Waits for all writes. Returns their result.
    pub fn end_all(&mut self, held: &mut Held<level::Standstill>) -> Round {
        let mut round = Round::default();
        for write in self.0.drain(..) {
            round.add(write.end(held));
        }
        round
    }
}

/// A running write. Dropping it waits for the transfer first.
struct Write {
    transfer: Submitted,
    token: SwapOut<'static, Machine>,
}

impl Write {
    /// Starts a write.
    fn begin(
        token: SwapOut<'static, Machine>,
        room: Room,
        held: &mut Held<level::Standstill>,
    ) -> Self {
        let SlotNo(first) = token.first();
        let frames: Frames = token.frames().collect();
        // SAFETY: the token keeps the frames alive and unwritten, and lives longer than the
        // transfer.
        let transfer = unsafe { room.submit(Direction::Out, first, &frames, held) };
        Self { transfer, token }
    }

    /// Waits for the end of the write. Returns its result.
    fn end(self, held: &mut Held<level::Standstill>) -> Round {
        let Self { transfer, token } = self;
        let pages = token.count() as u64;
        let result = transfer
            .and_then(|transfer| transfer.wait(held))
            .map_err(tell);
        let well = result.is_ok();
        let freed = token.finish(result);
        note_ended(pages);
        Round::of_write(pages, if well { Ok(freed) } else { Err(()) })
    }
}

/// A running read. Dropping it waits for the transfer first.
struct Read {
    transfer: Submitted,
    token: SwapIn<'static, Machine>,
}

impl Read {
    /// Starts a read.
    fn begin(
        token: SwapIn<'static, Machine>,
        room: Room,
        held: &mut Held<level::Standstill>,
    ) -> Self {
        let SlotNo(first) = token.first();
        let frames: Frames = token.frames().collect();
        // SAFETY: the token keeps the frames, which no other code sees until it is finished, and
        // lives longer than the transfer.
        let transfer = unsafe { room.submit(Direction::In, first, &frames, held) };
        Self { transfer, token }
    }

    /// Waits for the end of the read. Returns the first page, or the token of a failed read.
    fn end(
        self,
        held: &mut Held<level::Standstill>,
    ) -> Result<PageWait<'static, Machine>, SwapIn<'static, Machine>> {
        let Self { transfer, token } = self;
        match transfer.and_then(|transfer| transfer.wait(held)) {
            Ok(()) => Ok(token.finish(Ok(()))),
            Err(error) => {
                tell(error);
                Err(token)
            }
        }
    }
}

/// Reads pages, and those that are to be read ahead behind them. Returns the page that is wanted.
pub fn read(
    token: SwapIn<'static, Machine>,
    held: &mut Held<level::Standstill>,
) -> PageWait<'static, Machine> {
    let mut first = Read::begin(token, Room::wait(held), held);
    let mut ahead = ArrayVec::<_, { AT_ONCE - 1 }>::new();
    while !ahead.is_full()
        && let Some(room) = Room::find(held)
        && let Some(behind) = ahead.last_mut().unwrap_or(&mut first).token.behind()
    {
        ahead.push(Read::begin(behind, room, held));
    }
    let wanted = first.end(held);
    let ahead = ahead.into_iter().filter_map(|read| read.end(held).err());
    // Only when all reads have ended are the failed ones repeated.
    let failed: ArrayVec<_, { AT_ONCE - 1 }> = ahead.collect();
    let wanted = wanted.unwrap_or_else(|failed| read_singly(failed, held));
    for failed in failed {
        drop(read_singly(failed, held));
    }
    wanted
}

/// Reads pages one by one that could not be read together. Returns the first.
fn read_singly(
    token: SwapIn<'static, Machine>,
    held: &mut Held<level::Standstill>,
) -> PageWait<'static, Machine> {
    let mut at_once = Some(TransferError);
    token.finish_with(|token| {
        if let Some(failure) = at_once.take() {
            return Err(failure);
        }
        let SlotNo(first) = token.first();
        let frames: Frames = token.frames().collect();
        // SAFETY: the token keeps the frames, which no other code sees until it is finished, and
        // the transfer is waited for here.
        let result = unsafe { Room::wait(held).submit(Direction::In, first, &frames, held) };
        result
            .and_then(|transfer| transfer.wait(held))
            .map_err(tell)
    })
}

/// Prints an error, and converts it for `mm`.
fn tell(error: swap::TransferError) -> TransferError {
    println!("{error}");
    TransferError
}
