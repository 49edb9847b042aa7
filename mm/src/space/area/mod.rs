//! The areas of an address space: which pages a program may touch, and how.
//!
//! Invariants: disjoint, none empty, neighbours that could be one are one. So a heap that grows a
//! page at a time stays one area. Adding one, and cutting a hole into one, needs a node, which is
//! made before anything changes ([`Areas::reserve`]); taking pages from an end never needs any. The
//! [`tree`] keeps them in order.

#[cfg(test)]
mod tests;
mod tree;

use sync::Counted;

use self::tree::Tree;
use super::Promise;
use super::shared::Shared;
use crate::addr::{PageNo, PageRange};
use crate::commit::NoMemory;
use crate::file::Mapped;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{Permissions, UserRange};

/// Consecutive pages that are treated alike.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    /// Which pages.
    pub(crate) pages: UserRange,
    /// What the program may do with them.
    pub(crate) permissions: Permissions,
    /// Whether they are paid for.
    pub(crate) promise: Promise,
    /// What the pages come from.
    pub(crate) backing: Backing,
}

/// What the pages of an area come from.
#[derive(Clone, Debug)]
pub(crate) enum Backing {
    /// Nothing: they are the process's own, and zeros at first.
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
    /// Pages of the process's own.
    pub(crate) fn private(pages: UserRange, permissions: Permissions, promise: Promise) -> Self {
        Self {
            pages,
            permissions,
            promise,
            backing: Backing::Own,
        }
    }

    /// No pages at all.
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

/// All pages.
const EVERYWHERE: PageRange = PageRange {
    start: PageNo(0),
    end: PageNo(u64::MAX),
};

/// All areas of a space.
#[derive(Debug, Default)]
pub(crate) struct Areas {
    tree: Tree,
}

impl Areas {
    pub(crate) const fn new() -> Self {
        Self { tree: Tree::new() }
    }

    /// Returns the area that has this page.
    #[inline]
    pub(crate) fn find(&self, page: PageNo) -> Option<Area> {
        self.first_within(PageRange::one(page)).cloned()
    }

    /// Returns whether some area has a page of the range.
    pub(crate) fn overlaps(&self, pages: PageRange) -> bool {
        self.first_within(pages).is_some()
    }

    /// Returns whether one area has pages below the range and above it.
    pub(crate) fn have_around(&self, pages: PageRange) -> bool {
        let around = |area: Area| area.pages.start < pages.start && pages.end < area.pages.end;
        !pages.is_empty() && self.find(pages.start).is_some_and(around)
    }

    /// Returns all areas in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Area> {
        self.within(EVERYWHERE)
    }

    /// Returns the areas that have a page of the range, in order.
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

    /// Makes room for what [`Areas::add`], [`Areas::remove`] and [`Areas::protect`] may need, one
    /// of them after the other: a hole in an area, and an area more.
    pub(crate) fn reserve<M: Machine>(&mut self, memory: &Memory<M>) -> Result<(), NoMemory> {
        self.tree.reserve(2, memory)
    }

    /// Makes room for one hole in an area.
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

    /// Returns the highest range of `count` pages below `end` in which nothing is. No area ends
    /// above `end`.
    pub(crate) fn highest_gap(&self, count: u64, end: PageNo) -> Option<PageRange> {
        self.tree.highest_gap(count, end)
    }

    /// Gives the pages other permissions, after telling `changed` of each piece. Cutting areas at
    /// both ends needs the room that [`Areas::reserve`] made.
    pub(crate) fn protect(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        mut changed: impl FnMut(&Area, UserRange),
    ) {
        let mut next = pages.start;
        while let Some(area) = self.tree.at_or_above(next).cloned() {
            // What was done is part of its neighbour now, if that has the same permissions.
            let cut = area.pages.intersect(PageRange::new(next, pages.end));
            if cut.is_empty() {
                break;
            }
            changed(&area, cut);
            // Not the last handle to anything: there is `area`.
            self.remove(*cut, drop);
            self.add(Area {
                pages: cut,
                permissions,
                ..area
            });
            next = cut.end;
        }
    }

    /// Adds an area that overlaps no other. There is room: see [`Areas::reserve`].
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

    /// Removes the pages from all areas and hands `removed` each piece. Cutting a hole into an area
    /// needs the room that [`Areas::reserve`] made.
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

    /// Takes the last of them out.
    pub(crate) fn pop(&mut self) -> Option<Area> {
        self.tree.take_last()
    }

    /// Adds what a child has of its parent's areas: the same, but never paid for in advance. If it
    /// fails, some are there.
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

    /// Returns how many there are: by the count that is kept, and by a look at each, which leaves
    /// out all if one is not where it belongs.
    pub(crate) fn count(&self) -> (u64, u64) {
        self.tree.count(EVERYWHERE)
    }
}
