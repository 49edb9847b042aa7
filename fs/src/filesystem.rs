//! A mounted file system: mounting, references to inodes, transactions, and what becomes of
//! inodes that no name leads to.
//!
//! Invariant: between two operations nothing is staged, and an inode without names and without
//! references is free (or waits for the next mount, if freeing it failed). Neighbours: `names`
//! and `files` hold the other operations, `volume` and what builds on it does the work.

use core::fmt;

use abi::{FileKind, Stat};

use crate::device::BlockDevice;
use crate::error::{FsError, MountError};
use crate::inode::Inode;
use crate::number::InodeNo;
use crate::references::References;
use crate::truncate::Progress;
use crate::volume::Volume;

/// What `Stat::device` says: xv6 has one disk and gives it this number.
const DEVICE: i32 = 1;

/// A mounted file system. The kernel keeps it in one sleep lock; see the crate's description.
pub struct FileSystem<D> {
    pub(crate) volume: Volume<D>,
    pub(crate) references: References,
    observer: fn(InodeNo),
}

impl<D> fmt::Debug for FileSystem<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSystem").finish_non_exhaustive()
    }
}

impl<D: BlockDevice> FileSystem<D> {
    /// Checks the superblock of `device`, recovers its log, and frees the inodes that no name leads
    /// to. The last `cache_blocks` blocks of metadata (at least 8) are kept in memory that is taken
    /// here.
    ///
    /// # Errors
    ///
    /// Why the device cannot be used. Nothing but a recovery has changed it.
    pub fn mount(device: D, cache_blocks: usize) -> Result<Self, MountError> {
        let volume = Volume::open(device, cache_blocks)?;
        let references = References::new(volume.geometry()).ok_or(FsError::NoMemory)?;
        let mut mounted = Self {
            volume,
            references,
            observer: |_| (),
        };
        let root = mounted.volume.inode_record(InodeNo::ROOT)?;
        if root.file_kind() != Some(FileKind::Directory) {
            return Err(MountError::NoRoot);
        }
        if mounted.volume.has_double_indirect()? {
            return Err(MountError::DoubleIndirect);
        }
        mounted.reclaim_unlinked()?;
        Ok(mounted)
    }

    /// Has `observer` told of every inode whose bytes are given back, because it is emptied or
    /// freed: whoever keeps copies of them must forget those. It is told when that has been
    /// committed, before the operation returns.
    pub fn observe(&mut self, observer: fn(InodeNo)) {
        self.observer = observer;
    }

    /// Ends the mount and gives the device back with everything on its medium. Inodes without
    /// names that are still referenced are freed at the next mount.
    ///
    /// # Errors
    ///
    /// The device's, which is lost then.
    pub fn unmount(mut self) -> Result<D, FsError> {
        self.volume.sync()?;
        Ok(self.volume.into_device())
    }

    /// Returns when everything, the emptied log included, is on the medium: worth calling before
    /// the power goes. (What operations changed is on the medium when they return; this spares the
    /// next mount a recovery.)
    ///
    /// # Errors
    ///
    /// The device's.
    pub fn sync(&mut self) -> Result<(), FsError> {
        self.volume.sync()
    }

    /// Returns how many blocks are free.
    ///
    /// # Errors
    ///
    /// The device's.
    pub fn free_blocks(&mut self) -> Result<u32, FsError> {
        self.volume.count_free_blocks()
    }

    /// Returns how many inodes are free.
    ///
    /// # Errors
    ///
    /// The device's.
    pub fn free_inodes(&mut self) -> Result<u32, FsError> {
        self.volume.count_free_inodes()
    }

    /// Returns the inode at `path`, with a reference for the caller. The empty path is `current`
    /// itself.
    ///
    /// # Errors
    ///
    /// [`FsError::NotFound`], [`FsError::NotADirectory`], [`FsError::NoMemory`].
    pub fn lookup(&mut self, current: InodeNo, path: &[u8]) -> Result<InodeNo, FsError> {
        let inode = self.volume.resolve(current, path)?;
        self.references.take(inode.number)?;
        Ok(inode.number)
    }

    /// Takes one more reference to an inode that has one.
    ///
    /// # Panics
    ///
    /// When it has none.
    pub fn retain(&mut self, inode: InodeNo) {
        self.references.retake(inode);
    }

