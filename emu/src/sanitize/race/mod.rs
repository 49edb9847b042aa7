//! The race detector: two harts, one byte of kernel memory, at least one store, no order between
//! them.
//!
//! Vector clocks in the manner of FastTrack (Flanagan, Freund 2009), with a few accesses remembered
//! per eight bytes as ThreadSanitizer does. Order comes from atomics with `aq` and `rl`, from plain
//! stores right after a fence (a release) and loads followed by one (an acquire), and from
//! interrupts that harts send each other. Programs' own accesses are not looked at.
//!
//! Machine code does not say which accesses the source means to be atomic; [`super::atomics`] does
//! if the host has read it from the debug information. Beside these, a store right after a release
//! fence and a load right before an acquire fence count as atomic: that is how compilers translate
//! them. The inner workings of a lock ([`LOCK_FUNCTIONS`]) may look at the lock's owner.
//!
//! Neighbours: [`order`] has what orders, [`found`] writes the reports.

mod found;
mod order;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use crate::HARTS_MAX;
use crate::board::Board;
use crate::exec::Use;
use crate::hart::{Hart, Mode, Place};
use crate::ram::PAGE;
use crate::symbols::Symbols;
pub(crate) use order::{atomic, fence, interrupted, receive, rendezvous, signal};

type Clock = [u32; HARTS_MAX];

/// Functions in which a lock reads or writes its own fields without order.
pub const LOCK_FUNCTIONS: [&str; 6] = [
    "acquire", "release", "holding", "initlock", "push_off", "pop_off",
];
/// Accesses remembered per eight bytes.
const CELLS: usize = 4;
const GRANULE: usize = 8;
/// Pages of which accesses are remembered, about 100 KiB each.
const SHADOW_PAGES: usize = 2048;
/// Locks held at once that are remembered.
const LOCKS_MAX: usize = 16;
/// Instructions after a fence in which a store counts as the release that the fence is for.
const RELEASE_REACH: u64 = 6;

#[derive(Clone, Copy, Default)]
struct Cell {
    clock: u32,
    hart: u8,
    mask: u8,
    store: bool,
    atomic: bool,
    /// The lock taken last, as the place of its word plus one; 0 without one.
    lock: usize,
    pc: u64,
    ra: u64,
    step: u64,
}

/// A lock that a hart holds.
#[derive(Clone, Copy)]
struct Held {
    word: usize,
    /// Whether the instruction that took it orders what follows.
    acquires: bool,
    pc: u64,
    ra: u64,
}

/// The state of the detector.
#[derive(Clone)]
pub struct Races {
    clocks: [Clock; HARTS_MAX],
    /// Each hart's clock at its last release fence, and the step of that fence.
    released: [(Clock, u64); HARTS_MAX],
    /// What the next acquire fence of a hart will learn.
    read: [Clock; HARTS_MAX],
    /// What was published at a place.
    published: BTreeMap<usize, Clock>,
    /// What comes with an interrupt to a hart.
    sent: [Clock; HARTS_MAX],
    shadow: BTreeMap<usize, Arc<Vec<[Cell; CELLS]>>>,
    /// Where the search for a page to forget goes on.
    hand: usize,
    exempt: Vec<(u64, u64)>,
    held: [Vec<Held>; HARTS_MAX],
    /// Where a lock was last given back.
    freed: BTreeMap<usize, Place>,
    /// Whether the last atomic instruction of a hart was an acquire.
    acquired: [bool; HARTS_MAX],
}

fn join(into: &mut Clock, from: &Clock) {
    for (mine, theirs) in into.iter_mut().zip(from) {
        *mine = (*mine).max(*theirs);
    }
}

impl Races {
    /// A detector before the first instruction.
    pub fn new(symbols: &Symbols) -> Self {
        let mut clocks = [[0; HARTS_MAX]; HARTS_MAX];
        for (hart, clock) in clocks.iter_mut().enumerate() {
            clock[hart] = 1;
        }
        let exempt = LOCK_FUNCTIONS
            .iter()
            .filter_map(|name| symbols.named(name))
            .map(|symbol| (symbol.address, symbol.address + symbol.size))
            .collect();
        Self {
            clocks,
            released: [([0; HARTS_MAX], 0); HARTS_MAX],
            read: [[0; HARTS_MAX]; HARTS_MAX],
            published: BTreeMap::new(),
            sent: [[0; HARTS_MAX]; HARTS_MAX],
            shadow: BTreeMap::new(),
            hand: 0,
            exempt,
            held: Default::default(),
            freed: BTreeMap::new(),
            acquired: [false; HARTS_MAX],
        }
    }

    /// An atomic instruction turned a 0 into something else: it took a lock, perhaps.
    pub(crate) fn took(&mut self, hart: &Hart, word: usize) {
        let acquires = self.acquired[hart.id];
        let held = &mut self.held[hart.id];
        held.retain(|lock| lock.word != word);
        if held.len() < LOCKS_MAX {
            held.push(Held {
                word,
                acquires,
                pc: hart.pc,
                ra: hart.x[1],
            });
        }
    }

    /// A store to the word of a lock that the hart holds gives it back.
    pub(crate) fn gave_back(&mut self, hart: &Hart, word: usize) {
        let held = &mut self.held[hart.id];
        let before = held.len();
        held.retain(|lock| lock.word != word);
        if held.len() < before {
            self.freed.insert(word, hart.place(0));
        }
    }

