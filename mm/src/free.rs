//! A set of free numbers: a bit for each number, and above every 64 bits another bit that says
//! whether any of them is set.
//!
//! A device has up to a million slots and a machine 65,535 address-space identifiers, and
//! interrupts are off under the locks during a search. So a search must not look at numbers one by
//! one, however few are free. It goes up until a word has a bit behind the current position, and
//! down again, which takes two words per level.
//!
//! Invariant: a bit above the lowest level is set exactly if a bit of the word below it is.
//! Neighbours: [`crate::swap`] and [`crate::space`] keep one set each.

use core::ops::DerefMut;

use arrayvec::ArrayVec;

/// The number of bits in a word.
const BITS: usize = u64::BITS as usize;

/// The most levels: enough for 2^36 numbers.
const LEVELS: usize = 6;

/// The free numbers below some limit. The code calls the numbers slots.
pub(crate) struct FreeNumbers<W> {
    /// The words of all levels, the lowest first.
    words: W,
    /// The index of each level's first word.
    levels: ArrayVec<usize, LEVELS>,
    /// The number behind the last slot.
    end: usize,
    /// The slot at which the search for a free one begins: the one behind the last that was taken,
    /// so that pages which are evicted together get neighbouring slots.
    next: usize,
    count: usize,
}

/// Returns how many words the set of `slots` slots needs.
pub const fn words_for(slots: usize) -> usize {
    let (mut bits, mut words) = (slots, 0);
    while bits > 0 {
        let level = bits.div_ceil(BITS);
        words += level;
        bits = if level == 1 { 0 } else { level };
    }
    words
}

impl<W: DerefMut<Target = [u64]>> FreeNumbers<W> {
    /// Returns the set of all slots below `slots`, in `words`.
    ///
    /// # Panics
    ///
    /// If there are fewer words than [`words_for`] says.
    pub(crate) fn all(slots: usize, mut words: W) -> Self {
        let mut levels = ArrayVec::new();
        let (mut bits, mut start) = (slots, 0);
        while bits > 0 {
            levels.push(start);
            let level = &mut words[start..start + bits.div_ceil(BITS)];
            level.fill(!0);
            if !bits.is_multiple_of(BITS) {
                level[bits / BITS] = (1 << (bits % BITS)) - 1;
            }
            start += level.len();
            bits = if level.len() == 1 { 0 } else { level.len() };
        }
        Self {
            words,
            levels,
            end: slots,
            next: 0,
            count: slots,
        }
    }

    /// Returns how many slots are free.
    pub(crate) fn count(&self) -> u64 {
        self.count as u64
    }

    /// Returns whether a slot is free.
    pub(crate) fn has(&self, slot: usize) -> bool {
        self.words[slot / BITS] >> (slot % BITS) & 1 == 1
    }

    /// Takes a free slot: the next one behind the last that was taken, or else the first. Returns
    /// `None` if none is free.
    pub(crate) fn take(&mut self) -> Option<usize> {
        let slot = self.first_from(self.next).or_else(|| self.first_from(0))?;
        let mut at = slot;
        for &start in &self.levels {
            let word = &mut self.words[start + at / BITS];
            *word &= !(1 << (at % BITS));
            if *word != 0 {
                break;
            }
            at /= BITS;
        }
        self.count -= 1;
        self.next = slot + 1;
        Some(slot)
    }

    /// Adds a slot to the set. It must not be in the set.
    pub(crate) fn give(&mut self, slot: usize) {
        debug_assert!(slot < self.end && !self.has(slot), "a slot is freed once");
        let mut at = slot;
        for &start in &self.levels {
            let word = &mut self.words[start + at / BITS];
            let before = *word;
            *word |= 1 << (at % BITS);
            if before != 0 {
                break;
            }
            at /= BITS;
        }
        self.count += 1;
    }

    /// Returns the first free slot from this one on.
    fn first_from(&self, slot: usize) -> Option<usize> {
        let (mut level, mut at, mut end) = (0, slot, self.end);
        let found = loop {
            if at >= end {
                return None;
            }
            let word = at / BITS;
            let bits = self.words[self.levels[level] + word] & !0 << (at % BITS);
            if bits != 0 {
                break word * BITS + bits.trailing_zeros() as usize;
            }
            (level, at, end) = (level + 1, word + 1, end.div_ceil(BITS));
            if level == self.levels.len() {
                return None;
            }
        };
        let below = self.levels[..level].iter().rev();
        Some(below.fold(found, |at, start| {
            at * BITS + self.words[start + at].trailing_zeros() as usize
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::ops::Deref;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn free_numbers(slots: usize) -> FreeNumbers<Vec<u64>> {
        FreeNumbers::all(slots, vec![0; words_for(slots)])
    }

    #[test]
    fn every_slot_is_taken_once_and_rests_until_all_others_had_their_turn() {
        for slots in [1, 5, 63, 64, 65, 4096, 4097, 70_000] {
            let mut free = free_numbers(slots);
            for slot in 0..slots {
                assert_eq!(free.take(), Some(slot));
            }
            assert_eq!((free.take(), free.count()), (None, 0));
            (0..slots).for_each(|slot| free.give(slot));
            for round in 0..2 {
                for slot in 0..slots {
                    assert_eq!(free.take(), Some(slot), "round {round} of {slots}");
                    free.give(slot);
                }
            }
            assert_eq!(free.count(), slots as u64);
        }
        assert_eq!(free_numbers(0).take(), None);
    }

    proptest! {
        #[test]
        fn it_keeps_what_a_set_would(slots in 1..5000_usize, steps in vec(any::<Option<u16>>(), 9000)) {
            let (mut free, mut expected) = (free_numbers(slots), (0..slots).collect::<BTreeSet<_>>());
            let mut next = 0;
            for step in steps {
                if let Some(slot) = step {
                    let slot = usize::from(slot) % slots;
                    prop_assert_eq!(free.has(slot), expected.contains(&slot));
                    if expected.insert(slot) {
                        free.give(slot);
                    }
                } else {
                    let slot = expected.range(next..).next().or(expected.first()).copied();
                    prop_assert_eq!(free.take(), slot);
                    expected.remove(&slot.unwrap_or(slots));
                    next = slot.map_or(next, |slot| slot + 1);
                }
                prop_assert_eq!(free.count(), expected.len() as u64);
            }
        }
    }

    /// Words, and how often one was looked at.
    struct Watched(Vec<u64>, Cell<usize>);

    impl Deref for Watched {
        type Target = [u64];

        fn deref(&self) -> &[u64] {
            self.1.set(self.1.get() + 1);
            &self.0
        }
    }

    impl DerefMut for Watched {
        fn deref_mut(&mut self) -> &mut [u64] {
            self.1.set(self.1.get() + 1);
            &mut self.0
        }
    }

    #[test]
    fn the_last_free_one_of_a_million_is_found_in_a_few_looks() {
        const SLOTS: usize = 1 << 20;
        let words = Watched(vec![0; words_for(SLOTS)], Cell::default());
        let mut free = FreeNumbers::all(SLOTS, words);
        while free.take().is_some() {}
        for slot in [SLOTS - 1, 0, SLOTS / 2, 1, SLOTS - 1] {
            free.words.1.set(0);
            free.give(slot);
            assert_eq!(free.take(), Some(slot));
            assert_eq!(free.take(), None);
            let looks = free.words.1.get();
            assert!(looks <= 40, "{looks} looks at words for slot {slot}");
        }
    }
}
