//! Signatures, being filled in.
#![allow(unused_variables, dead_code)]
use abi::{FileKind, OpenFlags, Stat};

use crate::{BlockDevice, FsError, MountError};

/// The number of an inode that the file system has handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeNo(u16);

impl InodeNo {
    /// The root directory.
    pub const ROOT: Self = Self(1);

    /// The number, as in `Stat::inode`.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }
}

/// What to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewNode {
    /// An empty file.
    File,
    /// A directory with `.` and `..`.
    Directory,
    /// A device file.
    Device {
        /// Which driver.
        major: u16,
        /// Which device of the driver.
        minor: u16,
    },
}

/// A mounted file system.
pub struct FileSystem<D> {
    device: D,
}

impl<D: BlockDevice> FileSystem<D> {
    /// Checks, recovers and mounts `device`, reclaiming inodes that no name leads to; at most
    /// `cache_blocks` blocks of metadata are kept in memory (at least 8).
    pub fn mount(device: D, cache_blocks: usize) -> Result<Self, MountError> {
        unimplemented!()
    }
    /// Ends the mount and gives the device back, everything durable.
    pub fn unmount(self) -> Result<D, FsError> {
        unimplemented!()
    }
    /// Returns when everything, the emptied log included, is on the medium (before power-off).
    pub fn sync(&mut self) -> Result<(), FsError> {
        unimplemented!()
    }
    /// Gives up to `blocks` cached blocks back to the allocator; how many it were.
    pub fn shrink(&mut self, blocks: usize) -> usize {
        unimplemented!()
    }
    /// Free blocks on the disk.
    pub fn free_blocks(&mut self) -> Result<u32, FsError> {
        unimplemented!()
    }
    /// Free inodes on the disk.
    pub fn free_inodes(&mut self) -> Result<u32, FsError> {
        unimplemented!()
    }

    /// The inode at `path`, with a reference. The empty path is `cwd` itself, as in xv6.
    pub fn lookup(&mut self, cwd: InodeNo, path: &[u8]) -> Result<InodeNo, FsError> {
        unimplemented!()
    }
    /// xv6's `open` less the descriptor: resolves or (with `CREATE`) creates, refuses to open a directory other
    /// than for reading, empties a plain file with `TRUNCATE`. The inode has a reference.
    pub fn open(
        &mut self,
        cwd: InodeNo,
        path: &[u8],
        flags: OpenFlags,
    ) -> Result<InodeNo, FsError> {
        unimplemented!()
    }
    /// One more reference to an inode that has one.
    pub fn retain(&mut self, inode: InodeNo) {
        unimplemented!()
    }
    /// Gives a reference back; the last one of an inode without names frees it. The reference is
    /// gone even when this fails (the inode is then reclaimed at the next mount).
    pub fn release(&mut self, inode: InodeNo) -> Result<(), FsError> {
        unimplemented!()
    }

    /// Makes a file, directory or device and returns it with a reference. For `NewNode::File` an existing
    /// file or device at `path` is as good; anything else that exists fails.
    pub fn create(&mut self, cwd: InodeNo, path: &[u8], node: NewNode) -> Result<InodeNo, FsError> {
        unimplemented!()
    }
    /// Makes a directory.
    pub fn mkdir(&mut self, cwd: InodeNo, path: &[u8]) -> Result<(), FsError> {
        unimplemented!()
    }
    /// Makes a device file.
    pub fn mknod(
        &mut self,
        cwd: InodeNo,
        path: &[u8],
        major: u16,
        minor: u16,
    ) -> Result<(), FsError> {
        unimplemented!()
    }
    /// A second name for a file or device.
    pub fn link(&mut self, cwd: InodeNo, old: &[u8], new: &[u8]) -> Result<(), FsError> {
        unimplemented!()
    }
    /// Removes a name; not `.` or `..`, nor a directory with entries.
    pub fn unlink(&mut self, cwd: InodeNo, path: &[u8]) -> Result<(), FsError> {
        unimplemented!()
    }

    /// What `fstat` tells.
    pub fn stat(&mut self, inode: InodeNo) -> Result<Stat, FsError> {
        unimplemented!()
    }
    /// What the inode is.
    pub fn kind(&mut self, inode: InodeNo) -> Result<FileKind, FsError> {
        unimplemented!()
    }
    /// Major and minor number of a device file.
    pub fn device_numbers(&mut self, inode: InodeNo) -> Result<(u16, u16), FsError> {
        unimplemented!()
    }

    /// Reads from byte `offset` of a file or directory; fewer bytes at the end, 0 beyond it.
    pub fn read_at(
        &mut self,
        inode: InodeNo,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, FsError> {
        unimplemented!()
    }
    /// Writes at byte `offset` of a file, which grows if needed.
    pub fn write_at(
        &mut self,
        inode: InodeNo,
        offset: u64,
        bytes: &[u8],
    ) -> Result<usize, FsError> {
        unimplemented!()
    }
    /// Reads one page of a file, zeros beyond its end; how many bytes lie before the end.
    pub fn read_page(
        &mut self,
        inode: InodeNo,
        page: u32,
        buffer: &mut [u8; 4096],
    ) -> Result<usize, FsError> {
        unimplemented!()
    }
    /// Writes one page of a file back, in one transaction; bytes beyond the end are ignored.
    pub fn write_page(
        &mut self,
        inode: InodeNo,
        page: u32,
        buffer: &[u8; 4096],
    ) -> Result<usize, FsError> {
        unimplemented!()
    }
    /// Empties a file.
    pub fn truncate(&mut self, inode: InodeNo) -> Result<(), FsError> {
        unimplemented!()
    }
}
