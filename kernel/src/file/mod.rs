//! Files as processes see them: descriptors, open files, pipes, the current directory.
//!
//! A *descriptor* is a number in a process's table ([`Descriptors`]). It leads to an *open file* ([`OpenFile`]), which descriptors of several
//! processes share after `dup` and `fork`, offset included. An open file is a reference to an inode, an end of a
//! pipe, or a device ([`device`]).
//!
//! **Giving up.** The last reference to an inode may have to write to the disk, which sleeps. So nothing of this is given up by
//! being dropped: handles are passed to [`close`] or [`Directory::release`] with the token of a thread that holds no
//! lock, and where a table is emptied it is emptied under its lock and closed after it.
//!
//! **Locks**: the descriptor table and the inside of a pipe are of level `Object`, the offset of an open file is of level `Offset`, and
//! the whole file system ([`system`]) is behind one sleep lock of level `Files`. A copy to or from a program takes the level `Space`, which
//! is outer to them all; so data passes through a [`bounce::Bounce`] buffer, never straight from the
//! file system to a program.
//!
//! Neighbours: [`crate::syscall`] calls this; `fs` knows the disk; [`crate::console`] the terminal.

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

/// What a process has to do with files.
pub struct Files {
    /// Its descriptors.
    pub descriptors: Descriptors,
    /// Where its relative paths begin. `None` before its first program and after its last.
    pub directory: Option<Directory>,
}

impl Files {
    /// No descriptors and no directory.
    pub const fn new() -> Self {
        Self {
            descriptors: Descriptors::new(),
            directory: None,
        }
    }

    /// The same open files and directory for a child.
    pub fn duplicate(&self) -> Result<Self, NoMemory> {
        Ok(Self {
            descriptors: self.descriptors.duplicate()?,
            directory: self.directory.clone(),
        })
    }

    /// Everything, to be closed where sleeping is allowed; nothing remains.
    pub fn take(&mut self) -> Self {
        mem::replace(self, Self::new())
    }

    /// Closes everything.
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
