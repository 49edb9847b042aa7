//! A mounted file system: mounting, references to inodes, transactions, and the end of inodes
//! without names.
//!
//! Invariant: between two operations nothing is staged, and an inode without names and without
//! references is free (or is freed at the next mount, if freeing it failed). Neighbours: `names`
//! and `files` hold the other operations; `volume` and the modules on top of it do the work.

use core::fmt;

use abi::{FileKind, Stat};

use crate::device::BlockDevice;
use crate::error::{FsError, MountError};
use crate::inode::Inode;
use crate::number::InodeNo;
use crate::references::References;
use crate::truncate::Progress;
use crate::volume::Volume;

/// The number of the device in `Stat::device`. xv6 has one disk and gives it this number.
const DEVICE: i32 = 1;

/// A mounted file system. The kernel keeps it in one sleep lock; the crate's description explains
/// why.
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
    /// Checks the superblock of `device`, recovers its log, and frees the inodes without names. The
    /// cache holds the last `cache_blocks` blocks of metadata (at least 8); its memory is allocated
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

    /// Calls `observer` with every inode that is emptied or freed, because a cache of its bytes
    /// must then drop them. The call comes after the commit, and before the operation returns.
    pub fn observe(&mut self, observer: fn(InodeNo)) {
        self.observer = observer;
    }

    /// Ends the mount. Returns the device with everything on its medium. Inodes without names that
    /// are still referenced are freed at the next mount.
    ///
    /// # Errors
    ///
    /// An error of the device, which is lost then.
    pub fn unmount(mut self) -> Result<D, FsError> {
        self.volume.sync()?;
        Ok(self.volume.into_device())
    }

    /// Waits until everything is on the medium, the emptied log included. Calling this before the
    /// power goes spares the next mount a recovery. (The changes of an operation are on the medium
    /// when the operation returns.)
    ///
    /// # Errors
    ///
    /// An error of the device.
    pub fn sync(&mut self) -> Result<(), FsError> {
        self.volume.sync()
    }

    /// Returns how many blocks are free.
    ///
    /// # Errors
    ///
    /// An error of the device.
    pub fn free_blocks(&mut self) -> Result<u32, FsError> {
        self.volume.count_free_blocks()
    }

    /// Returns how many inodes are free.
    ///
    /// # Errors
    ///
    /// An error of the device.
    pub fn free_inodes(&mut self) -> Result<u32, FsError> {
        self.volume.count_free_inodes()
    }

    /// Returns the inode at `path`. The caller gets a reference. The empty path names `current`
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
    /// If it has none.
    pub fn retain(&mut self, inode: InodeNo) {
        self.references.retake(inode);
    }

    /// Drops a reference. If it was the last one and the inode has no names, the inode is freed.
    ///
    /// # Errors
    ///
    /// Freeing the inode failed. The reference is dropped anyway, and the next mount frees the
    /// inode.
    ///
    /// # Panics
    ///
    /// If the inode has no reference.
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

    /// Returns what `fstat` reports about an inode.
    ///
    /// # Errors
    ///
    /// An error of the device, or the inode is corrupt.
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

    /// Returns the size of a file or directory, in bytes.
    ///
    /// # Errors
    ///
    /// An error of the device, or the inode is corrupt.
    pub fn size(&mut self, inode: InodeNo) -> Result<u32, FsError> {
        Ok(self.volume.inode(inode)?.size())
    }

    /// Returns an inode's kind.
    ///
    /// # Errors
    ///
    /// An error of the device, or the inode is corrupt.
    pub fn kind(&mut self, inode: InodeNo) -> Result<FileKind, FsError> {
        Ok(self.volume.inode(inode)?.kind)
    }

    /// Returns the major and the minor number of a device file.
    ///
    /// # Errors
    ///
    /// [`FsError::Invalid`] for any other inode.
    pub fn device_numbers(&mut self, inode: InodeNo) -> Result<(u16, u16), FsError> {
        let inode = self.volume.inode(inode)?;
        match inode.kind {
            FileKind::Device => Ok((inode.record.major.get(), inode.record.minor.get())),
            FileKind::File | FileKind::Directory => Err(FsError::Invalid("not a device file")),
        }
    }

    /// Runs `operation`. If it succeeds, commits what it staged; otherwise forgets it.
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

    /// Frees the inodes that lost their last names while they were open, before a crash.
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
    /// Frees an inode without names, and its blocks, beginning in the transaction in progress. If
    /// one transaction is not enough, it is committed first. A failure after that leaves an inode
    /// without names, which the next mount frees.
    pub(crate) fn discard(&mut self, mut inode: Inode) -> Result<(), FsError> {
        match self.shorten(&mut inode)? {
            Progress::Done => self.free_inode(inode.number),
            Progress::More => {
                self.store_inode(&inode)?;
                self.commit()?;
                // The caller's change has happened. The next mount can do the rest.
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
