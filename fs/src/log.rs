//! The write-ahead log: how several blocks change at once or not at all.
//!
//! An operation stages the new contents of blocks; [`Log::commit`] then makes them durable in
//! the order
//!
//! 1. copies into the log's body, flush
//! 2. header that names them, flush: from here on the transaction has happened
//! 3. the blocks to where they belong, flush
//! 4. empty header
//!
//! and [`Log::recover`] repeats 3 and 4 after a crash. Step 4 is flushed before the body is
//! written again, at the next commit: an old header that survives the copies it named would
//! install the wrong ones.
//!
//! Invariants: the staging area is laid out as the log is on the disk, header first, and is
//! allocated once; the staged blocks are distinct. Neighbour: `volume`, which keeps the cache in
//! step.

use alloc::vec::Vec;

use abi::BLOCK_SIZE;
use zerocopy::{transmute_mut, transmute_ref};

use crate::device::{BlockDevice, DeviceError};
use crate::error::{DeviceOperation, FsError, MountError};
use crate::layout::{Block, Geometry, LogHeader, MIN_LOG_BLOCKS};

/// The kind of a block's contents, which decides whether the block is worth caching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Inodes, bits of the bitmap, block numbers or directory entries.
    Metadata,
    /// Bytes of a file.
    Data,
}

/// A block whose new contents are in the staging area.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staged {
    /// The block of the disk to which the contents belong.
    pub(crate) block: u32,
    /// The kind of the contents.
    pub(crate) content: Content,
}

/// Whether the empty header is on the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Emptied {
    Durably,
    Perhaps,
}

/// How far a failed commit had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitFailure {
    /// Nothing has changed on the disk.
    Before(FsError),
    /// Only recovery can tell what is on the disk.
    During(FsError),
}

/// The log of a mounted file system, with the transaction in progress.
pub(crate) struct Log {
    /// The header, and then each staged block.
    blocks: Vec<Block>,
    staged: Vec<Staged>,
    start: u32,
    emptied: Emptied,
}

fn read(device: &mut impl BlockDevice, block: u32, buffer: &mut Block) -> Result<(), FsError> {
    device
        .read(block, buffer)
        .map_err(|DeviceError| FsError::Device(DeviceOperation::Read(block)))
}

fn write(device: &mut impl BlockDevice, first: u32, bytes: &[u8]) -> Result<(), FsError> {
    device
        .write(first, bytes)
        .map_err(|DeviceError| FsError::Device(DeviceOperation::Write(first)))
}

fn flush(device: &mut impl BlockDevice) -> Result<(), FsError> {
    device
        .flush()
        .map_err(|DeviceError| FsError::Device(DeviceOperation::Flush))
}

impl Log {
    /// Installs the transaction that a crash may have left in the log of `device`, and prepares the
    /// log for new ones.
    pub(crate) fn recover(
        device: &mut impl BlockDevice,
        geometry: &Geometry,
    ) -> Result<Self, MountError> {
        let mut log = Self::new(geometry).ok_or(FsError::NoMemory)?;
        let [header, copy, ..] = log.blocks.as_mut_slice() else {
            return Err(MountError::LogTooSmall {
                blocks: 0,
                needed: MIN_LOG_BLOCKS,
            });
        };
        read(device, geometry.log_start, header)?;
        let targets = transmute_ref!(&*header);
        let targets = LogHeader::checked_targets(targets, geometry)?;
        if !targets.is_empty() {
            for (source, target) in (geometry.log_start + 1..).zip(targets) {
                read(device, source, copy)?;
                write(device, target.get(), copy)?;
            }
            flush(device)?;
            header.fill(0);
            write(device, geometry.log_start, header)?;
            flush(device)?;
        }
        Ok(log)
    }

    fn new(geometry: &Geometry) -> Option<Self> {
        let capacity = geometry.transaction_blocks();
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(1 + capacity).ok()?;
        blocks.resize(1 + capacity, [0; BLOCK_SIZE]);
        let mut staged = Vec::new();
        staged.try_reserve_exact(capacity).ok()?;
        Some(Self {
            blocks,
            staged,
            start: geometry.log_start,
            emptied: Emptied::Durably,
        })
    }

    /// Returns how many more blocks the transaction in progress can take.
    pub(crate) fn room(&self) -> usize {
        self.blocks.len() - 1 - self.staged.len()
    }

    /// Returns the staged blocks with their new contents.
    pub(crate) fn staged(&self) -> impl Iterator<Item = (Staged, &Block)> {
        self.staged.iter().copied().zip(&self.blocks[1..])
    }

    /// Returns the slot of a block, if it is staged.
    pub(crate) fn find(&self, block: u32) -> Option<usize> {
        self.staged.iter().position(|staged| staged.block == block)
    }

    /// Returns the new contents in a slot.
    pub(crate) fn contents(&self, slot: usize) -> &Block {
        &self.blocks[1 + slot]
    }

    /// Returns the new contents in a slot, for changing them.
    pub(crate) fn contents_mut(&mut self, slot: usize) -> &mut Block {
        &mut self.blocks[1 + slot]
    }

    /// Returns a slot for a block that is not staged yet. The slot's contents are those of an
    /// earlier transaction.
    ///
    /// # Errors
    ///
    /// [`FsError::TransactionTooLarge`] if no slot is free. The operations avoid that.
    pub(crate) fn stage(&mut self, block: u32, content: Content) -> Result<usize, FsError> {
        if self.room() == 0 {
            return Err(FsError::TransactionTooLarge);
        }
        self.staged.push(Staged { block, content });
        Ok(self.staged.len() - 1)
    }

    /// Forgets the transaction in progress.
    pub(crate) fn clear(&mut self) {
        self.staged.clear();
    }

    /// Makes the staged blocks durable, all or none. They stay staged: the caller updates the cache
    /// and then calls [`Log::clear`].
    pub(crate) fn commit(&mut self, device: &mut impl BlockDevice) -> Result<(), CommitFailure> {
        if self.staged.is_empty() {
            return Ok(());
        }
        self.write_copies(device).map_err(CommitFailure::Before)?;
        self.write_header_and_install(device)
            .map_err(CommitFailure::During)
    }

    fn write_copies(&mut self, device: &mut impl BlockDevice) -> Result<(), FsError> {
        self.flush_emptied(device)?;
        let copies = &self.blocks[1..=self.staged.len()];
        write(device, self.start + 1, copies.as_flattened())?;
        flush(device)
    }

    fn write_header_and_install(&mut self, device: &mut impl BlockDevice) -> Result<(), FsError> {
        let header: &mut LogHeader = transmute_mut!(&mut self.blocks[0]);
        header.count.set(self.staged.len() as u32);
        for (target, staged) in header.targets.iter_mut().zip(&self.staged) {
            target.set(staged.block);
        }
        write(device, self.start, &self.blocks[0])?;
        flush(device)?;

        let mut slot = 0;
        for run in self.staged.chunk_by(|a, b| a.block + 1 == b.block) {
            let copies = &self.blocks[1 + slot..][..run.len()];
            write(device, run[0].block, copies.as_flattened())?;
            slot += run.len();
        }
        flush(device)?;

        self.blocks[0].fill(0);
        self.emptied = Emptied::Perhaps;
        write(device, self.start, &self.blocks[0])
    }

    /// Waits until the empty header is on the medium.
    pub(crate) fn flush_emptied(&mut self, device: &mut impl BlockDevice) -> Result<(), FsError> {
        if self.emptied == Emptied::Perhaps {
            flush(device)?;
            self.emptied = Emptied::Durably;
        }
        Ok(())
    }
}
