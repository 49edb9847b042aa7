//! Pages below the break, for programs that test or measure memory.
//!
//! Regions must be dropped in the reverse order of their making. Rust drops variables in the
//! reverse order of their declaration.

use crate::memory::{self, Promise};
use crate::pages::Pages;
use crate::syscall::{Failed, Result};
use abi::PAGE_SIZE;
use core::ops::Deref;

/// The largest step of the break. The argument of the call has 32 bits.
const LARGEST_STEP: usize = 1 << 30;

/// Some pages below the break. They are given back on drop.
#[derive(Debug)]
pub struct Region {
    pages: Pages,
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
            pages: Pages {
                start: start.next_multiple_of(PAGE_SIZE as u64),
                count: 0,
            },
        };
        region.extend(pages, promise)?;
        Ok(region)
    }

    /// Adds `pages` pages at the end. After a failure, the pages that were added before it stay.
    pub fn extend(&mut self, pages: usize, promise: Promise) -> Result<()> {
        let goal = self.pages.count + pages;
        while self.pages.count < goal {
            let bytes = ((goal - self.pages.count) * PAGE_SIZE).min(LARGEST_STEP);
            let old = memory::grow(bytes as i32, promise)?;
            if old != self.end() {
                return Err(Failed);
            }
            self.pages.count += bytes / PAGE_SIZE;
        }
        Ok(())
    }

    /// Gives back the last `pages` pages.
    pub fn cut(&mut self, pages: usize) -> Result<()> {
        let goal = self.pages.count.checked_sub(pages).ok_or(Failed)?;
        while self.pages.count > goal {
            let bytes = ((self.pages.count - goal) * PAGE_SIZE).min(LARGEST_STEP);
            // SAFETY: the last pages below the break are this region's, where no object lives.
            unsafe { memory::shrink(bytes as i32) }?;
            self.pages.count -= bytes / PAGE_SIZE;
        }
        Ok(())
    }
}

impl Deref for Region {
    type Target = Pages;

    fn deref(&self) -> &Pages {
        &self.pages
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.cut(self.pages.count)
            .expect("the kernel lowers a break that was raised");
    }
}
