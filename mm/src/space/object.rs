//! Objects: memory that a family shares, by itself. Neighbours: [`super::area`] has a handle for
//! each area that maps an object; [`super::shared`] makes, fills and ends objects.

use core::fmt;

use sync::Counted;
use sync::atomic::{AtomicU64, Ordering};

use crate::addr::FrameNo;
use crate::pt::{UserPage, UserRange};
use crate::rmap::{FamilyPage, Member};

/// An object: memory that a family shares, and the page table that says where its pages are.
pub(crate) struct Shared {
    pub(super) member: Counted<Member>,
    /// Its pages, at one address in every space that maps it.
    pub(super) pages: UserRange,
    /// How many of its pages are in a frame or a slot. Changes under the lock of the entries.
    pub(super) touched: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shared({:?})", self.pages)
    }
}

impl Shared {
    /// Returns the frame of its root table.
    pub(crate) fn root(&self) -> FrameNo {
        self.member.root
    }

    /// Returns which page of the family a page of the object is.
    pub(super) fn page_of(&self, page: UserPage) -> FamilyPage {
        FamilyPage {
            family: self.member.family,
            page: *page,
        }
    }

    /// Returns how many places it keeps for pages that were never touched.
    pub(crate) fn unkept_promises(&self) -> u64 {
        self.pages.len() - self.touched.load(Ordering::Relaxed)
    }
}
