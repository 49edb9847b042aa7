//! The areas of an address space: which pages a program may touch, and how.
//!
//! Invariants: sorted by address, disjoint, none empty, neighbours that could be one are one. So a heap
//! that grows a page at a time stays one area. Adding one may find no memory; taking one from an end never needs any.

use alloc::vec::Vec;

use sync::Counted;

use super::Promise;
use super::shared::Shared;
use crate::addr::{PageNo, PageRange};
use crate::commit::NoMemory;
use crate::file::Mapped;
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

    fn continues(&self, other: &Area) -> bool {
        other.pages.end == self.pages.start
            && other.permissions == self.permissions
            && other.promise == self.promise
            && self.backing.is_same(&other.backing)
    }
}

/// All areas of a space.
#[derive(Debug, Default)]
pub(crate) struct Areas {
    sorted: Vec<Area>,
}

impl Areas {
    pub(crate) const fn new() -> Self {
        Self { sorted: Vec::new() }
    }

    /// The index of the first area that ends above `page`.
    fn at_or_above(&self, page: PageNo) -> usize {
        self.sorted.partition_point(|area| area.pages.end <= page)
    }

    /// The area that has this page.
    #[inline]
    pub(crate) fn find(&self, page: PageNo) -> Option<Area> {
        self.sorted
            .get(self.at_or_above(page))
            .filter(|area| area.pages.start <= page)
            .cloned()
    }

    /// Whether some area has a page of the range.
    pub(crate) fn overlaps(&self, pages: PageRange) -> bool {
        !pages.is_empty()
            && self
                .sorted
                .get(self.at_or_above(pages.start))
                .is_some_and(|area| area.pages.start < pages.end)
    }

    /// Whether one area has pages below the range and above it.
    pub(crate) fn have_around(&self, pages: PageRange) -> bool {
        let around = |area: Area| area.pages.start < pages.start && pages.end < area.pages.end;
        !pages.is_empty() && self.find(pages.start).is_some_and(around)
    }

