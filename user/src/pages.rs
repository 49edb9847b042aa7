//! Pages of raw memory, for programs that test or measure memory: the common part of
//! [`Region`](crate::region::Region) and [`Mapping`](crate::mapping::Mapping).
//!
//! No Rust object lives in the pages. They are reached only through the volatile accesses here, so
//! they may be shared with other processes, and the kernel and other processes may write them. A
//! touch that the kernel does not allow ends the program.

use crate::file::Fd;
use crate::memory;
use crate::syscall::{self, Result, check};
use abi::{PAGE_SIZE, PageInfo};
use core::ptr;

/// Some consecutive pages.
#[derive(Debug)]
pub struct Pages {
    /// The first address, a multiple of the size of a page.
    pub(crate) start: u64,
    /// The number of pages.
    pub(crate) count: usize,
}

impl Pages {
    /// Returns the number of pages.
    pub fn pages(&self) -> usize {
        self.count
    }

    /// Returns the first address.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Returns the address behind the last byte.
    pub fn end(&self) -> u64 {
        self.address(self.count)
    }

    /// Returns the first address of `page`, which may be the page behind the last.
    #[inline]
    pub fn address(&self, page: usize) -> u64 {
        assert!(page <= self.count, "page {page} of {}", self.count);
        self.start + (page * PAGE_SIZE) as u64
    }

    /// Returns the address of a word of `page`.
    #[inline]
    fn word(&self, page: usize, index: usize) -> *mut u64 {
        assert!(page < self.count, "page {page} of {}", self.count);
        assert!(index < PAGE_SIZE / size_of::<u64>(), "word {index}");
        (self.address(page) + (index * size_of::<u64>()) as u64) as *mut u64
    }

    /// Returns the first word of `page`.
    #[inline]
    pub fn read(&self, page: usize) -> u64 {
        self.read_word(page, 0)
    }

    /// Sets the first word of `page`.
    #[inline]
    pub fn write(&self, page: usize, value: u64) {
        self.write_word(page, 0, value);
    }

    /// Returns a word of `page`.
    #[inline]
    pub fn read_word(&self, page: usize, index: usize) -> u64 {
        // SAFETY: within the pages, aligned, and any bits are a number.
        unsafe { ptr::read_volatile(self.word(page, index)) }
    }

    /// Sets a word of `page`.
    #[inline]
    pub fn write_word(&self, page: usize, index: usize, value: u64) {
        // SAFETY: within the pages and aligned; no object lives there.
        unsafe { ptr::write_volatile(self.word(page, index), value) };
    }

    /// Returns the address of the byte at `offset`.
    fn byte_address(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.count * PAGE_SIZE, "offset {offset}");
        (self.start + offset as u64) as *mut u8
    }

    /// Returns the byte at `offset`.
    pub fn byte(&self, offset: usize) -> u8 {
        // SAFETY: within the pages, and any bits are a number.
        unsafe { ptr::read_volatile(self.byte_address(offset)) }
    }

    /// Sets the byte at `offset`.
    pub fn set_byte(&self, offset: usize, value: u8) {
        // SAFETY: within the pages; no object lives there.
        unsafe { ptr::write_volatile(self.byte_address(offset), value) };
    }

    /// Makes the kernel read up to `count` bytes from `fd` to `offset`. The range may reach past
    /// the last page if the program may not write what follows, because the kernel has to refuse
    /// that part.
    pub fn read_from(&self, fd: Fd, offset: usize, count: usize) -> Result<usize> {
        assert!(offset <= self.count * PAGE_SIZE, "offset {offset}");
        // SAFETY: no object lives in the pages, nor where the range may reach past them.
        check(unsafe { syscall::read(fd.0, self.start + offset as u64, count as i32) })
            .map(|count| count as usize)
    }

    /// Makes the kernel write `count` bytes from `offset` to `fd`.
    pub fn write_to(&self, fd: Fd, offset: usize, count: usize) -> Result<usize> {
        assert!(offset <= self.count * PAGE_SIZE, "offset {offset}");
        // SAFETY: the kernel only reads.
        check(unsafe { syscall::write(fd.0, self.start + offset as u64, count as i32) })
            .map(|count| count as usize)
    }

    /// Returns the kernel's report about `page`.
    pub fn info(&self, page: usize) -> Result<PageInfo> {
        let mut info = [PageInfo::default()];
        memory::page_info(0, self.address(page), &mut info)?;
        Ok(info[0])
    }
}
