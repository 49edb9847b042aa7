//! Faults that nothing in the tables explains.
//!
//! A hart may remember what is not true any more: that there was no entry, or that it permitted
//! less. The answer is a fence (R4).

use crate::addr::PageNo;
use crate::tlb::Scope;

/// Successive faults on one page whose entry was good already.
///
/// A few are normal: another hart was faster, or a TLB is stale. A fault that nothing here can cure
/// would come back for ever, so their number is limited.
#[derive(Default)]
pub(super) struct Spurious {
    page: Option<PageNo>,
    count: u32,
}

impl Spurious {
    const MOST: u32 = 100;

    /// Returns what must be fenced for the next fault on a page. For the second one in a row that
    /// is the whole space: a pointer to a table, or its absence, may be stale, which a fence of the
    /// page does not cover.
    pub(super) fn scope(&self, page: PageNo) -> Scope {
        if self.page == Some(page) {
            Scope::Space
        } else {
            Scope::Page(page.address())
        }
    }

    /// Counts a fault. Returns whether another try may help.
    pub(super) fn note(&mut self, page: PageNo) -> bool {
        if self.page != Some(page) {
            *self = Self {
                page: Some(page),
                count: 0,
            };
        }
        self.count += 1;
        self.count <= Self::MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_fault_on_a_page_is_fenced_with_its_tables() {
        let (page, other) = (PageNo(3), PageNo(4));
        let mut spurious = Spurious::default();
        assert_eq!(spurious.scope(page), Scope::Page(page.address()));
        assert!(spurious.note(page));
        assert_eq!(spurious.scope(page), Scope::Space);
        assert_eq!(spurious.scope(other), Scope::Page(other.address()));
    }
}
