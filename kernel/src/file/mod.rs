//! Files as processes see them: descriptors, open files, pipes, the current directory.
//!
//! A *descriptor* is a number in a process's table ([`Descriptors`]). It names an *open file*
//! ([`OpenFile`]). Several descriptors share an open file, with its offset, after `dup` and `fork`.
//! An open file is a reference to an inode, an end of a pipe, or a device ([`device`]).
//!
//! **Closing.** Releasing the last reference to an inode may write to the disk, which sleeps. So
//! nothing here is closed by being dropped: handles are passed to [`close`] or
//! [`Directory::release`] with the token of a thread that holds no lock. A table is emptied under
//! its lock, and its files are closed afterwards.
//!
//! **Locks**: the descriptor table and the inside of a pipe have level `Object`, the offset of an
//! open file has level `Offset`, and the file system ([`system`]) is behind one sleep lock of level
//! `Files`. A copy to or from a program takes the level `Space`, which comes before all of them.
//! Data therefore passes through a [`bounce::Bounce`] buffer, never straight from the file system
//! to a program.
//!
//! Neighbours: [`crate::syscall`] calls this module; `fs` knows the disk; [`crate::console`] is the
//! terminal.

mod bounce;
pub mod cached;
mod descriptors;
mod device;
mod directory;
mod open_file;
mod pipe;
pub mod system;

use core::mem;

use mm::NoMemory;
use sync::{Counted, Held, level};

pub use descriptors::{Descriptors, Reserved};
pub use directory::Directory;
pub use open_file::{OpenFile, close};
pub use pipe::Pipe;

/// The open files of a process.
pub struct Files {
    /// Its descriptors.
    pub descriptors: Descriptors,
    /// The current directory; `None` before the process's first program is loaded and after its
    /// last has ended.
    pub directory: Option<Directory>,
}

impl Files {
    /// Returns files without descriptors and without a directory.
    pub const fn new() -> Self {
        Self {
            descriptors: Descriptors::new(),
            directory: None,
        }
    }

    /// Returns handles to these open files and to this directory, for a child.
    pub fn duplicate(&self) -> Result<Self, NoMemory> {
        Ok(Self {
            descriptors: self.descriptors.duplicate()?,
            directory: self.directory.clone(),
        })
    }

    /// Removes and returns all files, to be closed where sleeping is allowed.
    pub fn take(&mut self) -> Self {
        mem::replace(self, Self::new())
    }

    /// Closes all files.
    pub fn close(self, held: &mut Held<level::Nothing>) {
        for file in self.descriptors.into_files() {
            close(file, held);
        }
        if let Some(directory) = self.directory {
            directory.release(held);
        }
    }
}

/// A handle to an open file.
pub type FileHandle = Counted<OpenFile>;
