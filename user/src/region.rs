//! Pages at the end of the break, for programs that test or measure memory.
//!
//! A region is raw memory that no Rust object lives in: it is only reached through the volatile
//! accesses here, so it may be shared with children, written by the kernel or found changed.
//! Regions must be dropped in the reverse order of their making, which declaration order gives.

use crate::file::Fd;
use crate::memory::{self, Promise};
use crate::syscall::{self, Failed, Result, check};
use abi::{PAGE_SIZE, PageInfo};
use core::ptr;

/// The largest step of the break: its argument has 32 bits.
const LARGEST_STEP: usize = 1 << 30;

/// Some pages at the end of the break; given back on drop.
#[derive(Debug)]
pub struct Region {
    start: u64,
    pages: usize,
}

impl Region {
    /// Reserves `pages` pages.
    pub fn new(pages: usize, promise: Promise) -> Result<Self> {
        let start = memory::current_break()?;
        let unaligned = start % PAGE_SIZE as u64;
        if unaligned != 0 {
            memory::grow((PAGE_SIZE as u64 - unaligned) as i32, Promise::Eager)?;
        }
        let mut region = Self {
            start: start.next_multiple_of(PAGE_SIZE as u64),
            pages: 0,
        };
        region.extend(pages, promise)?;
        Ok(region)
    }

    /// Adds `pages` pages at its end; what was added before a failure stays.
    pub fn extend(&mut self, pages: usize, promise: Promise) -> Result<()> {
        let goal = self.pages + pages;
        while self.pages < goal {
            let bytes = ((goal - self.pages) * PAGE_SIZE).min(LARGEST_STEP);
            let old = memory::grow(bytes as i32, promise)?;
            if old != self.end() {
                return Err(Failed);
            }
            self.pages += bytes / PAGE_SIZE;
        }
        Ok(())
    }

    /// Gives back the last `pages` pages.
    pub fn cut(&mut self, pages: usize) -> Result<()> {
        let goal = self.pages.checked_sub(pages).ok_or(Failed)?;
        while self.pages > goal {
            let bytes = ((self.pages - goal) * PAGE_SIZE).min(LARGEST_STEP);
            // SAFETY: the last pages below the break are this region's, where no object lives.
            unsafe { memory::shrink(bytes as i32) }?;
            self.pages -= bytes / PAGE_SIZE;
        }
        Ok(())
    }

    /// How many pages it has.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Its first address.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// One past its last address.
    pub fn end(&self) -> u64 {
        self.start + (self.pages * PAGE_SIZE) as u64
    }

    /// The address of a word of `page`.
    fn word(&self, page: usize, index: usize) -> *mut u64 {
        assert!(page < self.pages, "page {page} of {}", self.pages);
        assert!(index < PAGE_SIZE / size_of::<u64>(), "word {index}");
        (self.start + (page * PAGE_SIZE + index * size_of::<u64>()) as u64) as *mut u64
    }

    /// The first word of `page`.
    #[inline]
    pub fn read(&self, page: usize) -> u64 {
        self.read_word(page, 0)
    }

    /// Sets the first word of `page`.
    #[inline]
    pub fn write(&self, page: usize, value: u64) {
        self.write_word(page, 0, value);
    }

    /// A word of `page`.
    #[inline]
    pub fn read_word(&self, page: usize, index: usize) -> u64 {
        // SAFETY: within the region, aligned, and any bits are a number.
        unsafe { ptr::read_volatile(self.word(page, index)) }
    }

    /// Sets a word of `page`.
    #[inline]
    pub fn write_word(&self, page: usize, index: usize, value: u64) {
        // SAFETY: within the region and aligned; no object lives there.
        unsafe { ptr::write_volatile(self.word(page, index), value) };
    }

    /// The address of the byte at `offset`.
    fn byte_address(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.pages * PAGE_SIZE, "offset {offset}");
        (self.start + offset as u64) as *mut u8
    }

    /// The byte at `offset`.
    pub fn byte(&self, offset: usize) -> u8 {
        // SAFETY: within the region, and any bits are a number.
        unsafe { ptr::read_volatile(self.byte_address(offset)) }
    }

    /// Sets the byte at `offset`.
    pub fn set_byte(&self, offset: usize, value: u8) {
        // SAFETY: within the region; no object lives there.
        unsafe { ptr::write_volatile(self.byte_address(offset), value) };
    }

    /// Has the kernel read up to `count` bytes from `fd` to `offset`. The range may reach past the
    /// region's end, which is the break: the kernel has to refuse what lies there.
    pub fn read_from(&self, fd: Fd, offset: usize, count: usize) -> Result<usize> {
        assert!(offset <= self.pages * PAGE_SIZE, "offset {offset}");
        // SAFETY: no object lives in the region, and nothing is mapped past the break.
        check(unsafe { syscall::read(fd.0, self.start + offset as u64, count as i32) })
            .map(|count| count as usize)
    }

    /// Has the kernel write `count` bytes from `offset` to `fd`.
    pub fn write_to(&self, fd: Fd, offset: usize, count: usize) -> Result<usize> {
        assert!(offset <= self.pages * PAGE_SIZE, "offset {offset}");
        // SAFETY: the kernel only reads.
        check(unsafe { syscall::write(fd.0, self.start + offset as u64, count as i32) })
            .map(|count| count as usize)
    }

    /// What the kernel says of `page`.
    pub fn info(&self, page: usize) -> Result<PageInfo> {
        let mut info = [PageInfo::default()];
        memory::page_info(0, self.word(page, 0) as u64, &mut info)?;
        Ok(info[0])
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.cut(self.pages)
            .expect("the kernel lowers a break that was raised");
    }
}