    /// All areas in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Area> {
        self.sorted.iter()
    }

    /// Makes room for what [`Areas::add`], [`Areas::remove`] and [`Areas::protect`] may need, one of them after the other.
    pub(crate) fn reserve(&mut self) -> Result<(), NoMemory> {
        Ok(self.sorted.try_reserve(2)?)
    }

    /// Whether every page of the range is in some area.
    pub(crate) fn cover(&self, pages: PageRange) -> bool {
        let mut next = pages.start;
        while next < pages.end {
            match self.find(next) {
                Some(area) => next = area.pages.end,
                None => return false,
            }
        }
        true
    }

    /// The highest range of `count` pages below `end` in which nothing is.
    pub(crate) fn highest_gap(&self, count: u64, end: PageNo) -> Option<PageRange> {
        let mut end = end.0;
        for area in self.sorted.iter().rev() {
            if end.checked_sub(area.pages.end.0) >= Some(count) {
                break;
            }
            end = end.min(area.pages.start.0);
        }
        let start = end.checked_sub(count)?;
        let range = PageRange::new(PageNo(start), PageNo(end));
        (!self.overlaps(range)).then_some(range)
    }

    /// Gives the pages other permissions, after telling `changed` of each piece. Cutting areas at both ends needs the room
    /// that [`Areas::reserve`] made.
    pub(crate) fn protect(
        &mut self,
        pages: PageRange,
        permissions: Permissions,
        mut changed: impl FnMut(&Area, UserRange),
    ) {
        let mut next = pages.start;
        while let Some(area) = self.sorted.get(self.at_or_above(next)).cloned() {
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
        let mut index = self.at_or_above(area.pages.start);
        if self
            .sorted
            .get(index)
            .is_some_and(|next| next.continues(&area))
        {
            area.pages = area.pages.join(self.sorted[index].pages);
            self.sorted.remove(index);
        }
        if index > 0 && area.continues(&self.sorted[index - 1]) {
            index -= 1;
            self.sorted[index].pages = area.pages.join(self.sorted[index].pages);
        } else {
            self.sorted.insert(index, area);
        }
    }

    /// Removes the pages from all areas and hands `removed` each piece. Cutting a hole into an area needs
    /// the room that [`Areas::reserve`] made.
    pub(crate) fn remove(&mut self, pages: PageRange, mut removed: impl FnMut(Area)) {
        let mut index = self.at_or_above(pages.start);
        while let Some(area) = self.sorted.get(index) {
            let cut = area.pages.intersect(pages);
            if cut.is_empty() {
                break;
            }
            let area = self.sorted.remove(index);
            for rest in [area.pages.below(cut.start), area.pages.from(cut.end)] {
                if !rest.is_empty() {
                    let rest = Area {
                        pages: rest,
                        ..area.clone()
                    };
                    self.sorted.insert(index, rest);
                    index += 1;
                }
            }
            removed(Area { pages: cut, ..area });
        }
    }

    /// Takes one of them out, in no order.
    pub(crate) fn pop(&mut self) -> Option<Area> {
        self.sorted.pop()
    }

    /// The same areas for a child, whose pages are never paid for in advance.
    pub(crate) fn try_clone_for_child(&self) -> Result<Self, NoMemory> {
        let mut child = Self::new();
        child.sorted.try_reserve_exact(self.sorted.len())?;
        for area in &self.sorted {
            child.add(Area {
                promise: Promise::Lazy,
                ..area.clone()
            });
        }
        Ok(child)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::user_range;

    fn area(start: u64, end: u64, promise: Promise) -> Area {
        let pages = user_range(start, end);
        Area::private(pages, Permissions::READ, promise)
    }

    impl PartialEq for Area {
        fn eq(&self, other: &Self) -> bool {
            let plain = |area: &Self| (area.pages, area.permissions, area.promise);
            plain(self) == plain(other)
        }
    }

    fn areas(list: &[Area]) -> Areas {
        let mut areas = Areas::new();
        for area in list {
            areas.reserve().unwrap();
            areas.add(area.clone());
        }
        areas
    }

    #[test]
    fn neighbours_merge() {
        use Promise::{Charged, Lazy};
        let mut areas = areas(&[
            area(0, 2, Charged),
            area(4, 6, Charged),
            area(2, 4, Charged),
        ]);
        assert_eq!(areas.sorted, [area(0, 6, Charged)]);
        areas.reserve().unwrap();
        areas.add(area(6, 7, Lazy));
        assert_eq!(
            areas.sorted.len(),
            2,
            "a lazy page is not paid for by its neighbour"
        );
    }

    #[test]
    fn room_is_made_before_it_is_needed() {
        let mut areas = areas(&[]);
        for start in 0..20 {
            areas.reserve().unwrap();
            let room = areas.sorted.capacity();
            assert!(room > areas.sorted.len());
            areas.add(area(2 * start, 2 * start + 1, Promise::Lazy));
            assert_eq!(areas.sorted.capacity(), room);
        }
    }

    #[test]
    fn a_hole_splits() {
        let mut areas = areas(&[area(0, 10, Promise::Lazy), area(12, 14, Promise::Lazy)]);
        areas.reserve().unwrap();
        let mut pieces = vec![];
        areas.remove(PageRange::new(PageNo(4), PageNo(13)), |piece| {
            pieces.push(piece.pages.len())
        });
        assert_eq!(pieces, [6, 1]);
        assert_eq!(
            areas.sorted,
            [area(0, 4, Promise::Lazy), area(13, 14, Promise::Lazy)]
        );
        areas.remove(PageRange::new(PageNo(1), PageNo(2)), |_| ());
        assert!(
            areas.find(PageNo(1)).is_none()
                && areas.find(PageNo(0)).is_some()
                && areas.find(PageNo(2)).is_some()
        );
    }

    #[test]
    fn permissions_change_piece_by_piece() {
        let mut areas = areas(&[area(0, 10, Promise::Lazy), area(10, 12, Promise::Charged)]);
        let mut protect = |start, end, permissions| {
            let mut pieces = vec![];
            areas.reserve().unwrap();
            let range = PageRange::new(PageNo(start), PageNo(end));
            areas.protect(range, permissions, |_, cut| {
                pieces.push((cut.start.0, cut.end.0));
            });
            (pieces, areas.sorted.len())
        };
        let both = Permissions::READ | Permissions::WRITE;
        assert_eq!(
            protect(2, 4, Permissions::READ),
            (vec![(2, 4)], 2),
            "as it was"
        );
        assert_eq!(protect(2, 4, both), (vec![(2, 4)], 4));
        assert_eq!(
            protect(3, 11, Permissions::READ),
            (vec![(3, 4), (4, 10), (10, 11)], 4)
        );
        assert_eq!(protect(0, 12, both).1, 2);
        assert_eq!(protect(5, 5, both), (vec![], 2));
    }

    #[test]
    fn overlap_is_exact() {
        let areas = areas(&[area(5, 8, Promise::Lazy)]);
        let overlaps = |start, end| areas.overlaps(PageRange::new(PageNo(start), PageNo(end)));
        assert!(!overlaps(0, 5) && !overlaps(8, 9) && !overlaps(6, 6));
        assert!(overlaps(0, 6) && overlaps(7, 9) && overlaps(6, 7) && overlaps(0, 20));
    }
}
