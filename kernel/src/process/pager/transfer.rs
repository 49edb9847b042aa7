//! Pages on their way between frames and the swap disk, by the tokens of `mm` that stand for them.

use arrayvec::ArrayVec;
use mm::addr::{FrameNo, SlotNo};
use mm::swap::{PageWait, SwapIn, SwapOut, SwapOuts, TransferError};
use sync::{Held, level};

use crate::arch::Machine;
use crate::device::block::swap::{self, Direction, TRANSFER_PAGES, Transfer};
use crate::println;

/// Writes of a round that are left on their way while the next is begun.
const WRITES_AHEAD: usize = 3;

type Frames = ArrayVec<FrameNo, TRANSFER_PAGES>;

/// Writes pages; how many frames that made free.
pub fn write(writes: SwapOuts<'static, Machine>, held: &mut Held<level::Standstill>) -> u64 {
    let mut freed = 0;
    let mut on_their_way = [const { None::<Write> }; WRITES_AHEAD];
    for (token, turn) in writes.zip((0..WRITES_AHEAD).cycle()) {
        let begun = Write::try_begin(token, held).unwrap_or_else(|token| {
            // Whoever waits for room must have nothing on the way.
            freed += end_all(&mut on_their_way, held);
            Write::begin(token, held)
        });
        let before = on_their_way[turn].replace(begun);
        freed += before.map_or(0, |before| before.end(held));
    }
    freed + end_all(&mut on_their_way, held)
}

fn end_all(writes: &mut [Option<Write>], held: &mut Held<level::Standstill>) -> u64 {
    let ended = writes.iter_mut().filter_map(Option::take);
    ended.map(|write| write.end(held)).sum()
}

/// A write on its way. If it is dropped, the transfer is waited for first.
struct Write {
    transfer: Result<Transfer, swap::TransferError>,
    token: SwapOut<'static, Machine>,
}

impl Write {
    /// Starts a write when there is room for it.
    fn begin(token: SwapOut<'static, Machine>, held: &mut Held<level::Standstill>) -> Self {
        let frames: Frames = token.frames().collect();
        // SAFETY: the token keeps the frames, and keeps them unwritten, and is kept longer than the transfer.
        let transfer = unsafe { swap::submit(Direction::Out, token.first().0, &frames, held) };
        Self { transfer, token }
    }

    /// The same if there is room at once; else the token is given back.
    fn try_begin(
        token: SwapOut<'static, Machine>,
        held: &mut Held<level::Standstill>,
    ) -> Result<Self, SwapOut<'static, Machine>> {
        let frames: Frames = token.frames().collect();
        // SAFETY: as above.
        let submitted = unsafe { swap::try_submit(Direction::Out, token.first().0, &frames, held) };
        match submitted.transpose() {
            Some(transfer) => Ok(Self { transfer, token }),
            None => Err(token),
        }
    }

    /// Waits for its end; how many frames it made free.
    fn end(self, held: &mut Held<level::Standstill>) -> u64 {
        let Self { transfer, token } = self;
        let result = transfer.and_then(|transfer| transfer.wait(held));
        token.finish(result.map_err(tell))
    }
}

/// Reads pages; the one that is wanted.
pub fn read(
    token: SwapIn<'static, Machine>,
    held: &mut Held<level::Standstill>,
) -> PageWait<'static, Machine> {
    token.finish_with(|token| {
        let SlotNo(first) = token.first();
        let frames: Frames = token.frames().collect();
        // SAFETY: the token keeps the frames, unseen, until it is finished, and the transfer is waited for here.
        let result = unsafe { swap::submit(Direction::In, first, &frames, held) };
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