    fn publish(&mut self, hart: usize, place: usize, clock: Clock) {
        join(self.published.entry(place).or_default(), &clock);
        self.clocks[hart][hart] += 1;
    }

    fn is_exempt(&self, pc: u64) -> bool {
        self.exempt
            .iter()
            .any(|&(start, end)| (start..end).contains(&pc))
    }

    /// Forgets the accesses to one page, one after the other in turn.
    fn forget_page(&mut self) {
        let next = self.shadow.range(self.hand..).next().map(|(&page, _)| page);
        let page = next.or_else(|| self.shadow.keys().next().copied());
        if let Some(page) = page {
            self.shadow.remove(&page);
            self.hand = page + 1;
        }
    }

    /// Remembers an access; returns an earlier one that it races with.
    fn remember(&mut self, offset: usize, size: usize, new: Cell) -> Option<Cell> {
        let known = self.clocks[usize::from(new.hart)];
        if self.shadow.len() >= SHADOW_PAGES && !self.shadow.contains_key(&(offset / PAGE)) {
            self.forget_page();
        }
        let page = self
            .shadow
            .entry(offset / PAGE)
            .or_insert_with(|| Arc::new(vec![[Cell::default(); CELLS]; PAGE / GRANULE]));
        let cells = &mut Arc::make_mut(page)[offset % PAGE / GRANULE];
        let mut mask = 0;
        for byte in 0..size {
            mask |= 1 << ((offset + byte) % GRANULE);
        }
        let new = Cell { mask, ..new };
        let race = cells.iter().copied().find(|old| {
            old.mask & mask != 0
                && old.hart != new.hart
                && (old.store || new.store)
                && !(old.atomic && new.atomic)
                && old.clock > known[usize::from(old.hart)]
        });
        let same = cells.iter().position(|old| {
            old.hart == new.hart
                && old.mask == mask
                && old.store == new.store
                && old.atomic == new.atomic
        });
        // What is ordered before the new store need not be remembered any more.
        let stale = cells.iter().position(|old| {
            old.mask == 0
                || new.store && old.mask & !mask == 0 && old.clock <= known[usize::from(old.hart)]
        });
        let at = same.or(stale).unwrap_or(new.clock as usize % CELLS);
        cells[at] = new;
        race
    }
}

/// A hart accesses RAM. For the detector alone: nothing changes for the kernel.
pub(crate) fn access(hart: &Hart, board: &mut Board, offset: usize, size: usize, how: Use) {
    if hart.mode == Mode::User {
        return;
    }
    let step = board.state.steps;
    let Some(races) = &mut board.state.sanitizer.races else {
        return;
    };
    let place = offset / GRANULE;
    let fenced = races.released[hart.id].1;
    let declared = board.atomics.contains(hart.pc);
    let after_fence = declared || step - fenced <= RELEASE_REACH;
    let released = how == Use::Store && after_fence && fenced != 0;
    if how == Use::Load
        && let Some(clock) = races.published.get(&place)
    {
        let clock = *clock;
        join(&mut races.read[hart.id], &clock);
    }
    if how == Use::Store {
        races.gave_back(hart, offset);
    }
    if races.is_exempt(hart.pc) && how != Use::Atomic && !released {
        return;
    }
    let new = Cell {
        clock: races.clocks[hart.id][hart.id],
        hart: hart.id as u8,
        mask: 0,
        store: how != Use::Load,
        atomic: how == Use::Atomic || released || declared,
        lock: races.held[hart.id].last().map_or(0, |lock| lock.word + 1),
        pc: hart.pc,
        ra: hart.x[1],
        step,
    };
    let race = races.remember(offset, size, new);
    if released {
        let clock = races.released[hart.id].0;
        races.publish(hart.id, place, clock);
    }
    if let Some(old) = race {
        found::report(hart, board, offset, old, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(hart: u8, store: bool, clock: u32) -> Cell {
        Cell {
            hart,
            store,
            clock,
            ..Cell::default()
        }
    }

    #[test]
    fn unordered_stores_race_and_ordered_ones_do_not() {
        let mut races = Races::new(&Symbols::default());
        assert!(races.remember(64, 4, cell(0, true, 1)).is_none());
        assert!(
            races.remember(68, 4, cell(1, true, 1)).is_none(),
            "other bytes"
        );
        assert!(races.remember(66, 1, cell(1, false, 1)).is_some());
        races.clocks[1][0] = 1;
        assert!(
            races.remember(64, 4, cell(1, true, 1)).is_none(),
            "hart 1 knows of it"
        );
    }

    #[test]
    fn the_record_is_bounded() {
        let mut races = Races::new(&Symbols::default());
        for page in 0..2 * SHADOW_PAGES {
            races.remember(page * PAGE, 8, cell(0, true, 1));
        }
        assert_eq!(races.shadow.len(), SHADOW_PAGES);
        assert!(
            races.remember(0, 8, cell(1, true, 1)).is_none(),
            "forgotten"
        );
        let last = (2 * SHADOW_PAGES - 1) * PAGE;
        assert!(races.remember(last, 8, cell(1, true, 1)).is_some());
    }

    #[test]
    fn a_release_and_an_acquire_carry_the_clock() {
        let mut races = Races::new(&Symbols::default());
        let clock = races.clocks[0];
        races.publish(0, 5, clock);
        assert_eq!(races.clocks[0][0], 2);
        let found = races.published[&5];
        join(&mut races.clocks[1], &found);
        assert_eq!(races.clocks[1][0], 1);
    }
}
