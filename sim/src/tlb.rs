//! The TLB of a hart: it keeps every entry that it has read, until a fence covers it.
//!
//! This is the worst that the RISC-V privileged specification (section 12.2.1, `SFENCE.VMA`)
//! permits: valid and invalid entries are kept, several different ones for a page side by side, and
//! pointers to lower tables too. All of them outlive changes of the root. A fence for one page
//! drops only the entries of that page's leaf.

use fastrand::Rng;
use mm::addr::PageNo;
use mm::machine::{Asid, Fence};

/// The most entries of a hart. A further entry replaces a random one.
const CAPACITY: usize = 96;

/// A page-table entry that the TLB keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// The address space that it was read for.
    pub asid: Asid,
    /// The level of the table it was read from.
    pub level: usize,
    /// The first page that it translates.
    pub page: PageNo,
    /// The entry.
    pub word: u64,
}

/// The TLB of one hart.
#[derive(Default)]
pub struct Tlb {
    entries: Vec<Remembered>,
    stubborn: bool,
}

impl Tlb {
    /// Returns a TLB that is always used when it has an entry, and drops nothing by itself. Others
    /// read the tables again now and then.
    pub fn stubborn() -> Self {
        Self {
            stubborn: true,
            ..Self::default()
        }
    }

    /// Returns whether the TLB is stubborn.
    pub fn is_stubborn(&self) -> bool {
        self.stubborn
    }

    /// Returns one of the words kept for an entry, chosen at random, or `None`.
    pub fn recall(&self, asid: Asid, level: usize, page: PageNo, rng: &mut Rng) -> Option<u64> {
        let matching =
            |entry: &&Remembered| entry.page == page && entry.level == level && entry.asid == asid;
        let mut chosen = None;
        for (before, entry) in self.entries.iter().filter(matching).enumerate() {
            if rng.usize(0..=before) == 0 {
                chosen = Some(entry.word);
            }
        }
        chosen
    }

    /// Keeps an entry that was read.
    pub fn remember(&mut self, entry: Remembered, rng: &mut Rng) {
        if self.entries.contains(&entry) {
            return;
        }
        if self.entries.len() == CAPACITY {
            self.entries.swap_remove(rng.usize(0..CAPACITY));
        }
        self.entries.push(entry);
    }

    /// Drops the entries of an address space for which `of` returns true. Its arguments are the
    /// level and the first page.
    pub fn forget(&mut self, asid: Asid, of: impl Fn(usize, PageNo) -> bool) {
        self.entries
            .retain(|entry| entry.asid != asid || !of(entry.level, entry.page));
    }

    /// Drops an entry now and then, as hardware may at any time.
    pub fn lapse(&mut self, rng: &mut Rng) {
        if !self.stubborn && !self.entries.is_empty() && rng.u32(0..16) == 0 {
            self.entries.swap_remove(rng.usize(0..self.entries.len()));
        }
    }

    /// Drops the entries that a fence covers.
    pub fn fence(&mut self, fence: Fence) {
        self.entries.retain(|entry| match fence {
            Fence::Page { asid, address } => {
                entry.asid != asid || entry.level != 0 || entry.page != address.page()
            }
            Fence::Space { asid } => entry.asid != asid,
            Fence::All => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use mm::addr::VirtAddr;

    use super::*;

    fn tlb(words: &[(u16, usize, u64, u64)]) -> (Tlb, Rng) {
        let (mut tlb, mut rng) = (Tlb::default(), Rng::with_seed(1));
        for &(asid, level, page, word) in words {
            let entry = Remembered {
                asid: Asid(asid),
                level,
                page: PageNo(page),
                word,
            };
            tlb.remember(entry, &mut rng);
        }
        (tlb, rng)
    }

    #[test]
    fn all_that_was_seen_of_an_entry_is_remembered() {
        let (tlb, mut rng) = tlb(&[(1, 0, 5, 10), (1, 0, 5, 0), (1, 0, 5, 10), (2, 0, 5, 30)]);
        let seen: std::collections::BTreeSet<_> = (0..100)
            .map(|_| tlb.recall(Asid(1), 0, PageNo(5), &mut rng))
            .collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [Some(0), Some(10)]);
        assert_eq!(tlb.recall(Asid(1), 1, PageNo(5), &mut rng), None);
    }

    #[test]
    fn a_fence_of_a_page_leaves_other_pages_other_spaces_and_upper_entries() {
        let all = [(1, 0, 5, 10), (1, 0, 6, 20), (2, 0, 5, 30), (1, 1, 5, 40)];
        let (mut tlb, mut rng) = tlb(&all);
        tlb.fence(Fence::Page {
            asid: Asid(1),
            address: VirtAddr(5 * 4096 + 123),
        });
        assert_eq!(tlb.recall(Asid(1), 0, PageNo(5), &mut rng), None);
        for (asid, level, page, word) in &all[1..] {
            let found = tlb.recall(Asid(*asid), *level, PageNo(*page), &mut rng);
            assert_eq!(found, Some(*word));
        }
        tlb.fence(Fence::Space { asid: Asid(1) });
        assert_eq!(tlb.recall(Asid(1), 1, PageNo(5), &mut rng), None);
        assert_eq!(tlb.recall(Asid(2), 0, PageNo(5), &mut rng), Some(30));
    }

    #[test]
    fn a_full_one_forgets_one() {
        let many: Vec<_> = (0..CAPACITY as u64 + 1)
            .map(|page| (1, 0, page, 7))
            .collect();
        let (tlb, _) = tlb(&many);
        assert_eq!(tlb.entries.len(), CAPACITY);
        assert!(
            tlb.entries
                .iter()
                .any(|entry| entry.page.0 == CAPACITY as u64)
        );
    }
}
