//! Loads that are satisfied early.
//!
//! RVWMO (Volume I, chapter "RVWMO Memory Consistency Model") lets a load take its value before
//! loads and stores that precede it in the program, unless a fence or an acquire lies between, its
//! address depends on a load that comes first, or an earlier load of the hart read the same bytes
//! at a later time. This machine executes in order, so a load that is early takes a value that
//! memory had before: [`Past`] remembers the last stores that became visible and what they
//! overwrote, and [`Early`] how far back the loads of one hart may go.
//!
//! Time is counted in stores that became visible. Invariants: a load never goes back beyond the
//! end of its hart's previous turn, since within a turn nobody else stores; and never beyond its
//! floor (fences, acquires, traps), the time at which its address was known, a store of its own
//! hart to the same bytes, and what earlier loads of the turn read there. Order from one load to
//! the address of another is followed through registers, as the manual defines syntactic
//! dependencies.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::rng::Rng;
use crate::stored::stored;

/// Stores that are remembered.
const STORES: usize = 64;
/// Instructions of a turn within which a load may go back before the turn.
const REACH: u64 = 64;
/// The time of an address that is known only now.
pub(crate) const NOW: u64 = u64::MAX;

/// A store that became visible.
#[derive(Clone, Copy)]
struct Old {
    offset: usize,
    size: usize,
    /// What was there before.
    value: u64,
    hart: usize,
}

stored!(Old {
    offset,
    size,
    value,
    hart
});

/// The last stores that became visible, oldest first.
#[derive(Clone, Default)]
pub(crate) struct Past {
    stores: VecDeque<Old>,
    /// The time: how many there have been.
    now: u64,
}

stored!(Past { stores, now });

impl Past {
    /// A hart's store becomes visible and overwrites `value`.
    pub fn stored(&mut self, hart: usize, offset: usize, size: usize, value: u64) {
        if self.stores.len() >= STORES {
            self.stores.pop_front();
        }
        self.stores.push_back(Old {
            offset,
            size,
            value,
            hart,
        });
        self.now += 1;
    }

    /// Memory changes in another way: no load goes back before this.
    pub fn forget(&mut self) {
        self.stores.clear();
    }

    /// Whether all stores lie in a memory of this size, and none is before the beginning.
    pub fn is_sound(&self, memory: usize) -> bool {
        let inside = |old: &Old| fits(old.offset, old.size, memory);
        self.stores.len() as u64 <= self.now && self.stores.iter().all(inside)
    }

    /// The time now.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The stores to a range since `floor`, the newest first, with the time before each.
    fn since(
        &self,
        floor: u64,
        offset: usize,
        size: usize,
    ) -> impl Iterator<Item = (u64, &Old)> + Clone {
        let times = (0..self.now).rev();
        times
            .zip(self.stores.iter().rev())
            .take_while(move |(time, _)| *time >= floor)
            .filter(move |(_, old)| overlaps(old.offset, old.size, offset, size))
    }
}

fn overlaps(a: usize, a_size: usize, b: usize, b_size: usize) -> bool {
    a < b + b_size && b < a + a_size
}

/// Whether an access of one to eight bytes lies in a memory of this size.
pub(crate) fn fits(offset: usize, size: usize, memory: usize) -> bool {
    let end = offset.checked_add(size);
    (1..=8).contains(&size) && end.is_some_and(|end| end <= memory)
}

/// A load of the present turn.
#[derive(Clone, Copy)]
struct Read {
    offset: usize,
    size: usize,
    time: u64,
}

stored!(Read { offset, size, time });

/// How far back the loads of a hart may go.
#[derive(Clone)]
pub(crate) struct Early {
    /// The step at which the turn began.
    began: u64,
    /// No load is earlier: the end of the previous turn, or the last fence.
    floor: u64,
    /// When the value of each register was known, as far as it depends on loads.
    known: [u64; 64],
    reads: Vec<Read>,
    /// When the address of the load under way was known.
    pub address: u64,
    /// When the last load took its value.
    pub taken: u64,
    /// The tables were read for the access under way.
    pub walked: bool,
}

stored!(Early {
    began,
    floor,
    known,
    reads,
    address,
    taken,
    walked
});

impl Default for Early {
    fn default() -> Self {
        Self {
            began: 0,
            floor: 0,
            known: [0; 64],
            reads: Vec::new(),
            address: NOW,
            taken: 0,
            walked: false,
        }
    }
}

impl Early {
    /// Whether all loads lie in a memory of this size, and the turn has begun by this step.
    pub fn is_sound(&self, memory: usize, step: u64) -> bool {
        let inside = |read: &Read| fits(read.offset, read.size, memory);
        self.began <= step && self.reads.iter().all(inside)
    }

    /// The hart's turn begins at a step.
    pub fn begin(&mut self, step: u64) {
        self.began = step;
        self.reads.clear();
    }

    /// The turn ends at a time.
    pub fn end(&mut self, now: u64) {
        self.floor = self.floor.max(now);
    }

