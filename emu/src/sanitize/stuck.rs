//! Harts that spin for ever: an atomic instruction that is executed again and again and never
//! changes anything.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::{Kind, Report, Sanitizer, Scene, stack};
use crate::HARTS_MAX;
use crate::board::Board;
use crate::hart::csr::status;
use crate::hart::{Activity, Hart, Mode, Place};

/// Fruitless attempts after which a hart counts as spinning.
const SPINS: u32 = 20_000;
/// Fruitless attempts that no lock of a working kernel takes, whatever the others do.
const SPINS_MAX: u32 = 5_000_000;

#[derive(Clone, Copy, Default)]
struct Spin {
    pc: u64,
    offset: usize,
    attempts: u32,
}

/// Who spins on what, and who took it.
#[derive(Clone, Default)]
pub struct Locks {
    spins: [Spin; HARTS_MAX],
    holders: BTreeMap<usize, Place>,
}

impl Sanitizer {
    /// An atomic instruction found `old` and leaves `new`.
    pub(crate) fn lock_word(
        &mut self,
        hart: &mut Hart,
        offset: usize,
        step: u64,
        old: u64,
        new: u64,
    ) {
        if self.watch.translations && old == 0 && new != 0 {
            self.translations.heard.took(hart.id, offset, step);
        }
        if let Some(races) = &mut self.races {
            match (old, new) {
                (0, 1..) => races.took(hart, offset),
                (1.., 0) => races.gave_back(hart, offset),
                _ => {}
            }
        }
        if !self.watch.stuck {
            return;
        }
        let spin = &mut self.locks.spins[hart.id];
        if old == new && spin.pc == hart.pc && spin.offset == offset {
            spin.attempts += 1;
            if spin.attempts == SPINS || spin.attempts == SPINS_MAX {
                // The others may have been spinning already: the machine has a look.
                hart.yield_turn();
            }
            return;
        }
        *spin = Spin {
            pc: hart.pc,
            offset,
            attempts: 0,
        };
        if old == 0 && new != 0 {
            self.locks.holders.insert(offset, hart.place(0));
        }
    }
}

/// Looks whether no hart can go on; called between turns.
pub(crate) fn look(harts: &[Hart], board: &mut Board) {
    if !board.state.sanitizer.watch.stuck {
        return;
    }
    let locks = &board.state.sanitizer.locks;
    let spins = |hart: &Hart| locks.spins[hart.id].attempts >= SPINS;
    let stuck = |hart: &Hart| match hart.activity {
        Activity::Stopped => true,
        Activity::Waiting => hart.csr.mie == 0,
        Activity::Running => {
            let deaf = hart.mode == Mode::Supervisor && hart.csr.mstatus & status::SIE == 0;
            spins(hart) && deaf
        }
    };
    let hopeless = harts
        .iter()
        .any(|hart| locks.spins[hart.id].attempts >= SPINS_MAX);
    let all = harts.iter().all(stuck) && harts.iter().any(spins);
    if !all && !hopeless {
        return;
    }
    let mut scenes = Vec::new();
    let mut key = 0;
    for hart in harts.iter().filter(|hart| spins(hart)) {
        let spin = locks.spins[hart.id];
        key = spin.pc;
        let lock = board.ram.base() + spin.offset as u64;
        let holder = locks.holders.get(&spin.offset);
        let whom = holder.map_or_else(alloc::string::String::new, |place| {
            format!(", which hart {} took", place.hart)
        });
        scenes.push(Scene {
            what: format!("hart {} waits for the lock at {lock:#x}{whom}", hart.id),
            place: Some(hart.place(board.state.steps)),
            stack: stack::walk(board, hart),
        });
        if let Some(holder) = holder {
            let mut taken = alloc::vec![holder.pc, holder.ra];
            taken.dedup();
            scenes.push(Scene {
                what: "the lock was taken here".into(),
                place: Some(*holder),
                stack: taken,
            });
        }
    }
    let report = Report {
        kind: Kind::Stuck,
        headline: "every hart waits for a lock that nobody will release".into(),
        scenes,
        missing: "a release, or one order in which locks are taken".into(),
    };
    board.state.sanitizer.file((key, 0), report);
}
