//! The balanced tree of the areas of a space (Adelson-Velsky and Landis, 1962), with one small node
//! per area.
//!
//! A program decides how many areas it has, so the tree needs no contiguous frames (R11): a node is
//! an object of 128 bytes. A lookup makes about as many comparisons as a binary search. Each node
//! has a summary of its subtree, so that a gap is found without a look at every area.
//!
//! Invariants, for every node: areas on its left lie below its own, areas on its right above it.
//! The heights of its two sides differ by one at most. `height`, `span` and `gap` are true of the
//! whole subtree. The height is therefore at most 1.44 times the logarithm of the number of areas,
//! and so is the depth of every recursion here.
//!
//! Nodes are made before the operation that needs them begins ([`Tree::reserve`]). Nothing else
//! here can fail. A few nodes that an operation did not use are kept for the next.

use alloc::boxed::Box;
use core::cmp::Ordering;

use sync::{OutOfMemory, try_box};

use super::Area;
use crate::addr::{PageNo, PageRange};
use crate::commit::NoMemory;
use crate::machine::Machine;
use crate::memory::Memory;

/// The subtree on one side of a node, or at the root.
type Link = Option<Box<Node>>;

/// The side of lower addresses.
const LOW: usize = 0;
/// The side of higher addresses.
const HIGH: usize = 1;

/// An area and its place in the tree.
#[derive(Debug)]
struct Node {
    area: Area,
    sides: [Link; 2],
    height: u8,
    /// From the start of the first area in the subtree to the end of the last.
    span: PageRange,
    /// The length of the longest run of pages inside the span that no area overlaps.
    gap: u64,
}

impl Node {
    /// Returns a node for an area that is added later.
    fn try_new() -> Result<Box<Self>, OutOfMemory> {
        let area = Area::none();
        try_box(Self {
            span: *area.pages,
            area,
            sides: [None, None],
            height: 1,
            gap: 0,
        })
    }

    /// Computes the summary from the node's area and its two sides.
    fn sum_up(&mut self) {
        let pages = self.area.pages;
        let [low, high] = self.sides.each_ref().map(Option::as_deref);
        self.height = 1 + height(low).max(height(high));
        let (mut gap, mut span) = (0, *pages);
        if let Some(low) = low {
            gap = low.gap.max(pages.start.0 - low.span.end.0);
            span.start = low.span.start;
        }
        if let Some(high) = high {
            gap = gap.max(high.gap).max(high.span.start.0 - pages.end.0);
            span.end = high.span.end;
        }
        (self.gap, self.span) = (gap, span);
    }

    fn side_height(&self, side: usize) -> u8 {
        height(self.sides[side].as_deref())
    }
}

fn height(node: Option<&Node>) -> u8 {
    node.map_or(0, |node| node.height)
}

/// The most nodes kept for future areas. Between [`Tree::reserve`] and the end of an operation no
/// more are needed: an operation may have kept one, and then need two for the rests of a cut area
/// and one for a new area.
const SPARES_MOST: u64 = 3;

/// The areas.
#[derive(Debug, Default)]
pub(super) struct Tree {
    root: Link,
    /// How many areas there are.
    count: u64,
    /// Kept nodes without an area, as a list.
    spare: Link,
    /// The number of kept nodes.
    spares: u64,
}

impl Tree {
    pub(super) const fn new() -> Self {
        Self {
            root: None,
            count: 0,
            spare: None,
            spares: 0,
        }
    }

    /// Makes nodes until `count` areas can be added.
    pub(super) fn reserve<M: Machine>(
        &mut self,
        count: u64,
        memory: &Memory<M>,
    ) -> Result<(), NoMemory> {
        while self.spares < count {
            memory.may_allocate()?;
            self.put_by(Node::try_new()?);
        }
        Ok(())
    }

    /// Keeps a node that has no area, unless enough are kept.
    fn put_by(&mut self, mut node: Box<Node>) {
        if self.spares < SPARES_MOST {
            node.sides[LOW] = self.spare.take();
            self.spare = Some(node);
            self.spares += 1;
        }
    }

    /// Adds an area that overlaps no other.
    ///
    /// # Panics
    /// If no node was reserved.
    pub(super) fn insert(&mut self, area: Area) {
        let mut node = self.spare.take().expect("room is made for an area first");
        self.spare = node.sides[LOW].take();
        self.spares -= 1;
        self.count += 1;
        node.area = area;
        insert(&mut self.root, node);
    }

    /// Removes and returns the area that begins at `start`.
    pub(super) fn take(&mut self, start: PageNo) -> Option<Area> {
        let node = take(&mut self.root, start);
        self.empty(node)
    }

    /// Removes and returns the highest area.
    pub(super) fn take_last(&mut self) -> Option<Area> {
        let node = take_last(&mut self.root);
        self.empty(node)
    }

    /// Returns the area of a removed node, and keeps the node.
    fn empty(&mut self, node: Link) -> Option<Area> {
        let mut node = node?;
        self.count -= 1;
        let area = core::mem::replace(&mut node.area, Area::none());
        self.put_by(node);
        Some(area)
    }

    /// Returns the first area that ends above `page`.
    #[inline]
    pub(super) fn at_or_above(&self, page: PageNo) -> Option<&Area> {
        let (mut next, mut found) = (&self.root, None);
        while let Some(node) = next {
            let below = node.area.pages.end <= page;
            if !below {
                found = Some(&node.area);
            }
            next = &node.sides[usize::from(below)];
        }
        found
    }