    /// Gives a reference back; with the last one an inode without names is freed.
    ///
    /// # Errors
    ///
    /// Freeing the inode failed; the next mount will do it. The reference is gone all the same.
    ///
    /// # Panics
    ///
    /// When the inode has no reference.
    pub fn release(&mut self, inode: InodeNo) -> Result<(), FsError> {
        if self.references.drop(inode) > 0 {
            return Ok(());
        }
        let inode = self.volume.inode(inode)?;
        if inode.is_unlinked() {
            self.transaction(|volume| volume.discard(inode))?;
        }
        Ok(())
    }

    /// Returns what `fstat` tells of an inode.
    ///
    /// # Errors
    ///
    /// The device's, or the inode is corrupt.
    pub fn stat(&mut self, inode: InodeNo) -> Result<Stat, FsError> {
        let Inode {
            number,
            kind,
            record,
        } = self.volume.inode(inode)?;
        Ok(Stat {
            device: DEVICE,
            inode: number.number(),
            kind: kind as u16,
            links: record.nlink.get(),
            padding: 0,
            size: record.size.get().into(),
        })
    }

    /// Returns how many bytes a file or directory has.
    ///
    /// # Errors
    ///
    /// The device's, or the inode is corrupt.
    pub fn size(&mut self, inode: InodeNo) -> Result<u32, FsError> {
        Ok(self.volume.inode(inode)?.size())
    }

    /// Returns what an inode is.
    ///
    /// # Errors
    ///
    /// The device's, or the inode is corrupt.
    pub fn kind(&mut self, inode: InodeNo) -> Result<FileKind, FsError> {
        Ok(self.volume.inode(inode)?.kind)
    }

    /// Returns the major and the minor number of a device file.
    ///
    /// # Errors
    ///
    /// [`FsError::Invalid`] for anything else.
    pub fn device_numbers(&mut self, inode: InodeNo) -> Result<(u16, u16), FsError> {
        let inode = self.volume.inode(inode)?;
        match inode.kind {
            FileKind::Device => Ok((inode.record.major.get(), inode.record.minor.get())),
            FileKind::File | FileKind::Directory => Err(FsError::Invalid("not a device file")),
        }
    }

    /// Runs `operation` and commits what it staged, or forgets it.
    pub(crate) fn transaction<T>(
        &mut self,
        operation: impl FnOnce(&mut Volume<D>) -> Result<T, FsError>,
    ) -> Result<T, FsError> {
        let outcome = operation(&mut self.volume).and_then(|value| {
            self.volume.commit()?;
            Ok(value)
        });
        let emptied = self.volume.emptied.take();
        if outcome.is_err() {
            self.volume.abort();
        } else if let Some(inode) = emptied {
            (self.observer)(inode);
        }
        outcome
    }

    /// Frees the inodes that lost their last name while they were open, before a crash.
    fn reclaim_unlinked(&mut self) -> Result<(), FsError> {
        for number in 1..self.volume.geometry().inode_end {
            let number = InodeNo::new(number as u16);
            let record = self.volume.inode_record(number)?;
            if record.file_kind().is_some() && record.nlink.get() == 0 {
                let inode = self.volume.inode(number)?;
                self.transaction(|volume| volume.discard(inode))?;
            }
        }
        Ok(())
    }
}

impl<D: BlockDevice> Volume<D> {
    /// Frees an inode that no name leads to, with its blocks, beginning in the transaction in
    /// progress. When that is not enough, it is committed first, and what fails after
    /// that leaves an inode without names, which the next mount frees.
    pub(crate) fn discard(&mut self, mut inode: Inode) -> Result<(), FsError> {
        match self.shorten(&mut inode)? {
            Progress::Done => self.free_inode(inode.number),
            Progress::More => {
                self.store_inode(&inode)?;
                self.commit()?;
                // What the caller asked for has happened; the rest can wait for the next mount.
                if self.discard_rest(inode).is_err() {
                    self.abort();
                }
                Ok(())
            }
        }
    }

    fn discard_rest(&mut self, mut inode: Inode) -> Result<(), FsError> {
        while self.shorten(&mut inode)? == Progress::More {
            self.store_inode(&inode)?;
            self.commit()?;
        }
        self.free_inode(inode.number)
    }
}
