//! The calls.

use crate::random::Random;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Writes of at most this many bytes are done wholly or not at all. Longer ones may be done from
/// their beginning up to some byte when the power goes.
pub const ATOMIC_WRITE: usize = abi::PAGE_SIZE;

/// A call that changes the disk, with all it needs. Some of them must fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Opens a file, making it if it is not there, and closes it.
    Create(String),
    /// Makes a directory.
    MakeDirectory(String),
    /// Gives a file a second name.
    Link {
        /// A name it has.
        old: String,
        /// The one it gets.
        new: String,
    },
    /// Removes a name.
    Unlink(String),
    /// Empties a file.
    Truncate(String),
    /// Opens something and keeps it open, so that it outlives its names, until it is this many calls
    /// of the kind ago: [`Call::HELD`].
    Hold(String),
    /// Opens a file, writes into it, and closes it.
    Write {
        /// Which file.
        path: String,
        /// From this byte on.
        offset: usize,
        /// How many bytes.
        length: usize,
        /// Determines the bytes: [`Call::bytes`].
        seed: u64,
    },
}

impl Call {
    /// How many things are held open at the same time.
    pub const HELD: usize = 3;

    /// The bytes that a [`Call::Write`] with these fields writes.
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
                path,
                offset,
                length,
                ..
            } => write!(formatter, "write {length} bytes at {offset} of {path}"),
        }
    }
}
