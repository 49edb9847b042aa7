//! The calls.

use crate::random::Random;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Writes of at most this many bytes are done wholly or not at all. Longer ones may be done from
/// their beginning up to some byte when the power goes.
pub const ATOMIC_WRITE: usize = abi::PAGE_SIZE;

/// How bytes are written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By one call of `write`, which may make the file longer.
    Write,
    /// By stores to a shared mapping within the file, and `msync`. `msync` writes one page after
    /// another, each wholly or not at all.
    Store,
}

/// A call that changes the disk, with its arguments. Some calls must fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Opens a file, makes it if it does not exist, and closes it.
    Create(String),
    /// Makes a directory.
    MakeDirectory(String),
    /// Gives a file a second name.
    Link {
        /// A name that the file has.
        old: String,
        /// The new name.
        new: String,
    },
    /// Removes a name.
    Unlink(String),
    /// Empties a file.
    Truncate(String),
    /// Opens a file and keeps it open, so that it outlives its names. It is closed after
    /// [`Call::HELD`] further calls of this kind.
    Hold(String),
    /// Opens a file, changes bytes of it, and closes it.
    Write {
        /// How the bytes are written.
        way: Way,
        /// The path of the file.
        path: String,
        /// The offset of the first byte.
        offset: usize,
        /// The number of bytes.
        length: usize,
        /// Determines the bytes: [`Call::bytes`].
        seed: u64,
    },
}

impl Call {
    /// The most files that are held open at one time.
    pub const HELD: usize = 3;

    /// Returns the bytes that a [`Call::Write`] with these fields writes.
    pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
        let mut random = Random::new(seed);
        let mut bytes = Vec::with_capacity(length + 7);
        while bytes.len() < length {
            bytes.extend_from_slice(&random.bits().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(path) => write!(formatter, "create {path}"),
            Self::MakeDirectory(path) => write!(formatter, "mkdir {path}"),
            Self::Link { old, new } => write!(formatter, "link {old} {new}"),
            Self::Unlink(path) => write!(formatter, "unlink {path}"),
            Self::Truncate(path) => write!(formatter, "truncate {path}"),
            Self::Hold(path) => write!(formatter, "hold {path}"),
            Self::Write {
                way,
                path,
                offset,
                length,
                ..
            } => {
                let verb = match way {
                    Way::Write => "write",
                    Way::Store => "store and msync",
                };
                write!(formatter, "{verb} {length} bytes at {offset} of {path}")
            }
        }
    }
}
