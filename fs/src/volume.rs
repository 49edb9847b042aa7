//! The blocks of the disk as the operation in progress sees them.
//!
//! A block that the transaction has changed is seen as it will be; any other as it is on the
//! disk, by way of the cache if it is metadata. Invariants: a block is checked to lie in the
//! region it is used as before it gets here; the cache agrees with the disk after every commit
//! and every abort; after a commit that failed half-way nothing is answered any more.
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
    /// Takes a block of which only some bytes are wanted.
    scratch: Box<Block>,
    /// Where the search for a free block begins: after the one found last.
    pub(crate) next_block: u32,
    /// Where the search for a free inode begins.
    pub(crate) next_inode: u32,
    /// The file whose blocks the transaction gives back.
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

    /// Returns where things are.
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

    /// Returns where the block is in the cache, read if it was not there.
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

    /// Returns a block of metadata, to be changed by the transaction.
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

    /// Returns a block of file data, to be changed by the transaction.
    pub(crate) fn edit_data(&mut self, block: u32) -> Result<&mut Block, FsError> {
        self.working()?;
        if let Some(slot) = self.log.find(block) {
            return Ok(self.log.contents_mut(slot));
        }
        // Read before staging: a slot whose contents were never read must not be committed.
        self.device
            .read(block, self.scratch.as_mut_slice())
            .map_err(|DeviceError| FsError::Device(DeviceOperation::Read(block)))?;
        let slot = self.log.stage(block, Content::Data)?;
        let contents = self.log.contents_mut(slot);
        contents.copy_from_slice(self.scratch.as_slice());
        Ok(contents)
    }

    /// Returns a block of zeros, to be filled by the transaction.
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

    /// Consecutive blocks of file data from the disk, outside a transaction.
    pub(crate) fn read_data(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), FsError> {
        self.working()?;
        self.device
            .read(first, buffer)
            .map_err(|DeviceError| FsError::Device(DeviceOperation::Read(first)))
    }

    /// One block of file data from the disk, outside a transaction.
    pub(crate) fn read_scratch(&mut self, block: u32) -> Result<&Block, FsError> {
        self.working()?;
        self.device
            .read(block, self.scratch.as_mut_slice())
            .map_err(|DeviceError| FsError::Device(DeviceOperation::Read(block)))?;
        Ok(&self.scratch)
    }

    /// Ends the transaction: its changes are on the disk when this returns `Ok`.
    ///
    /// # Errors
    ///
    /// The device's. The transaction is forgotten; if that left its fate open, everything
    /// fails from now on.
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
            // A data block may have been metadata in an earlier life.
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

    /// Returns when everything, the emptied log included, is on the medium.
    pub(crate) fn sync(&mut self) -> Result<(), FsError> {
        self.working()?;
        self.log.settle(&mut self.device)
    }

    /// Returns the device, in whatever state it is.
    pub(crate) fn into_device(self) -> D {
        self.device
    }
}
