//! Operations that make, find and remove names.
//!
//! Each operation is one transaction. It checks everything it can before it stages its first
//! change, so a failure leaves no trace. Neighbours: `filesystem` for transactions and references,
//! `path` and `directory` for the work.

use abi::{FileKind, OpenFlags};

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::filesystem::FileSystem;
use crate::inode::Inode;
use crate::number::InodeNo;
use crate::volume::Volume;

/// The kind of an inode to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewNode {
    /// An empty file.
    File,
    /// A directory with `.` and `..`.
    Directory,
    /// A device file.
    Device {
        /// The driver.
        major: u16,
        /// The device of the driver.
        minor: u16,
    },
}

impl NewNode {
    const fn kind(self) -> FileKind {
        match self {
            Self::File => FileKind::File,
            Self::Directory => FileKind::Directory,
            Self::Device { .. } => FileKind::Device,
        }
    }
}

impl<D: BlockDevice> FileSystem<D> {
    /// Opens `path` as xv6's `open` does, but without a descriptor. If the path does not exist and
    /// `flags` have `CREATE`, makes a file. If it is a plain file and `flags` have `TRUNCATE`,
    /// empties it. Returns the inode; the caller gets a reference. (The caller checks whether a
    /// device file has a driver.)
    ///
    /// # Errors
    ///
    /// [`FsError::IsADirectory`] for a directory unless `flags` are exactly `READ_ONLY`; those of
    /// [`FileSystem::create`] and [`FileSystem::lookup`].
    pub fn open(
        &mut self,
        current: InodeNo,
        path: &[u8],
        flags: OpenFlags,
    ) -> Result<InodeNo, FsError> {
        let inode = if flags.contains(OpenFlags::CREATE) {
            self.create(current, path, NewNode::File)?
        } else {
            self.lookup(current, path)?
        };
        if let Err(error) = self.prepare_opened(inode, flags) {
            self.release(inode)?;
            return Err(error);
        }
        Ok(inode)
    }

    fn prepare_opened(&mut self, inode: InodeNo, flags: OpenFlags) -> Result<(), FsError> {
        match self.kind(inode)? {
            FileKind::Directory if flags != OpenFlags::READ_ONLY => Err(FsError::IsADirectory),
            FileKind::File if flags.contains(OpenFlags::TRUNCATE) => self.truncate(inode),
            FileKind::Directory | FileKind::File | FileKind::Device => Ok(()),
        }
    }

    /// Makes a file, a directory or a device file. Returns its inode; the caller gets a reference.
    /// [`NewNode::File`] also accepts a file or device file that exists already.
    ///
    /// # Errors
    ///
    /// [`FsError::Exists`] or [`FsError::IsADirectory`] for a path that exists;
    /// [`FsError::NotFound`] and [`FsError::NotADirectory`] for the path before the last component;
    /// [`FsError::Invalid`] without a last component; [`FsError::NoSpace`], [`FsError::NoInodes`],
    /// [`FsError::NoMemory`].
    pub fn create(
        &mut self,
        current: InodeNo,
        path: &[u8],
        node: NewNode,
    ) -> Result<InodeNo, FsError> {
        let (parent, name) = self.volume.resolve_parent(current, path)?;
        if let Some(found) = self.volume.find_name(&parent, name)? {
            let existing = self.volume.inode(found.inode)?;
            return match (node, existing.kind) {
                (NewNode::File, FileKind::File | FileKind::Device) => {
                    self.references.take(existing.number)?;
                    Ok(existing.number)
                }
                (NewNode::File, FileKind::Directory) => Err(FsError::IsADirectory),
                (NewNode::Directory | NewNode::Device { .. }, _) => Err(FsError::Exists),
            };
        }
        let inode = self.volume.find_free_inode(node.kind())?;
        self.references.prepare(inode.number)?;
        let added = self.transaction(|volume| volume.add_node(parent, name, node, inode));
        if let Err(error) = added {
            self.references.trim(inode.number);
            return Err(error);
        }
        self.references.take(inode.number)?;
        Ok(inode.number)
    }

