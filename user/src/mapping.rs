//! Pages that `mmap` maps, for programs that test or measure memory. This is Cowslip's extension.
//!
//! A mapping is unmapped on drop. If parts of it were cut out, the kernel may give their addresses
//! to another mapping. Programs that cut must not use the heap meanwhile, because the heap's memory
//! could come to lie there.

use crate::file::Fd;
use crate::pages::Pages;
use crate::syscall::{self, Result, check};
use abi::{MapFlags, PAGE_SIZE, Protection};
use core::ops::{Deref, Range};

/// Which processes see what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The process itself.
    Private,
    /// All processes that inherit the mapping from its maker. If it is of a file, all processes
    /// that read or map the file.
    Shared,
}

impl Sharing {
    /// Returns the flags of a mapping of zeros.
    pub const fn flags(self) -> MapFlags {
        match self {
            Self::Private => MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
            Self::Shared => MapFlags::SHARED.with(MapFlags::ANONYMOUS),
        }
    }

    /// Returns the flags of a mapping of a file.
    pub const fn file_flags(self) -> MapFlags {
        self.flags().without(MapFlags::ANONYMOUS)
    }
}

/// The contents of the pages before anything is stored.
#[derive(Clone, Copy, Debug)]
enum Source {
    Zeros,
    /// The contents of a file from this page on.
    File(Fd, usize),
}

/// Mapped pages; unmapped on drop.
#[derive(Debug)]
pub struct Mapping {
    pages: Pages,
}

impl Mapping {
    /// Maps zeros where there is room.
    pub fn new(pages: usize, sharing: Sharing, protection: Protection) -> Result<Self> {
        Self::near(0, pages, sharing, protection)
    }

    /// Maps zeros at the address `wish` or, if they cannot be there, elsewhere.
    pub fn near(wish: u64, pages: usize, sharing: Sharing, protection: Protection) -> Result<Self> {
        let flags = sharing.flags();
        // SAFETY: new memory appears where none is.
        let start = check(unsafe { map(wish, pages, protection, flags, Source::Zeros) })?;
        Ok(Self::at(start, pages))
    }

    /// Maps a file from its page `first` on, where there is room. The descriptor need not stay
    /// open.
    pub fn of_file(
        file: Fd,
        first: usize,
        pages: usize,
        sharing: Sharing,
        protection: Protection,
    ) -> Result<Self> {
        let flags = sharing.file_flags();
        let source = Source::File(file, first);
        // SAFETY: new memory appears where none is.
        let start = check(unsafe { map(0, pages, protection, flags, source) })?;
        Ok(Self::at(start, pages))
    }

    fn at(start: u64, count: usize) -> Self {
        Self {
            pages: Pages { start, count },
        }
    }

    /// Maps zeros in place of some of the pages.
    pub fn renew(
        &self,
        pages: Range<usize>,
        sharing: Sharing,
        protection: Protection,
    ) -> Result<()> {
        let flags = sharing.flags().with(MapFlags::FIXED);
        self.map_over(pages, protection, flags, Source::Zeros)
    }

    /// Maps a file from its page `first` on in place of some of the pages.
    pub fn renew_from_file(
        &self,
        pages: Range<usize>,
        file: Fd,
        first: usize,
        sharing: Sharing,
        protection: Protection,
    ) -> Result<()> {
        let flags = sharing.file_flags().with(MapFlags::FIXED);
        self.map_over(pages, protection, flags, Source::File(file, first))
    }

    fn map_over(
        &self,
        pages: Range<usize>,
        protection: Protection,
        flags: MapFlags,
        source: Source,
    ) -> Result<()> {
        let start = self.address(pages.start);
        // SAFETY: no object lives in the pages.
        check(unsafe { map(start, pages.len(), protection, flags, source) }).map(drop)
    }

    /// Writes what was stored in some of the pages to their file, if they are shared pages of a
    /// file. When this returns, it is on the disk.
    pub fn sync(&self, pages: Range<usize>) -> Result<()> {
        // SAFETY: the call changes no memory.
        check(unsafe { syscall::msync(self.address(pages.start), bytes(pages.len())) }).map(drop)
    }

    /// Sets the rights of some of the pages.
    pub fn protect(&self, pages: Range<usize>, protection: Protection) -> Result<()> {
        let (start, length) = (self.address(pages.start), bytes(pages.len()));
        // SAFETY: no object lives in the pages.
        check(unsafe { syscall::mprotect(start, length, protection.0) }).map(drop)
    }

    /// Unmaps some of the pages, or all. Pages may be unmapped twice.
    pub fn cut(&self, pages: Range<usize>) -> Result<()> {
        // SAFETY: no object lives in the pages.
        check(unsafe { syscall::munmap(self.address(pages.start), bytes(pages.len())) }).map(drop)
    }
}

impl Deref for Mapping {
    type Target = Pages;

    fn deref(&self) -> &Pages {
        &self.pages
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.cut(0..self.pages())
            .expect("the kernel unmaps what it mapped");
    }
}

fn bytes(pages: usize) -> u64 {
    (pages * PAGE_SIZE) as u64
}

/// Makes the call.
///
/// # Safety
///
/// With [`MapFlags::FIXED`], no object may live in the pages.
unsafe fn map(
    address: u64,
    pages: usize,
    protection: Protection,
    flags: MapFlags,
    source: Source,
) -> u64 {
    let (fd, offset) = match source {
        Source::Zeros => (-1, 0),
        Source::File(file, first) => (file.0, bytes(first)),
    };
    // SAFETY: the caller's promise.
    unsafe { syscall::mmap(address, bytes(pages), protection.0, flags.0, fd, offset) }
}
