//! What the file calls speak of.

/// What an inode is, as in `Stat::kind` and on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum FileKind {
    /// A directory.
    Directory = 1,
    /// A file with data.
    File = 2,
    /// A device, named by its major and minor numbers.
    Device = 3,
}

impl FileKind {
    /// Returns the kind with this number; 0 is a free inode and no kind.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Directory),
            2 => Some(Self::File),
            3 => Some(Self::Device),
            _ => None,
        }
    }
}

/// What `fstat` writes: xv6's `struct stat`, 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Stat {
    /// The disk the file is on.
    pub device: i32,
    /// The inode's number.
    pub inode: u32,
    /// A [`FileKind`].
    pub kind: u16,
    /// How many names the file has.
    pub links: u16,
    /// Padding of the C layout, 0.
    pub padding: u32,
    /// Bytes in the file.
    pub size: u64,
}

/// The second argument of `open`, as xv6's `fcntl.h` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct OpenFlags(pub i32);

impl OpenFlags {
    /// Reading only.
    pub const READ_ONLY: Self = Self(0);
    /// Writing only.
    pub const WRITE_ONLY: Self = Self(1);
    /// Reading and writing.
    pub const READ_WRITE: Self = Self(2);
    /// Make the file if it is not there.
    pub const CREATE: Self = Self(0x200);
    /// Throw its contents away.
    pub const TRUNCATE: Self = Self(0x400);

    /// These flags and those.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether the file may be read through the descriptor.
    pub const fn readable(self) -> bool {
        self.0 & Self::WRITE_ONLY.0 == 0
    }

    /// Returns whether the file may be written through the descriptor.
    pub const fn writable(self) -> bool {
        self.0 & (Self::WRITE_ONLY.0 | Self::READ_WRITE.0) != 0
    }
}
