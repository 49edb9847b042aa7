//! The translation cache as the privileged specification allows it to be: every entry that a walk
//! read is kept, pointers and absent ones too, until an `sfence.vma` covers it.
//!
//! What a fence covers (Volume II, section 10.2.1): with an address, leaf entries for it only; with
//! an identifier, entries that are not global. Invariants: every live entry is in the chain of its
//! tag and in the chain of the table entry it was read from; the number of places is fixed, a full
//! cache drops an old entry, which is always allowed.

mod judge;
mod sound;

use alloc::vec;
use alloc::vec::Vec;

use super::walk::Geometry;
use crate::stored::{stored, stored_choice};

pub use judge::Judged;

/// How many entries a hart keeps.
const PLACES: usize = 1024;
const BUCKETS: usize = 1024;
const NONE: u16 = u16::MAX;
/// The number of a change that the sanitizer does not remember.
const NO_CHANGE: u32 = u32::MAX;

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Content {
    /// No entry: the place is free.
    #[default]
    Free,
    /// A translation.
    Leaf,
    /// The way to a table of the next level.
    Pointer,
    /// That there is no translation.
    Absent,
}

stored_choice!(Content: [Content::Free, Content::Leaf, Content::Pointer, Content::Absent]);

/// A cached page-table entry.
#[derive(Clone, Copy, Default, Debug)]
pub struct Entry {
    /// The address bits it stands for ([`Geometry::tag`]).
    pub tag: u64,
    /// The level it was read at.
    pub level: u8,
    /// What it is.
    pub content: Content,
    /// Whether it counts for every identifier.
    pub global: bool,
    /// The root and identifier it was read under.
    pub satp: u64,
    /// The value that was read.
    pub pte: u64,
    /// Where.
    pub pte_address: u64,
    /// The rights (bits of an entry) that the tables have taken back since; `V` for a pointer.
    pub lost: u64,
    /// Which change took them: an index of the sanitizer's.
    pub cause: u32,
    /// The last change of what it was read from.
    pub latest: u32,
    pub(super) next: u16,
    pub(super) pte_next: u16,
}

stored!(Entry {
    tag,
    level,
    content,
    global,
    satp,
    pte,
    pte_address,
    lost,
    cause,
    latest,
    next,
    pte_next,
});

impl Entry {
    /// The identifier.
    pub fn asid(&self) -> u64 {
        self.satp >> 44 & 0xffff
    }

    /// The first address it stands for.
    pub fn address(&self) -> u64 {
        let bits = 12 + 9 * u32::from(self.level);
        let top = if self.satp >> 60 == 9 { 48 } else { 39 };
        ((self.tag << bits << (64 - top)) as i64 >> (64 - top)) as u64
    }

    fn answers(&self, satp: u64, tag: u64, level: u8) -> bool {
        self.tag == tag
            && self.level == level
            && (self.global || self.asid() == satp >> 44 & 0xffff)
    }
}

/// The cache of one hart.
#[derive(Clone)]
pub struct Tlb {
    places: Vec<Entry>,
    buckets: Vec<u16>,
    pte_buckets: Vec<u16>,
    free: Vec<u16>,
    /// The next one to be dropped when all places are taken.
    hand: u16,
}

stored!(Tlb {
    places,
    buckets,
    pte_buckets,
    free,
    hand
});

