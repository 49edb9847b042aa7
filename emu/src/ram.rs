//! Main memory: a flat array of bytes, one byte of flags per page, and shared copies for snapshots.
//!
//! Invariants: a store to a page whose flags are not 0 goes through [`Ram::write`], never through a
//! fast translation; so whoever sets a flag must drop the writable fast translations of that page
//! ([`Ram::flags_generation`] tells every hart). A page without [`SHARED`] differs from what the
//! last snapshot holds, or may. Neighbours: [`crate::mmu`] grants fast translations,
//! [`crate::snapshot`] keeps [`Image`]s.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Bytes per page.
pub const PAGE: usize = 4096;

/// The last snapshot holds the contents of this page.
pub const SHARED: u8 = 1;
/// Some hart has decoded instructions from this page.
pub const CODE: u8 = 2;
/// A page-table walk has read entries from this page.
pub const TABLE: u8 = 4;
/// A stale translation points to this page: stores to it by others are noted.
pub const WATCHED: u8 = 8;
/// The kernel's own text, which nobody writes.
pub const TEXT: u8 = 16;

const KEPT: u8 = CODE | TABLE;

/// The contents of a whole memory at one moment; pages that did not change are shared.
pub type Image = Vec<Arc<[u8; PAGE]>>;

/// Memory that starts at physical address [`Ram::base`].
pub struct Ram {
    base: u64,
    /// Bytes that can be reached; the last page may have more.
    length: usize,
    bytes: Vec<u8>,
    flags: Vec<u8>,
    image: Image,
    /// Changes whenever a flag was set that forbids fast stores.
    pub(crate) flags_generation: u64,
    /// Pages that lost [`SHARED`] since the last snapshot.
    changed: Vec<u32>,
}

impl Ram {
    /// Zeroed memory of `size` bytes at `base`.
    pub fn new(base: u64, size: usize) -> Self {
        let pages = size.div_ceil(PAGE);
        Self {
            base,
            length: size,
            bytes: vec![0; pages * PAGE],
            flags: vec![SHARED; pages],
            image: core::iter::repeat_n(Arc::new([0; PAGE]), pages).collect(),
            flags_generation: 0,
            changed: Vec::with_capacity(pages),
        }
    }

