//! The blocks of the disk as the operation in progress sees them.
//!
//! A block that the transaction has changed is seen with its new contents. Any other block is seen
//! as it is on the disk, through the cache if it is metadata.
//!
//! Invariants: before a block is passed to this module, it is checked to lie in the region that it
//! is used as. The cache agrees with the disk after every commit and every abort. After a commit
//! that failed half-way, every operation fails.
//!
//! Neighbours: `log` and `cache` below, `bitmap`, `inode`, `map`, `data` and `directory` above.

use alloc::boxed::Box;

use crate::cache::{Cache, Place, try_block};
use crate::device::{BlockDevice, DeviceError};
use crate::error::{DeviceOperation, FsError, MountError};
use crate::layout::{Block, Geometry, SUPERBLOCK};
use crate::log::{CommitFailure, Content, Log};
use crate::number::InodeNo;

/// Whether the file system may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Working,
    /// A commit failed half-way.
    Stopped,
}

/// A recovered disk with its cache and the transaction in progress.
pub(crate) struct Volume<D> {
    device: D,
    geometry: Geometry,
    cache: Cache,
    log: Log,
    health: Health,
    /// Room for a block of which only some bytes are wanted.
    scratch: Box<Block>,
    /// The block where the search for a free block begins: the one after the block found last.
    pub(crate) next_block: u32,
    /// The inode where the search for a free inode begins.
    pub(crate) next_inode: u32,
    /// The file whose blocks the transaction frees.
    pub(crate) emptied: Option<InodeNo>,
}

impl<D: BlockDevice> Volume<D> {
    /// Checks the superblock and recovers the log.
    pub(crate) fn open(mut device: D, cache_blocks: usize) -> Result<Self, MountError> {
        let mut scratch = try_block().ok_or(FsError::NoMemory)?;
        let present = device.blocks();
        if present <= SUPERBLOCK {
            return Err(MountError::DeviceTooSmall { needed: 0, present });
        }
        device
            .read(SUPERBLOCK, scratch.as_mut_slice())
            .map_err(|DeviceError| FsError::Device(DeviceOperation::Read(SUPERBLOCK)))?;
        let geometry = Geometry::check(&scratch, present)?;
        let log = Log::recover(&mut device, &geometry)?;
        let cache = Cache::new(cache_blocks).ok_or(FsError::NoMemory)?;
        Ok(Self {
            device,
            next_block: geometry.data_start,
            next_inode: 1,
            emptied: None,
            geometry,
            cache,
            log,
            health: Health::Working,
            scratch,
        })
    }

    /// Returns the regions of the disk.
    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Returns how many more blocks the transaction can change.
    pub(crate) fn room(&self) -> usize {
        self.log.room()
    }

    fn working(&self) -> Result<(), FsError> {
        match self.health {
            Health::Working => Ok(()),
            Health::Stopped => Err(FsError::Stopped),
        }
    }

    /// Returns a block of metadata.
    pub(crate) fn metadata(&mut self, block: u32) -> Result<&Block, FsError> {
        self.working()?;
        if let Some(slot) = self.log.find(block) {
            return Ok(self.log.contents(slot));
        }
        let place = self.cached(block)?;
        Ok(self.cache.contents(place))
    }

    /// Returns the place of a block in the cache. Reads the block if it was not cached.
    fn cached(&mut self, block: u32) -> Result<Place, FsError> {
        if let Some(place) = self.cache.find(block) {
            return Ok(place);
        }
        let place = self.cache.claim(block);
        if let Err(DeviceError) = self.device.read(block, self.cache.contents(place)) {
            self.cache.forget(block);
            return Err(FsError::Device(DeviceOperation::Read(block)));
        }
        Ok(place)
    }

    /// Returns a block of metadata, for changing it in the transaction.
    pub(crate) fn edit(&mut self, block: u32) -> Result<&mut Block, FsError> {
        self.working()?;
        if let Some(slot) = self.log.find(block) {
            return Ok(self.log.contents_mut(slot));
        }
        let place = self.cached(block)?;
        let slot = self.log.stage(block, Content::Metadata)?;
        let contents = self.log.contents_mut(slot);
        contents.copy_from_slice(self.cache.contents(place));
        Ok(contents)
    }

    /// Returns a block of file data, for changing it in the transaction.
    pub(crate) fn edit_data(&mut self, block: u32) -> Result<&mut Block, FsError> {
        self.working()?;
        if let Some(slot) = self.log.find(block) {
            return Ok(self.log.contents_mut(slot));
        }
        // The block is read before it is staged, because a slot whose contents were never read must
        // not be committed.
        self.device
            .read(block, self.scratch.as_mut_slice())
            .map_err(|DeviceError| FsError::Device(DeviceOperation::Read(block)))?;
        let slot = self.log.stage(block, Content::Data)?;
        let contents = self.log.contents_mut(slot);
        contents.copy_from_slice(self.scratch.as_slice());
        Ok(contents)
    }

    /// Returns a block of zeros, for filling it in the transaction.
    pub(crate) fn replace(&mut self, block: u32, content: Content) -> Result<&mut Block, FsError> {
        self.working()?;
        let slot = match self.log.find(block) {
            Some(slot) => slot,
            None => self.log.stage(block, content)?,
        };
        let contents = self.log.contents_mut(slot);
        contents.fill(0);
        Ok(contents)
    }

    /// Reads consecutive blocks of file data from the disk, outside a transaction.
    pub(crate) fn read_data(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), FsError> {
        self.working()?;
        self.device
            .read(first, buffer)
            .map_err(|DeviceError| FsError::Device(DeviceOperation::Read(first)))
    }

    /// Reads one block of file data from the disk, outside a transaction.
    pub(crate) fn read_scratch(&mut self, block: u32) -> Result<&Block, FsError> {
        self.working()?;
        self.device
            .read(block, self.scratch.as_mut_slice())
            .map_err(|DeviceError| FsError::Device(DeviceOperation::Read(block)))?;
        Ok(&self.scratch)
    }

    /// Ends the transaction. When this returns `Ok`, its changes are on the disk.
    ///
    /// # Errors
    ///
    /// An error of the device. The transaction is forgotten. If it is unknown whether it happened,
    /// everything fails from now on.
    pub(crate) fn commit(&mut self) -> Result<(), FsError> {
        self.working()?;
        let outcome = self.log.commit(&mut self.device);
        let result = match outcome {
            Ok(()) => {
                self.renew_cache();
                Ok(())
            }
            Err(CommitFailure::Before(error)) => Err(error),
            Err(CommitFailure::During(error)) => {
                self.health = Health::Stopped;
                Err(error)
            }
        };
        self.log.clear();
        result
    }

    fn renew_cache(&mut self) {
        for (staged, contents) in self.log.staged() {
            // The data block may have been metadata earlier.
            self.cache.forget(staged.block);
            if staged.content == Content::Metadata {
                let place = self.cache.claim(staged.block);
                self.cache.contents(place).copy_from_slice(contents);
            }
        }
    }

    /// Forgets the transaction.
    pub(crate) fn abort(&mut self) {
        self.log.clear();
    }

    /// Waits until everything is on the medium, the emptied log included.
    pub(crate) fn sync(&mut self) -> Result<(), FsError> {
        self.working()?;
        self.log.flush_emptied(&mut self.device)
    }

    /// Returns the device in its current state.
    pub(crate) fn into_device(self) -> D {
        self.device
    }
}
