//! Addresses and page numbers as types of their own, so that no physical address is taken for a
//! virtual one, and no bytes for pages.
//!
//! Invariant: the inner number has the unit that the type's name says. Nothing is rounded silently.

use core::fmt;

use abi::PAGE_SIZE;
use arrayvec::ArrayVec;

/// log2 of the page size.
pub const PAGE_SHIFT: u32 = PAGE_SIZE.trailing_zeros();

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(pub u64);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }
    };
}

number! {
    /// A physical address, in bytes.
    PhysAddr
}
number! {
    /// A virtual address, in bytes. It may have any 64 bits, because addresses that come from
    /// programs are not checked yet.
    VirtAddr
}
number! {
    /// The number of a frame: a physical address divided by [`PAGE_SIZE`].
    FrameNo
}
number! {
    /// The number of a page: a virtual address divided by [`PAGE_SIZE`].
    PageNo
}

number! {
    /// The number of a slot of [`PAGE_SIZE`] bytes on the swap device.
    SlotNo
}

impl PhysAddr {
    /// Returns the frame this address lies in.
    pub const fn frame(self) -> FrameNo {
        FrameNo(self.0 >> PAGE_SHIFT)
    }
}

impl FrameNo {
    /// Returns the address of the frame's first byte.
    pub const fn address(self) -> PhysAddr {
        PhysAddr(self.0 << PAGE_SHIFT)
    }
}

impl VirtAddr {
    /// Returns the page this address lies in.
    pub const fn page(self) -> PageNo {
        PageNo(self.0 >> PAGE_SHIFT)
    }

    /// Returns the offset in the page, in bytes.
    pub const fn offset(self) -> usize {
        self.0 as usize & (PAGE_SIZE - 1)
    }

    /// Returns the first page that begins at or after this address.
    pub const fn page_up(self) -> PageNo {
        PageNo(self.0.div_ceil(PAGE_SIZE as u64))
    }
}

impl PageNo {
    /// Returns the address of the page's first byte.
    pub const fn address(self) -> VirtAddr {
        VirtAddr(self.0 << PAGE_SHIFT)
    }

    /// Returns the page `pages` after this one.
    pub const fn plus(self, pages: u64) -> PageNo {
        PageNo(self.0 + pages)
    }
}

macro_rules! range {
    ($(#[$doc:meta])* $name:ident of $number:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            /// The first number.
            pub start: $number,
            /// The number behind the last.
            pub end: $number,
        }

        impl $name {
            /// Returns the numbers from `start` up to, but without, `end`. The range is empty if
            /// `end` is not above `start`.
            pub fn new(start: $number, end: $number) -> Self {
                Self { start, end: end.max(start) }
            }

            /// Returns how many numbers there are.
            pub const fn len(self) -> u64 {
                self.end.0 - self.start.0
            }

            /// Returns whether the range is empty.
            pub const fn is_empty(self) -> bool {
                self.start.0 == self.end.0
            }

            /// Returns whether `number` is in the range.
            pub fn contains(self, number: $number) -> bool {
                self.start <= number && number < self.end
            }

            /// Returns the numbers that are in both ranges.
            pub fn intersect(self, other: Self) -> Self {
                Self::new(self.start.max(other.start), self.end.min(other.end))
            }
        }
    };
}

range! {
    /// Consecutive frames.
    FrameRange of FrameNo
}
/// The most ranges that RAM may consist of.
pub const RANGES_MAX: usize = 4;

/// The ranges of RAM, with holes between them.
pub type FrameRanges = ArrayVec<FrameRange, RANGES_MAX>;

range! {
    /// Consecutive pages.
    PageRange of PageNo
}

impl PageRange {
    /// Returns the range of one page.
    pub fn one(page: PageNo) -> Self {
        Self::new(page, page.plus(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(VirtAddr(0x1fff).page(), PageNo(1));
        assert_eq!(VirtAddr(0x1fff).offset(), 0xfff);
        assert_eq!(VirtAddr(0x1001).page_up(), PageNo(2));
        assert_eq!(VirtAddr(0x1000).page_up(), PageNo(1));
        assert_eq!(FrameNo(3).address().frame(), FrameNo(3));
    }

    #[test]
    fn numbers_are_shown_as_addresses_are_written() {
        assert_eq!(format!("{:?}", VirtAddr(0x1fff)), "VirtAddr(0x1fff)");
        assert_eq!(format!("{:?}", FrameNo(0x80)), "FrameNo(0x80)");
    }

    #[test]
    fn an_inverted_range_is_empty() {
        let range = PageRange::new(PageNo(5), PageNo(3));
        assert!(range.is_empty() && !range.contains(PageNo(5)));
        let common =
            PageRange::new(PageNo(0), PageNo(4)).intersect(PageRange::new(PageNo(2), PageNo(9)));
        assert_eq!(common, PageRange::new(PageNo(2), PageNo(4)));
    }
}