    /// No later load is earlier than now.
    pub fn fence(&mut self, now: u64) {
        self.floor = self.floor.max(now);
    }

    /// A register gets what was computed from two others.
    #[inline(always)]
    pub fn derive(&mut self, rd: u8, a: u8, b: u8) {
        let (a, b) = (self.known(a), self.known(b));
        self.set(rd, a.max(b));
    }

    /// A register gets a value that was known at a time.
    #[inline(always)]
    pub fn set(&mut self, rd: u8, time: u64) {
        self.known[usize::from(rd & 63)] = time;
    }

    /// When the value of a register was known.
    #[inline(always)]
    pub fn known(&self, register: u8) -> u64 {
        self.known[usize::from(register & 31)]
    }

    /// The value that a load takes: `memory` is what is there now.
    pub fn take(
        &mut self,
        past: &Past,
        rng: &mut Rng,
        hart: usize,
        step: u64,
        load: (usize, usize),
        memory: u64,
    ) -> u64 {
        let (offset, size) = load;
        self.taken = past.now;
        if step - self.began >= REACH {
            return memory;
        }
        let mut floor = self.floor.max(self.address);
        for read in &self.reads {
            if overlaps(read.offset, read.size, offset, size) {
                floor = floor.max(read.time);
            }
        }
        let own = past
            .since(floor, offset, size)
            .find(|(_, old)| old.hart == hart);
        let floor = own.map_or(floor, |(time, _)| time + 1);
        let candidates = past.since(floor, offset, size);
        let count = candidates.clone().count() as u64;
        let mut value = memory;
        if count > 0 && rng.one_in(2) {
            let back = 1 + rng.below(count) as usize;
            for (time, old) in candidates.take(back) {
                value = undo(value, load, old);
                self.taken = time;
            }
        }
        self.reads.push(Read {
            offset,
            size,
            time: self.taken,
        });
        value
    }

    /// A load or an atomic instruction read a range now.
    pub fn read_now(&mut self, past: &Past, offset: usize, size: usize) {
        self.taken = past.now;
        if self.reads.len() < REACH as usize {
            self.reads.push(Read {
                offset,
                size,
                time: past.now,
            });
        } else {
            self.floor = past.now;
        }
    }
}

/// The bytes of a range before a store.
fn undo(value: u64, (offset, size): (usize, usize), old: &Old) -> u64 {
    let mut bytes = value.to_le_bytes();
    let before = old.value.to_le_bytes();
    for (index, byte) in bytes.iter_mut().enumerate().take(size) {
        let at = offset + index;
        if (old.offset..old.offset + old.size).contains(&at) {
            *byte = before[at - old.offset];
        }
    }
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All values that a load of eight bytes at 64 may take.
    fn values(early: &Early, past: &Past, memory: u64) -> Vec<u64> {
        let mut values: Vec<u64> = (0..200)
            .map(|seed| {
                let mut early = early.clone();
                early.take(past, &mut Rng::new(seed), 0, 5, (64, 8), memory)
            })
            .collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    fn turn() -> (Early, Past) {
        let mut early = Early {
            address: 0,
            ..Early::default()
        };
        early.begin(0);
        let mut past = Past::default();
        past.stored(1, 64, 8, 10);
        past.stored(1, 8, 8, 99);
        past.stored(1, 64, 1, 20);
        (early, past)
    }

    #[test]
    fn a_load_takes_any_value_since_the_floor() {
        let (mut early, past) = turn();
        assert_eq!(values(&early, &past, 30), [10, 20, 30]);
        early.fence(2);
        assert_eq!(values(&early, &past, 30), [20, 30]);
        early.fence(past.now());
        assert_eq!(values(&early, &past, 30), [30]);
    }

    #[test]
    fn an_address_that_was_loaded_is_known_when_the_load_was() {
        let (mut early, past) = turn();
        early.set(5, 2);
        early.derive(6, 5, 0);
        early.address = early.known(6);
        assert_eq!(values(&early, &past, 30), [20, 30]);
        early.address = NOW;
        assert_eq!(values(&early, &past, 30), [30]);
    }

    #[test]
    fn two_loads_of_one_place_never_go_backwards_and_own_stores_are_seen() {
        let (mut early, mut past) = turn();
        early.read_now(&past, 68, 1);
        assert_eq!(values(&early, &past, 30), [30]);
        let (early, _) = turn();
        past.stored(0, 71, 1, 0);
        assert_eq!(values(&early, &past, 40), [40], "a store of its own");
        past.stored(1, 64, 8, 40);
        assert_eq!(values(&early, &past, 50), [40, 50]);
        past.forget();
        assert_eq!(values(&early, &past, 50), [50]);
    }

    #[test]
    fn far_into_a_turn_loads_are_not_early() {
        let (mut early, past) = turn();
        for seed in 0..50 {
            let mut rng = Rng::new(seed);
            assert_eq!(early.take(&past, &mut rng, 0, REACH, (64, 8), 30), 30);
        }
    }
}
