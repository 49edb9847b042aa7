//! The xv6 on-disk file system as a library over a block-device trait.
//!
//! **What it is for.** The kernel mounts its disk with [`FileSystem`], `xtask` builds images with
//! [`mkfs`] and checks them with [`fsck`]. Nothing here knows of processes, descriptors or
//! hardware, so all of it is tested on the host.
//!
//! **Concurrency.** A [`FileSystem`] is a plain value whose operations take `&mut self`; the
//! kernel wraps it in one sleep lock. An operation is therefore one indivisible transaction (a
//! long write, or the freeing of a file spread over a very large disk, is a sequence of them),
//! and it has *committed* when it returns: logged, flushed and installed. There are no inode
//! locks, no buffer locks and no group commit, and so no order among them to get wrong.
//!
//! **All or nothing.** A transaction collects the new contents of blocks in a staging area
//! and touches neither the disk nor the cache before it commits. An operation that fails forgets
//! the staging area, and everything is as it was.
//!
//! **Memory.** What a mounted file system needs in order to work is allocated by
//! [`FileSystem::mount`], the cache of metadata included. Only the counts of open inodes come
//! later, in pieces of 4096 bytes that go with the last reference in them; taking one may fail with
//! [`FsError::NoMemory`]. File data is never kept: it moves between the caller's buffer and the
//! device.
//!
//! **Trust.** An image is an allegation. Whatever its bytes say, no operation panics, loops or
//! reads outside the file system; what cannot be true is reported as [`FsError::Corrupt`].
//!
//! The layers, each of which knows only the ones below it:
//!
//! ```text
//! operations  mount, open, link, read, write ...          filesystem, names, files, references
//! names       paths, and the entries of directories       path, directory
//! bytes       which block holds which byte of an inode    data, map, truncate
//! records     inodes, and which blocks are free           inode, bitmap, shape
//! blocks      as the transaction in progress sees them    volume, log, cache
//! device      an array of 1 KiB blocks                    device
//! ```
//!
//! The format is that of xv6-riscv ("xv6: a simple, Unix-like teaching operating system",
//! chapter 8); [`layout`] describes it.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

// `cargo bolero` expects the fuzzer in every test program of a room that has a target.
#[cfg(test)]
use fuzz as _;

mod bitmap;
mod cache;
mod data;
mod device;
mod directory;
mod error;
mod files;
mod filesystem;
pub mod fsck;
mod inode;
pub mod layout;
mod log;
mod map;
pub mod mkfs;
mod names;
mod number;
mod path;
mod references;
mod shape;
mod truncate;
mod volume;

pub use device::{BlockDevice, DeviceError, MemoryDisk};
pub use error::{DeviceOperation, FsError, MountError, Place};
pub use filesystem::FileSystem;
pub use names::NewNode;
pub use number::InodeNo;
