//! The address-space identifiers, and which of them are free.
//!
//! Invariant: an identifier belongs to at most one space at a time, except [`Asids::SHARED`].
//! Neighbours: [`crate::space::Context`] takes one for each space. [`crate::free`] finds a free one
//! in a few steps, because the lock has interrupts off.

use core::ops::{Deref, DerefMut};

use sync::LeafLock;

use crate::free::{FreeNumbers, words_for};
use crate::machine::Asid;

/// The free identifiers. Number `n` in the set is identifier `n + 1`.
pub(crate) struct Asids {
    free: LeafLock<FreeNumbers<Words>>,
}

impl Asids {
    const MOST: usize = 1 << 16;

    /// The identifier of the kernel's root, and of spaces for which no other was left.
    pub(crate) const SHARED: Asid = Asid(0);

    /// Returns identifiers below `count`, all free but [`Asids::SHARED`].
    pub(crate) fn new(count: usize) -> Self {
        let count = count.clamp(1, Self::MOST);
        let words = Words([0; words_for(Self::MOST - 1)]);
        Self {
            free: LeafLock::new(FreeNumbers::all(count - 1, words)),
        }
    }

    /// Takes the next free identifier in turn, so that each rests for long before it is reused.
    /// Returns [`Asids::SHARED`] if none is free.
    pub(crate) fn take(&self) -> Asid {
        let number = self.free.with(FreeNumbers::take);
        number.map_or(Self::SHARED, |number| Asid((number + 1) as u16))
    }

    /// Gives an identifier back.
    pub(crate) fn give(&self, asid: Asid) {
        if let Some(number) = usize::from(asid.0).checked_sub(1) {
            self.free.with(|free| free.give(number));
        }
    }
}

/// The bits of all identifiers, in place.
struct Words([u64; words_for(Asids::MOST - 1)]);

impl Deref for Words {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        &self.0
    }
}

impl DerefMut for Words {
    fn deref_mut(&mut self) -> &mut [u64] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn identifiers_are_unique_until_they_run_out() {
        for count in [1, 2, 63, 64, 65, 200, Asids::MOST] {
            let asids = Asids::new(count);
            let taken: HashSet<u16> = (1..count).map(|_| asids.take().0).collect();
            assert_eq!(taken.len(), count - 1);
            assert!(!taken.contains(&0) && taken.iter().all(|&asid| usize::from(asid) < count));
            assert_eq!(asids.take(), Asids::SHARED);
            for asid in taken {
                asids.give(Asid(asid));
                assert_eq!(asids.take(), Asid(asid));
            }
        }
    }

    #[test]
    fn an_identifier_rests_until_all_others_had_their_turn() {
        let asids = Asids::new(100);
        let mut seen = HashSet::new();
        for _ in 1..100 {
            let asid = asids.take();
            asids.give(asid);
            assert!(seen.insert(asid.0), "{asid:?} is back already");
        }
        assert_eq!(seen.len(), 99);
    }
}
