//! Spurious faults: faults on entries that allow the access.
//!
//! A TLB may remember that there was no entry, or that the entry permitted less. The answer is a
//! fence (R4).

use crate::addr::PageNo;
use crate::tlb::Scope;

/// Successive faults on one page whose entry already allowed the access.
///
/// A few are normal, because another hart was faster or a TLB is stale. Their number is limited,
/// because a fault that no fence can cure would come back for ever.
#[derive(Default)]
pub(super) struct Spurious {
    page: Option<PageNo>,
    count: u32,
}

impl Spurious {
    const MOST: u32 = 100;

    /// Returns the scope of the fence that answers a fault on `page`. For the second fault in a row
    /// it is the whole space: an upper-level entry may be stale, which a fence of the page does not
    /// cover.
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