    /// Makes a directory.
    ///
    /// # Errors
    ///
    /// Those of [`FileSystem::create`].
    pub fn mkdir(&mut self, current: InodeNo, path: &[u8]) -> Result<(), FsError> {
        let inode = self.create(current, path, NewNode::Directory)?;
        self.release(inode)
    }

    /// Makes a device file.
    ///
    /// # Errors
    ///
    /// Those of [`FileSystem::create`].
    pub fn mknod(
        &mut self,
        current: InodeNo,
        path: &[u8],
        major: u16,
        minor: u16,
    ) -> Result<(), FsError> {
        let inode = self.create(current, path, NewNode::Device { major, minor })?;
        self.release(inode)
    }

    /// Gives the file at `old` a second name, `new`.
    ///
    /// # Errors
    ///
    /// [`FsError::IsADirectory`] for a directory; [`FsError::Exists`]; [`FsError::TooManyLinks`];
    /// [`FsError::NoSpace`]; those of looking up the two paths.
    pub fn link(&mut self, current: InodeNo, old: &[u8], new: &[u8]) -> Result<(), FsError> {
        let mut inode = self.volume.resolve(current, old)?;
        if inode.kind == FileKind::Directory {
            return Err(FsError::IsADirectory);
        }
        let (mut parent, name) = self.volume.resolve_parent(current, new)?;
        if self.volume.find_name(&parent, name)?.is_some() {
            return Err(FsError::Exists);
        }
        inode.add_link()?;
        self.transaction(|volume| {
            volume.store_inode(&inode)?;
            volume.add_name(&mut parent, name, inode.number)?;
            volume.store_inode(&parent)
        })
    }

    /// Removes the name at `path`. The inode is freed with its last name, or with its last
    /// reference if that is dropped later.
    ///
    /// # Errors
    ///
    /// [`FsError::Invalid`] for `.` and `..`; [`FsError::NotEmpty`] for a directory that has
    /// entries; those of looking up the path.
    pub fn unlink(&mut self, current: InodeNo, path: &[u8]) -> Result<(), FsError> {
        let (mut parent, name) = self.volume.resolve_parent(current, path)?;
        if matches!(name, b"." | b"..") {
            return Err(FsError::Invalid("`.` and `..` cannot be removed"));
        }
        let found = self.volume.find_name(&parent, name)?;
        let found = found.ok_or(FsError::NotFound)?;
        let mut inode = self.volume.inode(found.inode)?;
        inode.remove_link()?;
        if inode.kind == FileKind::Directory {
            if inode.number == InodeNo::ROOT || inode.number == parent.number {
                return Err(inode.corrupt("a directory contains itself"));
            }
            if !self.volume.is_empty_directory(&inode)? {
                return Err(FsError::NotEmpty);
            }
            parent.remove_link()?;
        }
        let discard = inode.is_unlinked() && !self.references.are_held(inode.number);
        self.transaction(|volume| {
            volume.remove_name(&parent, found)?;
            if inode.kind == FileKind::Directory {
                volume.store_inode(&parent)?;
            }
            if discard {
                volume.discard(inode)
            } else {
                volume.store_inode(&inode)
            }
        })
    }
}

impl<D: BlockDevice> Volume<D> {
    /// Adds a new inode, and a name for it that `parent` does not have, in the transaction.
    fn add_node(
        &mut self,
        mut parent: Inode,
        name: &[u8],
        node: NewNode,
        mut inode: Inode,
    ) -> Result<(), FsError> {
        inode.add_link()?;
        match node {
            NewNode::File => {}
            NewNode::Directory => {
                parent.add_link()?;
                let itself = inode.number;
                self.add_name(&mut inode, b".", itself)?;
                self.add_name(&mut inode, b"..", parent.number)?;
            }
            NewNode::Device { major, minor } => {
                inode.record.major.set(major);
                inode.record.minor.set(minor);
            }
        }
        self.store_inode(&inode)?;
        self.add_name(&mut parent, name, inode.number)?;
        self.store_inode(&parent)
    }
}
