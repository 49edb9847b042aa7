//! What each hart has heard of what the others did, by the locks they took one after the other.
//!
//! This is less than all order there is, and costs nothing on the plain path: a hart that takes a
//! lock knows what the hart that took it before had done until then, for that one has given it back
//! since. (What was done with the lock in hand is not counted: giving back is a plain store.) The
//! race detector keeps exact clocks; this is for the watcher of translations, which also runs
//! without it.

use alloc::collections::BTreeMap;

use crate::HARTS_MAX;

/// Per hart, up to which step its doings are known.
type Steps = [u64; HARTS_MAX];
/// Locks that are remembered; beyond, the record starts anew.
const LOCKS_MAX: usize = 4096;

/// The record.
#[derive(Clone, Default)]
pub struct Heard {
    known: [Steps; HARTS_MAX],
    /// What the hart that took a lock last knew when it did, by the place of the lock.
    locks: BTreeMap<usize, Steps>,
}

impl Heard {
    /// A hart takes a lock at a step.
    pub fn took(&mut self, hart: usize, lock: usize, step: u64) {
        if self.locks.len() >= LOCKS_MAX {
            self.locks.clear();
        }
        let left = self.locks.entry(lock).or_default();
        let known = &mut self.known[hart];
        for (mine, theirs) in known.iter_mut().zip(left.iter()) {
            *mine = (*mine).max(*theirs);
        }
        known[hart] = step;
        *left = *known;
    }

    /// Whether a hart knows what another did at a step.
    pub fn knows(&self, hart: usize, other: usize, step: u64) -> bool {
        let known = self.known.get(hart).and_then(|known| known.get(other));
        known.is_some_and(|&known| known > step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hart_hears_by_a_chain_of_locks_what_was_done_before_them() {
        const A: usize = 64;
        const B: usize = 128;
        let mut heard = Heard::default();
        // Hart 0 does something at step 10, then takes A, later 1 does, and hands on by B.
        heard.took(0, A, 20);
        heard.took(1, A, 30);
        assert!(heard.knows(1, 0, 10) && !heard.knows(1, 0, 20));
        heard.took(1, B, 40);
        assert!(!heard.knows(2, 0, 10));
        heard.took(2, B, 50);
        assert!(heard.knows(2, 0, 10) && heard.knows(2, 1, 39));
        assert!(!heard.knows(0, 1, 5) && !heard.knows(9, 0, 0));
    }
}
