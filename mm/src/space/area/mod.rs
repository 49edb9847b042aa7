//! The areas of an address space: which pages a program may touch, and with which accesses.
//!
//! Invariants: areas are disjoint and not empty, and adjacent areas that could be one are one. A
//! heap that grows a page at a time therefore stays one area. Adding an area, or cutting a hole
//! into one, needs a node of the tree, which is made before anything changes ([`Areas::reserve`]).
//! Removing pages at an end of an area needs none. The [`tree`] keeps the areas in order.

#[cfg(test)]
mod tests;
mod tree;

use sync::Counted;

use self::tree::Tree;
use super::Promise;
use super::object::Shared;
use crate::addr::{PageNo, PageRange};
use crate::commit::NoMemory;
use crate::file::Mapped;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{Permissions, UserRange};

/// Consecutive pages with one protection and one origin.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    /// Its pages.
    pub(crate) pages: UserRange,
    /// The accesses that the program is allowed.
    pub(crate) permissions: Permissions,
    /// Whether its pages are paid for in advance.
    pub(crate) promise: Promise,
    /// The origin of its pages.
    pub(crate) backing: Backing,
}

/// The origin of the pages of an area.
#[derive(Clone, Debug)]
pub(crate) enum Backing {
    /// None: the pages are private to the process and read as zeros at first.
    Own,
    /// Memory that the family shares.
    Object(Counted<Shared>),
    /// A file.
    File(Counted<Mapped>),
}

impl Backing {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own, Self::Own) => true,
            (Self::Object(one), Self::Object(other)) => one.is_same(other),
            (Self::File(one), Self::File(other)) => one.is_same(other),
            _ => false,
        }
    }
}

impl Area {
    /// Returns an area of private pages.
    pub(crate) fn private(pages: UserRange, permissions: Permissions, promise: Promise) -> Self {
        Self {
            pages,
            permissions,
            promise,
            backing: Backing::Own,
        }
    }

    /// Returns an area without pages.
    pub(super) fn none() -> Self {
        Self::private(UserRange::NONE, Permissions::empty(), Promise::Lazy)
    }

    fn continues(&self, other: &Area) -> bool {
        other.pages.end == self.pages.start
            && other.permissions == self.permissions
            && other.promise == self.promise
            && self.backing.is_same(&other.backing)
    }
}

/// The range of all pages.
const EVERYWHERE: PageRange = PageRange {
    start: PageNo(0),
    end: PageNo(u64::MAX),
};

/// The areas of a space.
#[derive(Debug, Default)]
pub(crate) struct Areas {
    tree: Tree,
}

impl Areas {
    pub(crate) const fn new() -> Self {
        Self { tree: Tree::new() }
    }

    /// Returns the area that contains `page`.
    #[inline]
    pub(crate) fn find(&self, page: PageNo) -> Option<Area> {
        self.first_within(PageRange::one(page)).cloned()
    }

    /// Returns whether some area overlaps the range.
    pub(crate) fn overlaps(&self, pages: PageRange) -> bool {
        self.first_within(pages).is_some()
    }

    /// Returns whether one area extends both below and above the range.
    pub(crate) fn have_around(&self, pages: PageRange) -> bool {
        let around = |area: Area| area.pages.start < pages.start && pages.end < area.pages.end;
        !pages.is_empty() && self.find(pages.start).is_some_and(around)
    }