fn bucket(tag: u64, level: u8) -> usize {
    ((tag.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize % BUCKETS) ^ usize::from(level)
}

fn pte_bucket(address: u64) -> usize {
    ((address >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize % BUCKETS
}

impl Tlb {
    /// An empty cache.
    pub fn new() -> Self {
        Self {
            places: Vec::with_capacity(PLACES),
            buckets: vec![NONE; BUCKETS],
            pte_buckets: vec![NONE; BUCKETS],
            free: Vec::with_capacity(PLACES),
            hand: 0,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The live entries.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.places
            .iter()
            .filter(|entry| entry.content != Content::Free)
    }

    /// The deepest entry that answers for an address: a leaf, an absence, or a pointer.
    pub fn find(&self, satp: u64, geometry: Geometry, address: u64) -> Option<Entry> {
        (0..geometry.levels).find_map(|level| {
            let tag = Geometry::tag(address, level) & tag_mask(satp, level);
            self.lookup(satp, tag, level).map(|at| self.places[at])
        })
    }

    fn lookup(&self, satp: u64, tag: u64, level: u8) -> Option<usize> {
        let mut at = self.buckets[bucket(tag, level)];
        while at != NONE {
            let entry = &self.places[usize::from(at)];
            if entry.answers(satp, tag, level) {
                return Some(at.into());
            }
            at = entry.next;
        }
        None
    }

    /// Keeps an entry; one that answers the same question already is replaced.
    pub fn insert(&mut self, mut entry: Entry) {
        entry.tag &= tag_mask(entry.satp, entry.level);
        if let Some(at) = self.lookup(entry.satp, entry.tag, entry.level) {
            self.remove(at);
        }
        let at = match self.free.pop() {
            Some(at) => usize::from(at),
            None if self.places.len() < PLACES => {
                self.places.push(Entry::default());
                self.places.len() - 1
            }
            None => {
                let victim = usize::from(self.hand);
                self.hand = (self.hand + 1) % PLACES as u16;
                self.remove(victim);
                self.free.pop();
                victim
            }
        };
        let (first, second) = (
            bucket(entry.tag, entry.level),
            pte_bucket(entry.pte_address),
        );
        entry.next = self.buckets[first];
        entry.pte_next = self.pte_buckets[second];
        self.buckets[first] = at as u16;
        self.pte_buckets[second] = at as u16;
        self.places[at] = entry;
    }

    fn remove(&mut self, at: usize) {
        let entry = self.places[at];
        let wanted = at as u16;
        let (first, second) = (
            bucket(entry.tag, entry.level),
            pte_bucket(entry.pte_address),
        );
        if self.buckets[first] == wanted {
            self.buckets[first] = entry.next;
        } else {
            let mut link = self.buckets[first];
            while self.places[usize::from(link)].next != wanted {
                link = self.places[usize::from(link)].next;
            }
            self.places[usize::from(link)].next = entry.next;
        }
        if self.pte_buckets[second] == wanted {
            self.pte_buckets[second] = entry.pte_next;
        } else {
            let mut link = self.pte_buckets[second];
            while self.places[usize::from(link)].pte_next != wanted {
                link = self.places[usize::from(link)].pte_next;
            }
            self.places[usize::from(link)].pte_next = entry.pte_next;
        }
        self.places[at] = Entry::default();
        self.free.push(wanted);
    }

    /// Removes the leaf that answers for an address.
    pub fn forget_leaf(&mut self, satp: u64, geometry: Geometry, address: u64) {
        for level in 0..geometry.levels {
            let tag = Geometry::tag(address, level) & tag_mask(satp, level);
            if let Some(at) = self.lookup(satp, tag, level)
                && self.places[at].content == Content::Leaf
            {
                self.remove(at);
            }
        }
    }

    /// `sfence.vma` without operands.
    pub fn forget_all(&mut self) {
        for entry in self.places.drain(..) {
            if entry.content != Content::Free {
                self.buckets[bucket(entry.tag, entry.level)] = NONE;
                self.pte_buckets[pte_bucket(entry.pte_address)] = NONE;
            }
        }
        self.free.clear();
        self.hand = 0;
    }

    /// `sfence.vma` with operands: an address, an identifier, or both.
    pub fn forget(&mut self, address: Option<u64>, asid: Option<u64>) {
        if address.is_none() && asid.is_none() {
            return self.forget_all();
        }
        for at in 0..self.places.len() {
            let entry = self.places[at];
            let named = asid.is_none_or(|asid| !entry.global && entry.asid() == asid & 0xffff);
            let covered = address.is_none_or(|address| {
                // An absence above the last level is an entry that is not a leaf.
                let leaf = entry.content == Content::Leaf
                    || entry.content == Content::Absent && entry.level == 0;
                let tag = Geometry::tag(address, entry.level) & tag_mask(entry.satp, entry.level);
                leaf && entry.tag == tag
            });
            if entry.content != Content::Free && named && covered {
                self.remove(at);
            }
        }
    }

    /// Drops the entry at a place that a random number names, if one lives there.
    pub fn drop_some(&mut self, random: u64) -> Option<Entry> {
        if self.places.is_empty() {
            return None;
        }
        let at = (random % self.places.len() as u64) as usize;
        let entry = self.places[at];
        (entry.content != Content::Free).then(|| {
            self.remove(at);
            entry
        })
    }

    /// Forgets which changes took rights: they are numbered anew.
    pub fn forget_causes(&mut self) {
        for entry in &mut self.places {
            (entry.cause, entry.latest) = (NO_CHANGE, NO_CHANGE);
        }
    }

    /// Whether any entry was read from this page of tables.
    pub fn reads_page(&self, page: u64) -> bool {
        self.entries()
            .any(|entry| entry.pte_address >> 12 == page >> 12)
    }
}

impl Default for Tlb {
    fn default() -> Self {
        Self::new()
    }
}

fn tag_mask(satp: u64, level: u8) -> u64 {
    let bits = if satp >> 60 == 9 { 36 } else { 27 } - 9 * u32::from(level);
    (1 << bits) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SATP: u64 = 8 << 60 | 5 << 44 | 0x8_0000;
    const SV39: Geometry = Geometry { levels: 3 };

    fn leaf(address: u64, level: u8, global: bool) -> Entry {
        Entry {
            tag: Geometry::tag(address, level),
            level,
            global,
            satp: SATP,
            content: Content::Leaf,
            pte_address: 0x8000_0000 + (address >> 9),
            ..Entry::default()
        }
    }

    #[test]
    fn a_fence_forgets_what_it_covers_and_no_more() {
        let mut tlb = Tlb::new();
        let pointer = Entry {
            content: Content::Pointer,
            ..leaf(0x1000, 1, false)
        };
        for entry in [leaf(0x1000, 0, false), leaf(0x2000, 0, true), pointer] {
            tlb.insert(entry);
        }
        tlb.forget(Some(0x1000), Some(4));
        assert_eq!(tlb.len(), 3, "another identifier");
        tlb.forget(Some(0x1000), Some(5));
        assert_eq!(tlb.len(), 2, "the leaf is gone, the pointer is not");
        tlb.forget(None, Some(5));
        assert_eq!(tlb.len(), 1, "the global one stays");
        assert_eq!(tlb.find(SATP ^ 1 << 44, SV39, 0x2000).unwrap().tag, 2);
        tlb.forget(Some(0x2fff), None);
        assert!(tlb.is_empty());
    }

    #[test]
    fn more_entries_than_places_keep_the_chains_whole() {
        let mut tlb = Tlb::new();
        for page in 0..3 * PLACES as u64 {
            tlb.insert(leaf(page << 12, 0, false));
        }
        assert_eq!(tlb.len(), PLACES);
        let last = (3 * PLACES as u64 - 1) << 12;
        assert!(tlb.find(SATP, SV39, last).is_some());
        assert!(tlb.find(SATP, SV39, 0).is_none());
        for random in 0..10_000 {
            tlb.drop_some(random * 7919);
        }
        tlb.forget_all();
        assert!(tlb.find(SATP, SV39, last).is_none());
    }

    #[test]
    fn a_change_is_brought_to_entries_below_a_pointer() {
        let mut tlb = Tlb::new();
        tlb.insert(Entry {
            content: Content::Pointer,
            pte_address: 0x8000_0008,
            ..leaf(0x20_0000, 1, false)
        });
        tlb.insert(leaf(0x20_3000, 0, false));
        tlb.insert(leaf(0x40_3000, 0, false));
        let judged = tlb.judge(0x8000_0008, 7, |_| 2);
        assert!(judged.known && judged.lost);
        let below = tlb.find(SATP, SV39, 0x20_3000).unwrap();
        assert_eq!((below.lost, below.cause, below.latest), (2, 7, 7));
        tlb.judge(0x8000_0008, 9, |_| 2);
        let below = tlb.find(SATP, SV39, 0x20_3000).unwrap();
        assert_eq!((below.cause, below.latest), (7, 7), "nothing became of it");
        assert_eq!(tlb.find(SATP, SV39, 0x40_3000).unwrap().lost, 0);
        assert_eq!(tlb.judge(0x8000_0018, 8, |_| 2), Judged::default());
    }

    #[test]
    fn an_entry_knows_its_address() {
        assert_eq!(
            leaf(0xffff_ffc0_0020_0000, 1, false).address() >> 39,
            0x1ff_ffff
        );
    }
}
