//! The findings of a check, each as one clear line.

use alloc::string::String;
use core::fmt;

use crate::error::MountError;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// A legal state that the next mount puts right.
    Note,
    /// The image is inconsistent.
    Error,
}

/// The user of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// The boot block, superblock, log, inodes or bitmap.
    Metadata,
    /// A file, directory or device.
    Inode(u32),
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metadata => write!(f, "the file system itself"),
            Self::Inode(inode) => write!(f, "inode {inode}"),
        }
    }
}

/// A fault of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The superblock is invalid, and nothing else could be checked.
    BadSuperblock(MountError),
    /// The log's header is invalid. The rest was checked without the log.
    BadLog(MountError),
    /// The log holds a committed transaction; the rest was checked as if it were installed.
    LogNotEmpty {
        /// The number of blocks.
        blocks: u32,
    },
    /// The device could not read a block, which was taken to be zeros.
    Unreadable {
        /// The block.
        block: u32,
    },
    /// An inode's type does not exist.
    InvalidType {
        /// The inode.
        inode: u32,
        /// Its type.
        kind: u16,
    },
    /// An inode's size is above the largest file's.
    TooLarge {
        /// The inode.
        inode: u32,
        /// Its size, in bytes.
        size: u32,
    },
    /// An inode's size reaches beyond the blocks it has.
    SizeBeyondBlocks {
        /// The inode.
        inode: u32,
        /// Its size, in bytes.
        size: u32,
        /// The first block of the file that is missing, as an index.
        missing: u32,
    },
    /// A block number of an inode lies outside the data region.
    AddressOutOfRange {
        /// The inode.
        inode: u32,
        /// The block number.
        address: u32,
    },
    /// A block has two users.
    BlockUsedTwice {
        /// The block.
        block: u32,
        /// The inode met first.
        first: u32,
        /// The inode met second, perhaps the same.
        second: u32,
    },
    /// A block is in use, but the bitmap says it is free.
    UsedButFree {
        /// The block.
        block: u32,
        /// Its user.
        user: User,
    },
    /// Blocks have no user, but the bitmap says they are in use.
    Leaked {
        /// The first block.
        first: u32,
        /// The number of consecutive blocks.
        count: u32,
    },
    /// Inode 1 is not a directory.
    NoRoot,
    /// A directory's size is not a whole number of entries.
    PartialEntry {
        /// The directory.
        directory: u32,
        /// Its size, in bytes.
        size: u32,
    },
    /// A directory's `.` or `..` is missing or names a wrong inode.
    WrongDots {
        /// The directory.
        directory: u32,
        /// `.` or `..`.
        name: &'static str,
        /// The inode that it names, or `None` if it is missing.
        found: Option<u32>,
        /// The inode that it must name, or `None` if that is unknown.
        expected: Option<u32>,
    },
    /// An entry names an inode that the disk does not have.
    NoSuchInode {
        /// The directory.
        directory: u32,
        /// The entry's name.
        name: String,
        /// The inode's number.
        inode: u32,
    },
    /// An entry names an inode that is free.
    EntryToFreeInode {
        /// The directory.
        directory: u32,
        /// The entry's name.
        name: String,
        /// The inode.
        inode: u32,
    },
    /// A used entry has no name, or one with a slash.
    BadName {
        /// The directory.
        directory: u32,
        /// The inode that the entry names.
        inode: u32,
    },
    /// A name is in a directory twice.
    DuplicateName {
        /// The directory.
        directory: u32,
        /// The name.
        name: String,
    },
    /// A directory is in two directories.
    SeveralParents {
        /// The directory.
        directory: u32,
        /// The parent met first.
        first: u32,
        /// The parent met second.
        second: u32,
    },
    /// An entry names a directory that contains it, directly or through others.
    DirectoryCycle {
        /// The directory with the entry.
        directory: u32,
        /// The entry's name.
        name: String,
        /// The inode that the entry names.
        inode: u32,
    },
    /// An inode's link count is not the number of its names (and, for a directory, of the
    /// directories in it).
    WrongLinkCount {
        /// The inode.
        inode: u32,
        /// The inode's link count.
        found: u32,
        /// The right number.
        expected: u32,
    },
    /// An inode has links but no path from the root leads to it.
    Unreachable {
        /// The inode.
        inode: u32,
        /// Its link count.
        links: u32,
    },
    /// An inode has neither links nor names, which a crash may leave.
    Orphan {
        /// The inode.
        inode: u32,
    },
}