    /// The physical address of the first byte.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// The size in bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no memory at all.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The position of a physical range in this memory, if all of it lies there.
    #[inline]
    pub fn offset(&self, address: u64, size: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.base);
        let end = offset.checked_add(size as u64)?;
        (end <= self.length as u64).then_some(offset as usize)
    }

    /// All bytes, for fast translations.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All bytes, for fast translations of pages without flags.
    #[inline(always)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Reads an integer of `size` (1, 2, 4 or 8) bytes at an offset inside this memory.
    #[inline]
    pub fn read(&self, offset: usize, size: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.bytes[offset..offset + size]);
        u64::from_le_bytes(bytes)
    }

    /// Writes an integer of `size` bytes and returns the flags the page had. The caller acts on
    /// them; [`SHARED`] is dealt with here.
    #[inline]
    pub fn write(&mut self, offset: usize, size: usize, value: u64) -> u8 {
        let flags = self.touch(offset);
        self.bytes[offset..offset + size].copy_from_slice(&value.to_le_bytes()[..size]);
        flags
    }

    /// Copies bytes in, page by page, for devices and loaders. `each` hears the offset and the
    /// length of every piece in a page with flags.
    pub fn write_bytes(&mut self, offset: usize, from: &[u8], mut each: impl FnMut(usize, usize)) {
        let mut done = 0;
        while done < from.len() {
            let at = offset + done;
            let count = (PAGE - at % PAGE).min(from.len() - done);
            let flags = self.touch(at);
            self.bytes[at..at + count].copy_from_slice(&from[done..done + count]);
            if flags != 0 {
                each(at, count);
            }
            done += count;
        }
    }

    fn touch(&mut self, offset: usize) -> u8 {
        let page = offset / PAGE;
        let flags = self.flags[page];
        if flags & SHARED != 0 {
            self.flags[page] = flags & !SHARED;
            self.changed.push(page as u32);
        }
        flags & !SHARED
    }

    /// The flags of the page at an offset.
    #[inline]
    pub fn flags(&self, offset: usize) -> u8 {
        self.flags[offset / PAGE]
    }

    /// Sets flags of a page; returns whether they were not all set before.
    pub(crate) fn set_flags(&mut self, offset: usize, flags: u8) -> bool {
        let slot = &mut self.flags[offset / PAGE];
        let new = *slot & flags != flags;
        if new {
            *slot |= flags;
            self.flags_generation += 1;
        }
        new
    }

    /// Clears flags of a page.
    pub(crate) fn clear_flags(&mut self, offset: usize, flags: u8) {
        self.flags[offset / PAGE] &= !flags;
    }

    /// The flags of all pages.
    pub(crate) fn all_flags(&self) -> Vec<u8> {
        self.flags.clone()
    }

    /// Sets the flags of all pages after [`Ram::restore`]: each page is as the image has it.
    pub(crate) fn set_all_flags(&mut self, flags: &[u8]) {
        for (slot, flags) in self.flags.iter_mut().zip(flags) {
            *slot = flags | SHARED;
        }
        self.flags_generation += 1;
    }

    /// The flags that decide how a run goes on: code and tables.
    pub(crate) fn kept_flags(&self) -> Vec<u8> {
        self.flags.iter().map(|flags| flags & KEPT).collect()
    }

    /// Sets those flags of all pages, and forgets the others but [`SHARED`].
    pub(crate) fn set_kept_flags(&mut self, flags: &[u8]) {
        for (slot, flags) in self.flags.iter_mut().zip(flags) {
            *slot = *slot & SHARED | flags & KEPT;
        }
        self.flags_generation += 1;
    }

    /// The contents now. Costs a copy of each page that changed since the last call.
    pub fn image(&mut self) -> Image {
        for page in self.changed.drain(..) {
            let page = page as usize;
            let mut copy = [0; PAGE];
            copy.copy_from_slice(&self.bytes[page * PAGE..(page + 1) * PAGE]);
            self.image[page] = Arc::new(copy);
            self.flags[page] |= SHARED;
        }
        self.flags_generation += 1;
        self.image.clone()
    }

    /// Brings back contents and forgets all flags. An image of another size is refused.
    pub fn restore(&mut self, image: &Image) -> bool {
        if image.len() != self.image.len() {
            return false;
        }
        for (page, wanted) in image.iter().enumerate() {
            if self.flags[page] & SHARED == 0 || !Arc::ptr_eq(wanted, &self.image[page]) {
                self.bytes[page * PAGE..(page + 1) * PAGE].copy_from_slice(&wanted[..]);
                self.image[page] = Arc::clone(wanted);
            }
        }
        self.flags.fill(SHARED);
        self.changed.clear();
        self.flags_generation += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_brings_back_what_was_there() {
        let mut ram = Ram::new(0x8000_0000, 3 * PAGE);
        ram.write(8, 8, 7);
        let first = ram.image();
        ram.write(8, 8, 9);
        ram.write(2 * PAGE, 4, 5);
        let second = ram.image();
        assert!(
            Arc::ptr_eq(&first[1], &second[1]),
            "an unchanged page is shared"
        );
        assert!(ram.restore(&first));
        assert_eq!((ram.read(8, 8), ram.read(2 * PAGE, 4)), (7, 0));
        assert!(ram.restore(&second));
        assert_eq!((ram.read(8, 8), ram.read(2 * PAGE, 4)), (9, 5));
        assert!(!ram.restore(&Vec::new()));
    }

    #[test]
    fn ranges_outside_have_no_offset() {
        let ram = Ram::new(0x8000_0000, PAGE);
        assert_eq!(ram.offset(0x8000_0ff8, 8), Some(0xff8));
        assert_eq!(ram.offset(0x8000_0ff9, 8), None);
        assert_eq!(ram.offset(0x7fff_ffff, 1), None);
        assert_eq!(ram.offset(u64::MAX, 8), None);
    }
}
