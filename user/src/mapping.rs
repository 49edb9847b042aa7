//! Pages that `mmap` maps, for programs that test or measure memory. Cowslip's extension.
//!
//! A mapping is given back on drop. Of one that was cut the kernel may give the missing pages to another: programs that cut
//! must not use the heap meanwhile, which could come to lie there.

use crate::pages::Pages;
use crate::syscall::{self, Result, check};
use abi::{MapFlags, PAGE_SIZE, Protection};
use core::ops::{Deref, Range};

/// Who sees what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The process alone.
    Private,
    /// All processes that have the mapping from the one that made it.
    Shared,
}

impl Sharing {
    /// The flags of a mapping that is of no file.
    pub const fn flags(self) -> MapFlags {
        match self {
            Self::Private => MapFlags::PRIVATE.with(MapFlags::ANONYMOUS),
            Self::Shared => MapFlags::SHARED.with(MapFlags::ANONYMOUS),
        }
    }
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
        let start = check(unsafe { map(wish, pages, protection, flags) })?;
        Ok(Self {
            pages: Pages {
                start,
                count: pages,
            },
        })
    }

    /// Maps zeros in place of some of the pages.
    pub fn renew(
        &self,
        pages: Range<usize>,
        sharing: Sharing,
        protection: Protection,
    ) -> Result<()> {
        let flags = sharing.flags().with(MapFlags::FIXED);
        // SAFETY: no object lives in the pages.
        check(unsafe { map(self.address(pages.start), pages.len(), protection, flags) }).map(drop)
    }

    /// Says what may be done with some of the pages.
    pub fn protect(&self, pages: Range<usize>, protection: Protection) -> Result<()> {
        let (start, length) = (self.address(pages.start), bytes(pages.len()));
        // SAFETY: no object lives in the pages.
        check(unsafe { syscall::mprotect(start, length, protection.0) }).map(drop)
    }

    /// Unmaps some of the pages. It may be all of them, and may be said twice.
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

/// The call, for what is no file.
///
/// # Safety
///
/// With [`MapFlags::FIXED`], no object may live in the pages.
unsafe fn map(address: u64, pages: usize, protection: Protection, flags: MapFlags) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { syscall::mmap(address, bytes(pages), protection.0, flags.0, -1, 0) }
}
