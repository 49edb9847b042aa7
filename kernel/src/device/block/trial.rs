//! A trial of the swap disk (`test=swapdisk`). All data on the disk is lost.
//!
//! First every slot is written with unique contents and read back, in transfers of other lengths
//! than it was written with. A page that went to a wrong slot or frame is therefore found. A failed
//! transfer is tried once more. Then the first slots are read in as many transfers at once as
//! possible. At last the speed of the disk is measured, without checking contents. It is written
//! and read two transfers at a time, which is the fastest, and read one transfer at a time, as `dd`
//! does with some block size.

use core::array;
use core::ops::RangeInclusive;

use abi::PAGE_SIZE;
use arrayvec::ArrayVec;
use mm::addr::FrameNo;
use mm::{Need, NoMemory};
use sync::{Held, Level};

use super::swap::{self, Direction, Room, TRANSFER_PAGES, Transfer, TransferError};
use crate::memory::{Frame, memory};
use crate::{arch, given, println};

const WORDS: usize = PAGE_SIZE / size_of::<u64>();
/// The most transfers that run while the disk is measured.
const AT_ONCE: usize = 2;
/// The lengths, in pages, of transfers that run one at a time, and how many
/// transfers are made of each length.
const BLOCKS: [usize; 4] = [1, 8, 16, TRANSFER_PAGES];
const BLOCKS_READ: u64 = 2048;

/// The reason why a trial ended.
enum Failure {
    Memory,
    Transfer(TransferError),
    Contents(u64),
}

impl From<NoMemory> for Failure {
    fn from(_: NoMemory) -> Self {
        Self::Memory
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        Self::Transfer(error)
    }
}

/// Runs the trial and prints its results.
pub fn run<L: Level>(held: &mut Held<L>) {
    let pages = swap::pages(held);
    if pages == 0 {
        println!("swapdisk: there is no swap disk");
        return;
    }
    match try_all(pages, held) {
        Ok(Speeds {
            written,
            read,
            by_block,
        }) => {
            println!("swapdisk: {pages} pages, {written} pages/s written, {read} pages/s read");
            for (block, read) in BLOCKS.into_iter().zip(by_block) {
                println!("swapdisk: {read} pages/s read in blocks of {block}, one at a time");
            }
        }
        Err(Failure::Memory) => println!("swapdisk: failed: out of memory"),
        Err(Failure::Transfer(error)) => println!("swapdisk: failed: {error}"),
        Err(Failure::Contents(slot)) => {
            println!("swapdisk: failed: slot {slot} does not hold what was written");
        }
    }
}

/// The measured speeds, in pages per second.
struct Speeds {
    /// The highest speed.
    written: u64,
    read: u64,
    /// One transfer at a time, for each length in [`BLOCKS`].
    by_block: [u64; BLOCKS.len()],
}

fn try_all<L: Level>(pages: u64, held: &mut Held<L>) -> Result<Speeds, Failure> {
    let mut batches = [Batch::try_new()?, Batch::try_new()?];
    check(pages, &mut batches[0], held)?;
    crowd(pages, &mut batches[0], held)?;
    let mut speeds = Speeds {
        written: measure(Direction::Out, pages, TRANSFER_PAGES, &mut batches, held)?,
        read: measure(Direction::In, pages, TRANSFER_PAGES, &mut batches, held)?,
        by_block: [0; _],
    };
    for (speed, block) in speeds.by_block.iter_mut().zip(BLOCKS) {
        let pages = pages.min(BLOCKS_READ * block as u64);
        *speed = measure(Direction::In, pages, block, &mut batches[..1], held)?;
    }
    Ok(speeds)
}

/// Writes every slot with unique contents, and reads it back.
fn check<L: Level>(pages: u64, batch: &mut Batch, held: &mut Held<L>) -> Result<(), Failure> {
    for (first, count) in parts(pages, TRANSFER_PAGES..=TRANSFER_PAGES) {
        for (slot, frame) in (first..).zip(&mut batch.frames[..count]) {
            fill(frame, slot);
        }
        batch.transfer(Direction::Out, first, count, held)?;
    }
    for (first, count) in parts(pages, 1..=TRANSFER_PAGES) {
        batch.transfer(Direction::In, first, count, held)?;
        batch.compare(first, count)?;
    }
    Ok(())
}

/// Reads the first slots again, each in a transfer of its own, as many at once as there is room
/// for.
fn crowd<L: Level>(pages: u64, batch: &mut Batch, held: &mut Held<L>) -> Result<(), Failure> {
    batch.frames.iter_mut().for_each(|frame| fill(frame, pages));
    let mut transfers = [const { None::<Transfer> }; TRANSFER_PAGES];
    let mut started = 0;
    for (slot, transfer) in (0..pages).zip(&mut transfers) {
        let Some(room) = Room::find(held) else {
            break;
        };
        let frame = batch.frames[started].frame();
        // SAFETY: the frame is the batch's own, and no code touches it before all transfers have
        // been waited for.
        *transfer = Some(unsafe { room.submit(Direction::In, slot, &[frame], held) }?);
        started += 1;
    }
    // The last first: an answer is kept until it is asked for.
    for transfer in transfers.into_iter().rev().flatten() {
        transfer.wait(held)?;
    }
    println!("swapdisk: {started} transfers at once");
    batch.compare(0, started)
}