    /// Returns all areas in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Area> {
        self.within(EVERYWHERE)
    }

    /// Returns the areas that overlap the range, in order.
    pub(crate) fn within(&self, pages: PageRange) -> impl Iterator<Item = &Area> {
        let behind = move |area: &Area| PageRange::new(area.pages.end, pages.end);
        core::iter::successors(self.first_within(pages), move |area| {
            self.first_within(behind(area))
        })
    }

    #[inline]
    fn first_within(&self, pages: PageRange) -> Option<&Area> {
        let area = self.tree.at_or_above(pages.start)?;
        (pages.start.max(area.pages.start) < pages.end).then_some(area)
    }

    /// Reserves the nodes that one [`Areas::remove`] or [`Areas::protect`] and a following
    /// [`Areas::add`] need: one for a hole in an area, and one for the new area.
    pub(crate) fn reserve<M: Machine>(&mut self, memory: &Memory<M>) -> Result<(), NoMemory> {
        self.tree.reserve(2, memory)
    }

    /// Reserves the node for one hole in an area.
    pub(crate) fn reserve_hole<M: Machine>(&mut self, memory: &Memory<M>) -> Result<(), NoMemory> {
        self.tree.reserve(1, memory)
    }

    /// Returns whether every page of the range is in some area.
    pub(crate) fn cover(&self, pages: PageRange) -> bool {
        let covered = self.within(pages).try_fold(pages.start, |next, area| {
            (area.pages.start <= next).then_some(area.pages.end)
        });
        covered.is_some_and(|end| end >= pages.end)
    }

    /// Returns the highest range of `count` pages below `end` that no area overlaps. No area may
    /// end above `end`.
    pub(crate) fn highest_gap(&self, count: u64, end: PageNo) -> Option<PageRange> {
        self.tree.highest_gap(count, end)
    }

    /// Changes the permissions of the pages. Calls `changed` with each area and its piece first.
    /// Cutting areas at both ends needs the nodes that [`Areas::reserve`] made.
    pub(crate) fn protect(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        mut changed: impl FnMut(&Area, UserRange),
    ) {
        let mut next = pages.start;
        while let Some(area) = self.tree.at_or_above(next).cloned() {
            // If the previous piece was joined with this area, `next` lies inside it.
            let cut = area.pages.intersect(PageRange::new(next, pages.end));
            if cut.is_empty() {
                break;
            }
            changed(&area, cut);
            // Not the last handle to the area's backing: `area` is one.
            self.remove(*cut, drop);
            self.add(Area {
                pages: cut,
                permissions,
                ..area
            });
            next = cut.end;
        }
    }

    /// Adds an area that overlaps no other. Its node must be reserved: see [`Areas::reserve`].
    pub(crate) fn add(&mut self, mut area: Area) {
        let above = self.find(area.pages.end);
        if let Some(above) = above.filter(|above| above.continues(&area)) {
            area.pages = area.pages.join(above.pages);
            self.tree.take(above.pages.start);
        }
        let below = area.pages.start.0.checked_sub(1).map(PageNo);
        let below = below.and_then(|page| self.find(page));
        if let Some(below) = below.filter(|below| area.continues(below)) {
            area.pages = area.pages.join(below.pages);
            self.tree.take(below.pages.start);
        }
        self.tree.insert(area);
    }

    /// Removes the pages from all areas. Calls `removed` with each removed piece. Cutting a hole
    /// into an area needs the node that [`Areas::reserve`] made.
    pub(crate) fn remove(&mut self, pages: PageRange, mut removed: impl FnMut(Area)) {
        while let Some(first) = self.first_within(pages) {
            let start = first.pages.start;
            let Some(area) = self.tree.take(start) else {
                break;
            };
            let cut = area.pages.intersect(pages);
            for rest in [area.pages.below(cut.start), area.pages.from(cut.end)] {
                if !rest.is_empty() {
                    self.tree.insert(Area {
                        pages: rest,
                        ..area.clone()
                    });
                }
            }
            removed(Area { pages: cut, ..area });
        }
    }

    /// Removes and returns the highest area.
    pub(crate) fn pop(&mut self) -> Option<Area> {
        self.tree.take_last()
    }

    /// Adds copies of the parent's areas for a child. They are lazy: a child's pages are not paid
    /// for in advance. If the call fails, some areas have been added.
    pub(crate) fn add_for_child<M: Machine>(
        &mut self,
        parent: &Self,
        memory: &Memory<M>,
    ) -> Result<(), NoMemory> {
        for area in parent.iter() {
            self.tree.reserve(1, memory)?;
            self.add(Area {
                promise: Promise::Lazy,
                ..area.clone()
            });
        }
        Ok(())
    }

    /// Returns the number of areas twice: as it is kept, and as counted now. The latter is 0 if an
    /// area is not where it belongs.
    pub(crate) fn count(&self) -> (u64, u64) {
        self.tree.count(EVERYWHERE)
    }
}
