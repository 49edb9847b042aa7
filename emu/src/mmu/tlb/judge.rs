//! What becomes of cached entries when a store changes what they were read from.

use super::{Content, Entry, NONE, Tlb, pte_bucket};

impl Tlb {
    /// Hands every entry that was read from a table entry, or from below it, to `judge`, which says
    /// which rights it lost; returns whether any answer changed.
    pub fn judge(
        &mut self,
        pte_address: u64,
        cause: u32,
        mut judge: impl FnMut(&Entry) -> u64,
    ) -> Judged {
        let mut judged = Judged::default();
        let mut at = self.pte_buckets[pte_bucket(pte_address)];
        let mut below = None;
        while at != NONE {
            let entry = &mut self.places[usize::from(at)];
            if entry.pte_address == pte_address {
                judged.known = true;
                let lost = judge(entry);
                entry.latest = cause;
                judged.apply(entry, lost, cause);
                if entry.content == Content::Pointer {
                    below = Some(*entry);
                }
            }
            at = entry.pte_next;
        }
        if let Some(pointer) = below {
            for entry in &mut self.places {
                let shift = 9 * u32::from(pointer.level.saturating_sub(entry.level));
                let under = entry.content != Content::Free
                    && entry.level < pointer.level
                    && entry.tag >> shift == pointer.tag
                    && entry.satp == pointer.satp;
                if under {
                    let lost = judge(entry);
                    // A table further up is no concern of what a global entry was read from.
                    if lost != entry.lost {
                        entry.latest = cause;
                    }
                    judged.apply(entry, lost, cause);
                }
            }
        }
        judged
    }
}

/// What [`Tlb::judge`] found.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Judged {
    /// There was an entry that was read from there.
    pub known: bool,
    /// Some entry's rights changed.
    pub changed: bool,
    /// Some entry lost rights by this.
    pub lost: bool,
}

impl Judged {
    fn apply(&mut self, entry: &mut Entry, lost: u64, cause: u32) {
        if lost & !entry.lost != 0 {
            entry.cause = cause;
            self.lost = true;
        }
        self.changed |= lost != entry.lost;
        entry.lost = lost;
    }
}
