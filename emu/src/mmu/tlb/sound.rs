//! Whether a cache that was loaded from a file keeps the invariants of [`Tlb`]: what is in the file
//! may be anything.

use alloc::vec;

use super::{BUCKETS, Content, Entry, NONE, PLACES, Tlb, bucket, pte_bucket};

impl Tlb {
    /// Whether the invariants of this module hold: what was loaded from a file may be anything.
    pub(crate) fn is_sound(&self) -> bool {
        let live = self.entries().count();
        let sizes = self.places.len() <= PLACES
            && self.buckets.len() == BUCKETS
            && self.pte_buckets.len() == BUCKETS
            && self.places.len() == live + self.free.len()
            && usize::from(self.hand) < PLACES;
        let free = |&at: &u16| {
            let place = self.places.get(usize::from(at));
            place.is_some_and(|entry| entry.content == Content::Free)
        };
        let mut unique = self.free.clone();
        unique.sort_unstable();
        unique.dedup();
        let levels = |entry: &Entry| {
            let levels = if entry.satp >> 60 == 9 { 4 } else { 3 };
            entry.level < levels && (entry.level > 0 || entry.content != Content::Pointer)
        };
        sizes
            && unique.len() == self.free.len()
            && self.free.iter().all(free)
            && self.entries().all(levels)
            && self.chains(&self.buckets, live, |entry| {
                (bucket(entry.tag, entry.level), entry.next)
            })
            && self.chains(&self.pte_buckets, live, |entry| {
                (pte_bucket(entry.pte_address), entry.pte_next)
            })
    }

    /// Whether every live entry is in the chain of its bucket, once.
    fn chains(&self, buckets: &[u16], live: usize, link: impl Fn(&Entry) -> (usize, u16)) -> bool {
        let mut seen = vec![false; self.places.len()];
        let mut count = 0;
        for (number, &first) in buckets.iter().enumerate() {
            let mut at = first;
            while at != NONE {
                let Some(entry) = self.places.get(usize::from(at)) else {
                    return false;
                };
                let (bucket, next) = link(entry);
                let again = core::mem::replace(&mut seen[usize::from(at)], true);
                if again || entry.content == Content::Free || bucket != number {
                    return false;
                }
                count += 1;
                at = next;
            }
        }
        count == live
    }
}
