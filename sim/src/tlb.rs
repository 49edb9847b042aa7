//! What a hart remembers of page tables: everything it has ever seen, until a fence covers it.
//!
//! The worst that the RISC-V privileged specification (section 12.2.1, `SFENCE.VMA`) permits:
//! entries are kept whether valid or not, several different ones for the same page side by side,
//! pointers to lower tables too, and all outlive changes of the root. A fence for one page drops
//! what is remembered of that page's leaf entry and nothing else.

use fastrand::Rng;
use mm::addr::PageNo;
use mm::machine::{Asid, Fence};

/// Most entries of a hart; the next one takes the place of a random one.
const CAPACITY: usize = 96;

/// A remembered page-table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// The space it was read for.
    pub asid: Asid,
    /// The level of the table it was read from.
    pub level: usize,
    /// The first page it decides about.
    pub page: PageNo,
    /// The entry.
    pub word: u64,
}

/// One hart's memory of page tables.
#[derive(Default)]
pub struct Tlb {
    entries: Vec<Remembered>,
    stubborn: bool,
}

impl Tlb {
    /// One that always believes what it remembers, and forgets nothing by itself; others look again
    /// now and then.
    pub fn stubborn() -> Self {
        Self {
            stubborn: true,
            ..Self::default()
        }
    }

    /// Returns whether it is.
    pub fn is_stubborn(&self) -> bool {
        self.stubborn
    }

    /// One of the words remembered for an entry, if there are any.
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

    /// Remembers an entry that was read.
    pub fn remember(&mut self, entry: Remembered, rng: &mut Rng) {
        if self.entries.contains(&entry) {
            return;
        }
        if self.entries.len() == CAPACITY {
            self.entries.swap_remove(rng.usize(0..CAPACITY));
        }
        self.entries.push(entry);
    }

    /// Forgets what is remembered of the entries of a space that `of` admits, by level and first
    /// page.
    pub fn forget(&mut self, asid: Asid, of: impl Fn(usize, PageNo) -> bool) {
        self.entries
            .retain(|entry| entry.asid != asid || !of(entry.level, entry.page));
    }

    /// Forgets something now and then, as a hart may at any time.
    pub fn lapse(&mut self, rng: &mut Rng) {
        if !self.stubborn && !self.entries.is_empty() && rng.u32(0..16) == 0 {
            self.entries.swap_remove(rng.usize(0..self.entries.len()));
        }
    }

    /// Forgets what a fence covers.
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
