//! The free slots of the stack region, and the harts that must flush before they run on a stack.
//!
//! A slot is used again as soon as its stack is gone. TLBs may still remember the old stack, or
//! that there was none, because kernel translations are global and a hart may load any of them at
//! any time. So a hart flushes before it runs on a stack for the first time ([`Newcomers`]). A
//! stack does not move while it exists, so once for each hart is enough. A hart does not use
//! translations of stacks that it does not run on.
//!
//! Invariant: only the hart that runs on a stack uses the addresses of its slot. Neighbours: the
//! kernel's `stack` maps and unmaps; its scheduler asks before it switches to a thread.

/// Slots per word of the set.
const WORD: usize = u64::BITS as usize;

/// The slots in use, of at most `WORDS` times 64.
pub struct Slots<const WORDS: usize> {
    used: [u64; WORDS],
    next: usize,
}

impl<const WORDS: usize> Default for Slots<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const WORDS: usize> Slots<WORDS> {
    /// Returns a set in which no slot is in use.
    pub const fn new() -> Self {
        Self {
            used: [0; WORDS],
            next: 0,
        }
    }

    /// Takes a free slot below `count`. The search begins at the word of the last slot taken.
    pub fn take(&mut self, count: usize) -> Option<usize> {
        let words = count.div_ceil(WORD).min(WORDS);
        for step in 0..words {
            let word = (self.next + step) % words;
            let slot = word * WORD + self.used[word].trailing_ones() as usize;
            if slot < ((word + 1) * WORD).min(count) {
                self.used[word] |= 1 << (slot % WORD);
                self.next = word;
                return Some(slot);
            }
        }
        None
    }

    /// Makes a slot free.
    pub fn give(&mut self, slot: usize) {
        self.used[slot / WORD] &= !(1 << (slot % WORD));
    }
}

/// The harts that have not run on a stack yet.
pub struct Newcomers(u64);

impl Default for Newcomers {
    fn default() -> Self {
        Self::all()
    }
}

impl Newcomers {
    /// Returns the set of all harts, for a new stack.
    pub const fn all() -> Self {
        Self(u64::MAX)
    }

    /// Notes that this hart is about to run on the stack. Returns whether the hart must flush
    /// first, because it has not run on this stack before.
    #[must_use]
    pub fn come(&mut self, hart: usize) -> bool {
        let newcomer = self.0 >> hart & 1 != 0;
        self.0 &= !(1 << hart);
        newcomer
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn slots_are_given_out_once_until_they_come_back() {
        let mut slots: Slots<3> = Slots::default();
        let mut taken: Vec<_> = std::iter::from_fn(|| slots.take(150)).collect();
        taken.sort();
        assert_eq!(taken, (0..150).collect::<Vec<_>>());
        for slot in [149, 64, 0] {
            slots.give(slot);
            assert_eq!(slots.take(150), Some(slot));
            assert_eq!(slots.take(150), None);
        }
    }

    /// A stack, or its thread.
    struct Stack {
        slot: usize,
        newcomers: Newcomers,
    }

    const HARTS: usize = 3;
    const SLOTS: usize = 4;

    /// Harts whose TLBs remember whatever they can: what is mapped in a slot, or that nothing is.
    #[derive(Default)]
    struct Machine {
        /// The stack that is mapped in each slot, by its number.
        mapped: [Option<usize>; SLOTS],
        remembered: [HashMap<usize, Option<usize>>; HARTS],
    }

    impl Machine {
        fn look(&mut self, hart: usize, slot: usize) -> Option<usize> {
            let mapped = self.mapped[slot];
            *self.remembered[hart].entry(slot).or_insert(mapped)
        }
    }

    /// Stacks come and go, threads move from hart to hart, and harts look at slots that are none of
    /// their business. Finds a hart that comes second and does not forget, and one that forgets
    /// nothing but what it did when it came first.
    #[test]
    fn every_hart_finds_the_stack_it_runs_on() {
        let mut random = 1u64;
        let mut draw = |below: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        let mut machine = Machine::default();
        let mut slots: Slots<1> = Slots::new();
        let mut stacks: HashMap<usize, Stack> = HashMap::new();
        for step in 0..100_000 {
            let (hart, which) = (draw(HARTS), draw(SLOTS));
            let number = stacks.keys().copied().nth(which % stacks.len().max(1));
            match (draw(8), number) {
                (0, _) => {
                    if let Some(slot) = slots.take(SLOTS) {
                        machine.mapped[slot] = Some(step);
                        let newcomers = Newcomers::all();
                        stacks.insert(step, Stack { slot, newcomers });
                    }
                }
                (1, Some(number)) => {
                    let Stack { slot, .. } = stacks.remove(&number).unwrap();
                    machine.mapped[slot] = None;
                    slots.give(slot);
                }
                (2 | 3, _) => {
                    machine.look(hart, which);
                }
                (_, Some(number)) => {
                    let Stack { slot, newcomers } = stacks.get_mut(&number).unwrap();
                    if newcomers.come(hart) {
                        machine.remembered[hart].clear();
                    }
                    assert_eq!(machine.look(hart, *slot), Some(number), "step {step}");
                }
                (_, None) => {}
            }
        }
    }
}