    /// Returns the highest range of `count` pages below `end` that lies in no area.
    pub(super) fn highest_gap(&self, count: u64, end: PageNo) -> Option<PageRange> {
        highest_gap(&self.root, PageRange::new(PageNo(0), end), count)
    }

    /// Returns the height of the tree.
    #[cfg(test)]
    pub(super) fn height(&self) -> u8 {
        height(self.root.as_deref())
    }

    /// Returns the number of areas twice: as it is kept, and as counted now. The latter is 0 if a
    /// node violates an invariant.
    pub(super) fn count(&self, within: PageRange) -> (u64, u64) {
        (self.count, recount(&self.root, within).unwrap_or(0))
    }
}

const _: () = assert!(size_of::<Node>() <= 128, "see above");

/// Returns the node with its sides balanced and its summary computed. The heights of the sides may
/// differ by two at most.
fn balance(mut node: Box<Node>) -> Box<Node> {
    let [low, high] = [node.side_height(LOW), node.side_height(HIGH)];
    let tall = if low > high + 1 {
        LOW
    } else if high > low + 1 {
        HIGH
    } else {
        node.sum_up();
        return node;
    };
    let inner = |child: Box<Node>| {
        if child.side_height(1 - tall) > child.side_height(tall) {
            raise(child, 1 - tall)
        } else {
            child
        }
    };
    node.sides[tall] = node.sides[tall].take().map(inner);
    raise(node, tall)
}

/// Rotates the tree so that the child on this side becomes the parent of its parent.
fn raise(mut node: Box<Node>, side: usize) -> Box<Node> {
    let Some(mut raised) = node.sides[side].take() else {
        return node;
    };
    node.sides[side] = raised.sides[1 - side].take();
    node.sum_up();
    raised.sides[1 - side] = Some(node);
    raised.sum_up();
    raised
}

/// Inserts a node whose area overlaps no other.
fn insert(link: &mut Link, new: Box<Node>) {
    *link = Some(match link.take() {
        None => balance(new),
        Some(mut node) => {
            let above = new.area.pages.start > node.area.pages.start;
            insert(&mut node.sides[usize::from(above)], new);
            balance(node)
        }
    });
}

/// Removes and returns the node whose area begins at `start`.
fn take(link: &mut Link, start: PageNo) -> Link {
    let mut node = link.take()?;
    let side = match start.cmp(&node.area.pages.start) {
        Ordering::Less => LOW,
        Ordering::Greater => HIGH,
        Ordering::Equal => {
            let [mut low, high] = core::mem::take(&mut node.sides);
            *link = match take_last(&mut low) {
                None => high,
                Some(mut heir) => {
                    heir.sides = [low, high];
                    Some(balance(heir))
                }
            };
            return Some(node);
        }
    };
    let taken = take(&mut node.sides[side], start);
    *link = Some(balance(node));
    taken
}

/// Removes and returns the node with the highest area.
fn take_last(link: &mut Link) -> Link {
    let mut node = link.take()?;
    if node.sides[HIGH].is_none() {
        *link = node.sides[LOW].take();
        return Some(node);
    }
    let taken = take_last(&mut node.sides[HIGH]);
    *link = Some(balance(node));
    taken
}

/// Returns the highest range of `count` pages that no area overlaps, between the areas on both
/// sides of the subtree: the lower one ends at `within.start`, the higher one begins at
/// `within.end`.
fn highest_gap(link: &Link, within: PageRange, count: u64) -> Option<PageRange> {
    let Some(node) = link else {
        let start = PageNo(within.end.0.checked_sub(count)?);
        return (start >= within.start).then(|| PageRange::new(start, within.end));
    };
    let below = node.span.start.0 - within.start.0;
    let above = within.end.0 - node.span.end.0;
    if node.gap.max(below).max(above) < count {
        return None;
    }
    let pages = node.area.pages;
    let high = PageRange::new(pages.end, within.end);
    let low = PageRange::new(within.start, pages.start);
    highest_gap(&node.sides[HIGH], high, count)
        .or_else(|| highest_gap(&node.sides[LOW], low, count))
}

/// Returns the number of nodes, or `None` if one violates an invariant.
fn recount(link: &Link, within: PageRange) -> Option<u64> {
    let Some(node) = link else {
        return Some(0);
    };
    let pages = node.area.pages;
    if pages.is_empty() || *pages.intersect(within) != *pages {
        return None;
    }
    let low = recount(&node.sides[LOW], PageRange::new(within.start, pages.start))?;
    let high = recount(&node.sides[HIGH], PageRange::new(pages.end, within.end))?;
    let [low_side, high_side] = node.sides.each_ref().map(Option::as_deref);
    let balanced = node.side_height(LOW).abs_diff(node.side_height(HIGH)) <= 1
        && node.height == 1 + node.side_height(LOW).max(node.side_height(HIGH));
    let gaps = [
        low_side.map_or(0, |side| side.gap),
        low_side.map_or(0, |side| pages.start.0 - side.span.end.0),
        high_side.map_or(0, |side| side.gap),
        high_side.map_or(0, |side| side.span.start.0 - pages.end.0),
    ];
    let summed_up = node.span.start == low_side.map_or(pages.start, |side| side.span.start)
        && node.span.end == high_side.map_or(pages.end, |side| side.span.end)
        && Some(node.gap) == gaps.into_iter().max();
    (balanced && summed_up).then_some(1 + low + high)
}
