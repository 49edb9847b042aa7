//! What orders the accesses of two harts: atomic instructions, fences, interrupts sent.

use super::{GRANULE, join};
use crate::board::Board;
use crate::hart::Hart;

/// An atomic instruction orders what its bits say.
pub(crate) fn atomic(
    hart: &Hart,
    board: &mut Board,
    offset: usize,
    _size: usize,
    acquire: bool,
    release: bool,
) {
    let Some(races) = &mut board.state.sanitizer.races else {
        return;
    };
    let place = offset / GRANULE;
    races.acquired[hart.id] = acquire;
    let found = races.published.get(&place).copied().unwrap_or_default();
    if acquire {
        join(&mut races.clocks[hart.id], &found);
    } else {
        join(&mut races.read[hart.id], &found);
    }
    let clock = if release {
        races.clocks[hart.id]
    } else {
        races.released[hart.id].0
    };
    races.publish(hart.id, place, clock);
}

/// A fence orders earlier loads (`acquires`) and later stores (`releases`).
pub(crate) fn fence(hart: &Hart, board: &mut Board, acquires: bool, releases: bool) {
    let step = board.state.steps;
    let Some(races) = &mut board.state.sanitizer.races else {
        return;
    };
    if acquires {
        if let Some(lock) = races.held[hart.id].last_mut() {
            lock.acquires = true;
        }
        let read = races.read[hart.id];
        join(&mut races.clocks[hart.id], &read);
    }
    if releases {
        races.released[hart.id] = (races.clocks[hart.id], step);
        races.clocks[hart.id][hart.id] += 1;
    }
}

/// A hart sends another an interrupt, or starts it.
pub(crate) fn signal(board: &mut Board, from: usize, to: usize) {
    if let Some(races) = &mut board.state.sanitizer.races {
        let clock = races.clocks[from];
        join(&mut races.sent[to], &clock);
        races.clocks[from][from] += 1;
    }
}

/// A hart receives what was sent.
pub(crate) fn receive(board: &mut Board, hart: usize) {
    if let Some(races) = &mut board.state.sanitizer.races {
        let clock = races.sent[hart];
        join(&mut races.clocks[hart], &clock);
    }
}

/// A hart has another do something and waits for it: each knows what the other has done.
pub(crate) fn rendezvous(board: &mut Board, from: usize, to: usize) {
    if let Some(races) = &mut board.state.sanitizer.races
        && from != to
    {
        let mut both = races.clocks[from];
        join(&mut both, &races.clocks[to]);
        for hart in [from, to] {
            races.clocks[hart] = both;
            races.clocks[hart][hart] += 1;
        }
    }
}

/// A hart takes an interrupt.
pub(crate) fn interrupted(hart: &Hart, board: &mut Board, number: u64) {
    const SOFTWARE: [u64; 2] = [1, 3];
    if SOFTWARE.contains(&number) {
        receive(board, hart.id);
    }
}
