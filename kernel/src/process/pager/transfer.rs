//! Pages on their way between frames and the swap disk, by the tokens of `mm` that stand for them.
//!
//! Several transfers are on their way at once, so that the disk need not wait for the hart, nor the
//! hart for the disk. Whoever has some and finds no room for another waits for the oldest of them
//! ([`Room::find`]); only who has none waits for room ([`Room::wait`]).

use arrayvec::ArrayVec;
use mm::Round;
use mm::addr::{FrameNo, SlotNo};
use mm::swap::{PageWait, SwapIn, SwapOut, SwapOuts, TransferError};
use sync::{Held, level};

use super::note_ended;
use crate::arch::Machine;
use crate::device::block::swap::{self, Direction, Room, TRANSFER_PAGES, Transfer};
use crate::println;

/// Transfers that one thread keeps on their way: others want some, too.
const AT_ONCE: usize = 4;

type Frames = ArrayVec<FrameNo, TRANSFER_PAGES>;
type Submitted = Result<Transfer, swap::TransferError>;

/// Writes on their way, the oldest first. Those that are dropped are waited for, and their pages
/// stay.
pub struct Writes(ArrayVec<Write, AT_ONCE>);

impl Writes {
    /// None.
    pub const fn new() -> Self {
        Self(ArrayVec::new_const())
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many pages are on their way.
    pub fn pages(&self) -> u64 {
        self.0.iter().map(|write| write.token.count() as u64).sum()
    }

    /// Begins to write pages. Returns what came of the writes that ended meanwhile.
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

    /// Waits for the oldest write. Returns what came of it.
    pub fn end_oldest(&mut self, held: &mut Held<level::Standstill>) -> Round {
        let oldest = self.0.pop_at(0);
        oldest.map_or(Round::default(), |write| write.end(held))
    }

    /// Waits for all writes. Returns what came of them.
    pub fn end_all(&mut self, held: &mut Held<level::Standstill>) -> Round {
        let mut round = Round::default();
        for write in self.0.drain(..) {
            round.add(write.end(held));
        }
        round
    }
}

/// A write on its way. If it is dropped, the transfer is waited for first.
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
        // SAFETY: the token keeps the frames, and keeps them unwritten, and is kept longer than the
        // transfer.
        let transfer = unsafe { room.submit(Direction::Out, first, &frames, held) };
        Self { transfer, token }
    }

    /// Waits for its end. Returns what came of it.
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

/// A read on its way. If it is dropped, the transfer is waited for first.
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
        // SAFETY: the token keeps the frames, unseen, until it is finished, and is kept longer than
        // the transfer.
        let transfer = unsafe { room.submit(Direction::In, first, &frames, held) };
        Self { transfer, token }
    }

    /// Waits for its end; the first of its pages, or what has failed.
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

/// Reads pages, and what is to be read behind them. Returns the one that is wanted.
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
    // Only now is nothing on the way.
    let failed: ArrayVec<_, { AT_ONCE - 1 }> = ahead.collect();
    let wanted = wanted.unwrap_or_else(|failed| read_singly(failed, held));
    for failed in failed {
        drop(read_singly(failed, held));
    }
    wanted
}

/// Reads pages each for itself that could not be read at once. Returns the first.
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
        // SAFETY: the token keeps the frames, unseen, until it is finished, and the transfer is
        // waited for here.
        let result = unsafe { Room::wait(held).submit(Direction::In, first, &frames, held) };
        result
            .and_then(|transfer| transfer.wait(held))
            .map_err(tell)
    })
}

/// Tells people of an error, and `mm` that there was one.
fn tell(error: swap::TransferError) -> TransferError {
    println!("{error}");
    TransferError
}
