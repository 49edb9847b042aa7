//! What `mmap` and `mprotect` speak of, numbered as on Linux.

/// What a program may do with mapped pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Protection(pub i32);

impl Protection {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Load from them.
    pub const READ: Self = Self(1);
    /// Store to them; implies loading.
    pub const WRITE: Self = Self(2);
    /// Fetch instructions from them.
    pub const EXECUTE: Self = Self(4);

    /// These rights and those.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether all rights of `other` are there.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether no bit without a meaning is set.
    pub const fn is_valid(self) -> bool {
        self.0 & !Self::READ.with(Self::WRITE).with(Self::EXECUTE).0 == 0
    }
}

/// How `mmap` maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct MapFlags(pub i32);

impl MapFlags {
    /// Everybody who maps the same sees what is stored.
    pub const SHARED: Self = Self(1);
    /// What is stored is the process's own.
    pub const PRIVATE: Self = Self(2);
    /// At the address given, in place of whatever is there.
    pub const FIXED: Self = Self(0x10);
    /// Zeros, not a file.
    pub const ANONYMOUS: Self = Self(0x20);

    /// These flags and those.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags without those.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}
