//! Pages of the user half, the only pages that a walk accepts.
//!
//! A page number that came from a program is an allegation ([`PageNo`], [`PageRange`]): it may name
//! a page of the kernel's half, or no page at all. The index of an entry is made of a few bits of
//! the number. A walk towards an unchecked page would therefore end at another page's entry, or in
//! the kernel's tables.
//!
//! Invariant: a [`UserPage`] is below [`Format::USER_TOP`], and a [`UserRange`] ends there at the
//! latest. Both are made in this file alone, by a check against the format or as a part of a range
//! that was checked.

use core::ops::Deref;

use super::format::Format;
use crate::addr::{PageNo, PageRange};

/// A page of the user half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserPage(PageNo);

impl UserPage {
    /// Returns the page, if it is in the user half.
    #[inline]
    pub fn new<F: Format>(page: PageNo) -> Option<Self> {
        (page < F::USER_TOP.page()).then_some(Self(page))
    }
}

impl Deref for UserPage {
    type Target = PageNo;

    fn deref(&self) -> &PageNo {
        &self.0
    }
}

/// Consecutive pages of the user half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRange(PageRange);

impl UserRange {
    /// The empty range.
    pub const NONE: Self = Self(PageRange {
        start: PageNo(0),
        end: PageNo(0),
    });

    /// Returns the pages, if all of them are in the user half.
    pub fn new<F: Format>(pages: PageRange) -> Option<Self> {
        let inside = pages.start <= pages.end && pages.end <= F::USER_TOP.page();
        inside.then_some(Self(pages))
    }

    /// Returns the whole user half.
    pub fn all<F: Format>() -> Self {
        Self(PageRange::new(PageNo(0), F::USER_TOP.page()))
    }

    /// Returns the range of one page.
    pub fn one(page: UserPage) -> Self {
        Self(PageRange::one(page.0))
    }

    /// Returns the page, if it is in the range.
    #[inline]
    pub fn page(self, page: PageNo) -> Option<UserPage> {
        self.contains(page).then_some(UserPage(page))
    }

    /// Returns the pages that are in `other` too.
    pub fn intersect(self, other: PageRange) -> Self {
        Self(self.0.intersect(other))
    }

    /// Returns the part below `page`.
    pub fn below(self, page: PageNo) -> Self {
        self.intersect(PageRange::new(PageNo(0), page))
    }

    /// Returns the part from `page` on.
    pub fn from(self, page: PageNo) -> Self {
        self.intersect(PageRange::new(page, self.end))
    }

    /// Returns both ranges and the pages between them.
    pub fn join(self, other: Self) -> Self {
        let (start, end) = (self.start.min(other.start), self.end.max(other.end));
        Self(PageRange::new(start, end))
    }
}

impl Deref for UserRange {
    type Target = PageRange;

    fn deref(&self) -> &PageRange {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pt::Sv39;

    const TOP: PageNo = Sv39::USER_TOP.page();

    fn range(start: u64, end: u64) -> Option<UserRange> {
        UserRange::new::<Sv39>(PageRange {
            start: PageNo(start),
            end: PageNo(end),
        })
    }

    #[test]
    fn no_page_from_the_top_on_is_the_users() {
        let page = |number| UserPage::new::<Sv39>(PageNo(number)).is_some();
        assert!(page(0) && page(TOP.0 - 1));
        let foreign = [
            TOP.0,
            TOP.0 + 1,
            1 << 26,
            1 << 27,
            1 << 51,
            u64::MAX >> 12,
            u64::MAX,
        ];
        assert_eq!(foreign.map(page), [false; 7]);
    }

    #[test]
    fn a_range_is_the_users_as_a_whole_or_not_at_all() {
        assert!(range(0, TOP.0).is_some() && range(TOP.0, TOP.0).is_some());
        for (start, end) in [
            (0, TOP.0 + 1),
            (TOP.0 + 1, TOP.0 + 1),
            (5, u64::MAX),
            (5, 4),
        ] {
            assert_eq!(range(start, end), None, "{start:#x} to {end:#x}");
        }
        assert_eq!(UserRange::all::<Sv39>(), range(0, TOP.0).unwrap());
    }

    #[test]
    fn parts_of_a_range_stay_inside_it() {
        let whole = range(4, 9).unwrap();
        assert_eq!(whole.page(PageNo(8)).as_deref(), Some(&PageNo(8)));
        assert_eq!((whole.page(PageNo(3)), whole.page(PageNo(9))), (None, None));
        assert_eq!(whole.below(PageNo(6)), range(4, 6).unwrap());
        assert_eq!(whole.from(PageNo(6)), range(6, 9).unwrap());
        assert!(whole.below(PageNo(2)).is_empty() && whole.from(PageNo(u64::MAX)).is_empty());
        let all = PageRange::new(PageNo(0), PageNo(u64::MAX));
        assert_eq!(whole.intersect(all), whole);
        assert_eq!(whole.join(range(20, 21).unwrap()), range(4, 21).unwrap());
    }
}