/// Returns the first slot and the number of pages of each part of the disk. The parts have these
/// lengths in turn.
fn parts(pages: u64, lengths: RangeInclusive<usize>) -> impl Iterator<Item = (u64, usize)> {
    let mut next = 0;
    lengths.cycle().map_while(move |length| {
        let first = next;
        let count = (length as u64).min(pages - first);
        next += count;
        (count > 0).then_some((first, count as usize))
    })
}

/// Returns the speed in pages per second for transfers of this length, with one transfer running
/// for each batch. No other thread uses the disk yet, so there is room for all.
fn measure<L: Level>(
    direction: Direction,
    pages: u64,
    length: usize,
    batches: &mut [Batch],
    held: &mut Held<L>,
) -> Result<u64, TransferError> {
    let begin = arch::now();
    let mut on_their_way = [const { None::<Transfer> }; AT_ONCE];
    let turns = (0..batches.len()).cycle();
    for ((first, count), turn) in parts(pages, length..=length).zip(turns) {
        if let Some(transfer) = on_their_way[turn].take() {
            transfer.wait(held)?;
        }
        // SAFETY: the last transfer of this batch has been waited for, and no code touches the
        // batches while they are borrowed here, which is longer than `on_their_way` keeps the new
        // transfer.
        let submitted = unsafe { batches[turn].submit(direction, first, count, held) };
        on_their_way[turn] = Some(submitted?);
    }
    for transfer in on_their_way.into_iter().flatten() {
        transfer.wait(held)?;
    }
    let elapsed = arch::now() - begin;
    Ok(pages * given::board().timebase / elapsed.max(1))
}

/// The frames of a transfer.
struct Batch {
    frames: ArrayVec<Frame, TRANSFER_PAGES>,
}

impl Batch {
    fn try_new() -> Result<Self, NoMemory> {
        let mut frames = ArrayVec::new();
        for _ in 0..TRANSFER_PAGES {
            frames.push(memory().frame_for_kernel(Need::Lasting)?);
        }
        Ok(Self { frames })
    }

    /// Starts a transfer of the first `count` frames.
    ///
    /// # Safety
    /// The batch is not touched before the transfer has been waited for or dropped. That happens
    /// before the batch is dropped.
    unsafe fn submit<L: Level>(
        &self,
        direction: Direction,
        first: u64,
        count: usize,
        held: &mut Held<L>,
    ) -> Result<Transfer, TransferError> {
        let frames: [FrameNo; TRANSFER_PAGES] =
            array::from_fn(|number| self.frames[number].frame());
        // SAFETY: the frames are the batch's own, and the caller does not touch them.
        unsafe { Room::wait(held).submit(direction, first, &frames[..count], held) }
    }

    /// Runs a transfer of the first `count` frames, and repeats it once if it fails.
    fn transfer<L: Level>(
        &mut self,
        direction: Direction,
        first: u64,
        count: usize,
        held: &mut Held<L>,
    ) -> Result<(), TransferError> {
        let mut attempt = || {
            // SAFETY: the batch is borrowed until the transfer has been waited for.
            let transfer = unsafe { self.submit(direction, first, count, held) }?;
            transfer.wait(held)
        };
        attempt().or_else(|error| {
            println!("swapdisk: once more: {error}");
            attempt()
        })
    }

    /// Returns `Ok` if the first `count` frames have the contents that the slots from `first` on
    /// were written with.
    fn compare(&self, first: u64, count: usize) -> Result<(), Failure> {
        let mut slots = (first..).zip(&self.frames[..count]);
        match slots.find(|&(slot, frame)| !is_filled(frame, slot)) {
            Some((slot, _)) => Err(Failure::Contents(slot)),
            None => Ok(()),
        }
    }
}

/// Returns the words that a slot is written with. Each differs from every other word of the disk.
fn contents(slot: u64) -> impl Iterator<Item = u64> {
    let first = slot * WORDS as u64;
    first..first + WORDS as u64
}

fn fill(frame: &mut Frame, slot: u64) {
    let words = frame.bytes_mut().as_chunks_mut().0;
    for (word, content) in words.iter_mut().zip(contents(slot)) {
        *word = content.to_le_bytes();
    }
}

fn is_filled(frame: &Frame, slot: u64) -> bool {
    let words = frame.bytes().as_chunks().0.iter();
    words.copied().map(u64::from_le_bytes).eq(contents(slot))
}