impl Finding {
    /// Returns the finding's severity.
    pub fn severity(&self) -> Severity {
        match self {
            Self::LogNotEmpty { .. } | Self::Orphan { .. } => Severity::Note,
            _ => Severity::Error,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSuperblock(error) | Self::BadLog(error) => error.fmt(f),
            Self::LogNotEmpty { blocks } => write!(
                f,
                "the log holds a transaction of {blocks} blocks that the next mount will install"
            ),
            Self::Unreadable { block } => write!(f, "block {block} cannot be read"),
            Self::InvalidType { inode, kind } => {
                write!(f, "inode {inode} has type {kind}, which is none")
            }
            Self::TooLarge { inode, size } => {
                write!(f, "inode {inode} has {size} bytes, more than a file can")
            }
            Self::SizeBeyondBlocks {
                inode,
                size,
                missing,
            } => write!(
                f,
                "inode {inode} has {size} bytes but no block for block {missing} of the file"
            ),
            Self::AddressOutOfRange { inode, address } => write!(
                f,
                "inode {inode} claims block {address}, which is not in the data region"
            ),
            Self::BlockUsedTwice {
                block,
                first,
                second,
            } => write!(
                f,
                "block {block} is used by inode {first} and again by inode {second}"
            ),
            Self::UsedButFree { block, user } => {
                write!(f, "block {block} is used by {user} but marked free")
            }
            Self::Leaked { first, count: 1 } => {
                write!(f, "block {first} is marked in use but nobody uses it")
            }
            Self::Leaked { first, count } => write!(
                f,
                "blocks {first} to {} are marked in use but nobody uses them",
                first + (count - 1)
            ),
            Self::NoRoot => write!(f, "inode 1, the root, is not a directory"),
            Self::PartialEntry { directory, size } => write!(
                f,
                "directory {directory} has {size} bytes, not a whole number of entries"
            ),
            Self::WrongDots {
                directory,
                name,
                found,
                expected,
            } => {
                write!(f, "directory {directory}: `{name}` ")?;
                match found {
                    Some(inode) => write!(f, "leads to inode {inode}")?,
                    None => write!(f, "is missing")?,
                }
                match expected {
                    Some(inode) => write!(f, ", it should lead to inode {inode}"),
                    None => Ok(()),
                }
            }
            Self::NoSuchInode {
                directory,
                name,
                inode,
            } => write!(
                f,
                "directory {directory}: `{name}` leads to inode {inode}, which the disk does not have"
            ),
            Self::EntryToFreeInode {
                directory,
                name,
                inode,
            } => write!(
                f,
                "directory {directory}: `{name}` leads to inode {inode}, which is free"
            ),
            Self::BadName { directory, inode } => write!(
                f,
                "directory {directory}: the entry for inode {inode} has an impossible name"
            ),
            Self::DuplicateName { directory, name } => {
                write!(f, "directory {directory}: `{name}` is there twice")
            }
            Self::SeveralParents {
                directory,
                first,
                second,
            } => write!(
                f,
                "directory {directory} is in directory {first} and in directory {second}"
            ),
            Self::DirectoryCycle {
                directory,
                name,
                inode,
            } => write!(
                f,
                "directory {directory}: `{name}` leads back to directory {inode}, which it is in"
            ),
            Self::WrongLinkCount {
                inode,
                found,
                expected,
            } => write!(
                f,
                "inode {inode} has link count {found}, it should be {expected}"
            ),
            Self::Unreachable { inode, links } => {
                write!(f, "inode {inode} has {links} links but no path leads to it")
            }
            Self::Orphan { inode } => write!(
                f,
                "inode {inode} has lost its last name; the next mount will free it"
            ),
        }
    }
}
