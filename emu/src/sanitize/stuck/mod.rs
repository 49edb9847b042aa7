//! Harts that will never go on.
//!
//! A hart is stuck if it executes an atomic instruction again and again and never changes
//! anything ([`Locks`]), if it goes round a loop that reads memory and does nothing else
//! ([`spin`]), or if it waits for an interrupt and has none enabled; and no interrupt can take it
//! away from there. If all harts are, nothing can change any more. A kernel whose harts still wake
//! for the clock, while no program ever runs again, is the business of [`idle`].

mod idle;
mod spin;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Kind, Report, Sanitizer, Scene, stack};
use crate::HARTS_MAX;
use crate::board::Board;
use crate::hart::csr::status;
use crate::hart::{Activity, Hart, Mode, Place};
use crate::stored::stored;
pub(crate) use idle::Progress;

/// Fruitless attempts after which a hart counts as spinning.
const SPINS: u32 = 20_000;
/// Fruitless attempts that no lock of a working kernel takes, whatever the others do. Kernels of
/// xv6's family free a whole program under a lock, byte by byte: hundreds of millions of steps.
const SPINS_MAX: u32 = 400_000_000;
/// Steps between two searches for loops that only read.
const LOOK: u64 = 200_000;

#[derive(Clone, Copy, Default)]
struct Spin {
    pc: u64,
    offset: usize,
    attempts: u32,
}

stored!(Spin {
    pc,
    offset,
    attempts
});

/// Who spins on what, and who took it.
#[derive(Clone, Default)]
pub struct Locks {
    spins: [Spin; HARTS_MAX],
    holders: BTreeMap<usize, Place>,
    /// The step at which loops are looked for next.
    due: u64,
}

stored!(Locks {
    spins,
    holders,
    due
});

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
            spin.attempts = spin.attempts.saturating_add(1);
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
            self.locks.holders.insert(offset, hart.place(step));
        }
    }
}

/// Why a hart does not go on.
enum Why {
    /// It tries to take a lock.
    Lock(Spin),
    /// It reads these places of RAM in a loop.
    Reads(Vec<usize>),
    /// It waits for an interrupt and has none enabled.
    Sleeps,
    /// Nobody has started it.
    Stopped,
}

/// Looks whether no hart can go on; called between turns.
pub(crate) fn look(harts: &[Hart], board: &mut Board) {
    if !board.state.sanitizer.watch.stuck {
        return;
    }
    idle::look(harts, board);
    let locks = &board.state.sanitizer.locks;
    let attempts = |hart: &Hart| locks.spins[hart.id].attempts;
    let hopeless = harts.iter().any(|hart| attempts(hart) >= SPINS_MAX);
    let step = board.state.steps;
    let spins = harts.iter().any(|hart| attempts(hart) >= SPINS);
    let runs = harts.iter().any(|hart| hart.activity == Activity::Running);
    if runs && !spins && step < locks.due {
        return;
    }
    board.state.sanitizer.locks.due = step + LOOK;
    if harts.iter().any(|hart| !hart.stores.is_empty()) {
        return;
    }
    let whys: Vec<Option<Why>> = harts.iter().map(|hart| why(hart, board)).collect();
    let stopped = |why: &Option<Why>| matches!(why, Some(Why::Stopped));
    let all = whys.iter().all(Option::is_some) && !whys.iter().all(stopped);
    if all || hopeless {
        report(harts, board, &whys);
    }
}

/// Returns why a hart can never go on by itself, if that is so.
fn why(hart: &Hart, board: &Board) -> Option<Why> {
    match hart.activity {
        Activity::Stopped => return Some(Why::Stopped),
        Activity::Waiting => return (hart.csr.mie == 0).then_some(Why::Sleeps),
        Activity::Running => {}
    }
    let deaf = match hart.mode {
        Mode::User => false,
        Mode::Supervisor => hart.csr.mstatus & status::SIE == 0,
        Mode::Machine => hart.csr.mstatus & status::MIE == 0,
    };
    let spin = board.state.sanitizer.locks.spins[hart.id];
    if spin.attempts >= SPINS_MAX || deaf && spin.attempts >= SPINS {
        return Some(Why::Lock(spin));
    }
    // What a device or a waiting store will write may be what the loop waits for.
    if !deaf || board.device_due().is_some() {
        return None;
    }
    spin::reads(hart, board).map(Why::Reads)
}

fn report(harts: &[Hart], board: &mut Board, whys: &[Option<Why>]) {
    let mut scenes = Vec::new();
    let mut key = None;
    for (hart, why) in harts.iter().zip(whys) {
        let Some(why) = why else {
            continue;
        };
        let mut holder = None;
        let what = match why {
            Why::Stopped => continue,
            Why::Lock(spin) => {
                holder = board.state.sanitizer.locks.holders.get(&spin.offset);
                let whom = holder.map_or_else(String::new, |place| {
                    format!(", which hart {} took", place.hart)
                });
                let lock = name(board, spin.offset);
                format!("hart {} waits for the lock at {lock}{whom}", hart.id)
            }
            Why::Reads(places) if places.is_empty() => {
                format!("hart {} goes round a loop that has no end", hart.id)
            }
            Why::Reads(places) => {
                let names: Vec<String> = places.iter().map(|&at| name(board, at)).collect();
                format!(
                    "hart {} waits in a loop for another value at {}",
                    hart.id,
                    names.join(", ")
                )
            }
            Why::Sleeps => format!(
                "hart {} waits for an interrupt and has enabled none",
                hart.id
            ),
        };
        key.get_or_insert(match why {
            Why::Lock(spin) => spin.pc,
            _ => hart.pc,
        });
        scenes.push(Scene {
            what,
            place: Some(hart.place(board.state.steps)),
            stack: stack::walk(board, hart),
        });
        if let Some(&holder) = holder {
            let mut taken = vec![holder.pc, holder.ra];
            taken.dedup();
            scenes.push(Scene {
                what: "the lock was taken here".into(),
                place: Some(holder),
                stack: taken,
            });
        }
    }
    let locks = whys.iter().flatten().any(|why| matches!(why, Why::Lock(_)));
    let (headline, missing) = if locks {
        (
            "every hart waits for a lock that nobody will release",
            "a release, or one order in which locks are taken",
        )
    } else {
        (
            "no hart can go on: nobody is left to change what they wait for",
            "the store or the interrupt that ends the wait",
        )
    };
    let report = Report {
        kind: Kind::Stuck,
        headline: headline.into(),
        scenes,
        missing: missing.into(),
    };
    board
        .state
        .sanitizer
        .file((key.unwrap_or_default(), 0), report);
}

/// The address of a place in RAM, and the object that lies there if the kernel's symbols say.
fn name(board: &Board, offset: usize) -> String {
    let address = board.ram.base() + offset as u64;
    match board.symbols.object(address) {
        Some(_) => format!("{address:#x} ({})", board.symbols.describe(address)),
        None => format!("{address:#x}"),
    }
}
