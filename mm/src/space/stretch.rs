//! Stretches: runs of pages that have one leaf table, or lack one.
//!
//! The cost of an operation follows the pages in use, never the pages reserved: a lazy heap may
//! span 256 GiB and have three pages. An iteration over pages therefore goes from stretch to
//! stretch, and passes a hole in one step, which is as wide as the span of the missing entry.
//!
//! Neighbours: [`super::idle`] iterates over leaf tables, `for_each_leaf` over their entries; `map`
//! counts the missing tables.

use crate::addr::{FrameNo, PageNo};
use crate::machine::Machine;
use crate::memory::Memory;
use crate::pt::{ENTRIES, Format, Table, UserPage, UserRange, Walk};

use super::AddressSpace;

/// A run of pages that have one leaf table or lack one table.
pub(crate) struct Stretch<'m, F: Format> {
    /// The pages; there is at least one.
    pub(super) pages: UserRange,
    /// Their leaf table, if it exists.
    pub(super) leaf: Option<Table<'m, F>>,
    /// The level of the entry that points to that table, or is missing.
    level: usize,
}

/// The stretches of a range, in order.
pub(crate) struct Stretches<'m, M: Machine> {
    memory: &'m Memory<M>,
    root: FrameNo,
    left: UserRange,
}

impl<'m, M: Machine> Iterator for Stretches<'m, M> {
    type Item = Stretch<'m, M::Format>;

    fn next(&mut self) -> Option<Stretch<'m, M::Format>> {
        let page = self.left.page(self.left.start)?;
        let (leaf, level) = match self.memory.walk(self.root, page) {
            Walk::Leaf(table, _) => (Some(table), 1),
            Walk::Missing { level, .. } => (None, level),
        };
        let end = PageNo((page.0 / span(level) + 1) * span(level));
        let pages = self.left.below(end);
        self.left = self.left.from(end);
        Some(Stretch { pages, leaf, level })
    }
}

impl<'m, M: Machine> AddressSpace<'m, M> {
    /// Returns the stretches of the range, in order.
    pub(super) fn stretches(&self, pages: UserRange) -> Stretches<'m, M> {
        Stretches {
            memory: self.memory,
            root: self.context.root(),
            left: pages,
        }
    }

    /// Calls `visit` with every entry of the pages whose leaf tables exist.
    pub(crate) fn for_each_leaf(
        &self,
        pages: UserRange,
        mut visit: impl FnMut(Table<'m, M::Format>, usize, UserPage),
    ) {
        for Stretch { pages, leaf, .. } in self.stretches(pages) {
            let Some(table) = leaf else { continue };
            let mut at = pages.start;
            while let Some(page) = pages.page(at).filter(|_| table.live() > 0) {
                visit(table, M::Format::index(page, 0), page);
                at = page.plus(1);
            }
        }
    }

    /// Returns how many tables the pages lack.
    pub(super) fn missing_tables(&self, pages: UserRange) -> u64 {
        let holes = self.stretches(pages).filter(|part| part.leaf.is_none());
        holes.map(|hole| tables_below(hole.level, hole.pages)).sum()
    }
}

/// Returns how many pages an entry of this level spans.
const fn span(level: usize) -> u64 {
    (ENTRIES as u64).pow(level as u32)
}

/// Returns how many tables below entries of this level or lower ones overlap the pages.
fn tables_below(level: usize, pages: UserRange) -> u64 {
    let entries = |level| pages.end.0.div_ceil(span(level)) - pages.start.0 / span(level);
    (1..=level).map(entries).sum()
}

/// Returns how many tables the pages need at most: as if none of them existed.
pub(super) fn most_tables<M: Machine>(pages: UserRange) -> u64 {
    tables_below(M::Format::LEVELS - 1, pages)
}

/// Returns how many leaf tables overlap the pages.
pub(super) fn leaf_table_count(pages: UserRange) -> u64 {
    tables_below(1, pages)
}

/// Returns one page for each leaf table that the pages need.
pub(super) fn leaf_tables(pages: UserRange) -> impl Iterator<Item = UserPage> {
    let first = pages.start.0 / span(1);
    let last = pages.end.0.div_ceil(span(1));
    (first..last).filter_map(move |table| pages.page(PageNo(table * span(1)).max(pages.start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeMachine, user_range};

    #[test]
    fn no_more_tables_are_counted_than_the_pages_touch() {
        let tables = |start, end| most_tables::<FakeMachine>(user_range(start, end));
        let (leaf, middle) = (1 << 9, 1 << 18);
        assert_eq!(tables(0, 1), 1 + 1);
        assert_eq!(tables(0, leaf), 1 + 1);
        assert_eq!(tables(leaf - 1, leaf + 1), 2 + 1);
        assert_eq!(tables(middle - 1, middle + 1), 2 + 2);
        assert_eq!(tables(0, middle + 1), 513 + 2);
    }
}
