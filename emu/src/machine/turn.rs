//! Turns: which hart runs next, for how long, and what happens between two turns.

use alloc::vec::Vec;

use super::Machine;
use crate::HARTS_MAX;
use crate::exec::Cpu;
use crate::hart::csr::interrupt;
use crate::hart::{Activity, Mode};
use crate::sanitize::stuck;
use crate::stored::stored;

/// Whose turn it is.
#[derive(Clone)]
pub(crate) struct Schedule {
    pub hart: usize,
    /// Instructions left of the turn.
    pub left: u64,
    /// Whether interrupts must be looked for before the next instruction.
    pub look: bool,
    /// Inputs that were delivered.
    pub typed: usize,
}

stored!(Schedule {
    hart,
    left,
    look,
    typed
});

/// A turn of a hart, for a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The step at which it began.
    pub step: u64,
    /// The hart.
    pub hart: usize,
    /// Its mode.
    pub mode: Mode,
    /// Its program counter.
    pub pc: u64,
}

/// Turns of harts that run alone, and together.
const TURN_ALONE: u64 = 20_000;
const TURN: u64 = 2_000;

impl Machine {
    /// The turns that began since the last call; from the first call on they are recorded.
    pub fn take_turns(&mut self) -> Vec<Turn> {
        self.turns.replace(Vec::new()).unwrap_or_default()
    }

    /// Chooses the next hart, and how long it runs. False if every hart waits for good.
    pub(super) fn begin_turn(&mut self) -> bool {
        let before = &mut self.harts[self.schedule.hart];
        before.reservation = None;
        before.early.end(self.board.state.past.now());
        self.deliver();
        stuck::look(&self.harts, &mut self.board);
        self.board.advance_devices();
        let mut ready: [usize; HARTS_MAX] = [0; HARTS_MAX];
        let mut count = 0;
        for index in 0..self.harts.len() {
            let hart = &mut self.harts[index];
            if hart.activity == Activity::Waiting {
                let pending = hart.csr.mip | self.board.lines(hart);
                if pending & hart.csr.mie != 0 {
                    hart.activity = Activity::Running;
                }
            }
            if hart.activity == Activity::Running {
                ready[count] = index;
                count += 1;
            }
        }
        if count == 0 {
            return self.skip_time();
        }
        let rng = &mut self.board.state.rng;
        if self.board.adversity.turns {
            self.schedule.hart = ready[rng.below(count as u64) as usize];
            self.schedule.left = match rng.below(8) {
                0..3 => 1 + rng.below(20),
                3..5 => 1 + rng.below(200),
                5..7 => 1 + rng.below(2000),
                _ => 1 + rng.below(20_000),
            };
        } else {
            let after = self.schedule.hart;
            self.schedule.hart = *ready[..count]
                .iter()
                .find(|&&index| index > after)
                .unwrap_or(&ready[0]);
            self.schedule.left = if count == 1 { TURN_ALONE } else { TURN };
        }
        self.schedule.look = true;
        let step = self.board.state.steps;
        self.harts[self.schedule.hart].early.begin(step);
        self.prepare_turn();
        if let Some(turns) = &mut self.turns {
            let hart = &self.harts[self.schedule.hart];
            turns.push(Turn {
                step: self.board.state.steps,
                hart: hart.id,
                mode: hart.mode,
                pc: hart.pc,
            });
        }
        true
    }

    /// What a hart's own caches do on their own between turns.
    fn prepare_turn(&mut self) {
        let hart = &mut self.harts[self.schedule.hart];
        let board = &mut self.board;
        if hart.flags_seen != board.ram.flags_generation {
            hart.flags_seen = board.ram.flags_generation;
            hart.fast.forget_writable();
        }
        if board.adversity.translations && board.state.rng.one_in(16) {
            let random = board.state.rng.draw();
            if hart.tlb.drop_some(random).is_some() {
                hart.fast.forget_translated();
            }
        }
        if !hart.stores.is_empty() && board.state.rng.one_in(2) {
            Cpu { hart, board }.drain_one();
        }
    }

    /// All harts wait: lets the clock go on to what is due next.
    fn skip_time(&mut self) -> bool {
        let mut due = self.board.device_due();
        let mut consider = |at: u64| due = Some(due.map_or(at, |due: u64| due.min(at)));
        for hart in &self.harts {
            if hart.activity != Activity::Waiting {
                continue;
            }
            if hart.csr.mie & interrupt::MTI != 0 {
                consider(self.board.state.clint.mtimecmp[hart.id]);
            }
            if hart.csr.mie & interrupt::STI != 0 && hart.csr.own_timer() {
                consider(hart.csr.stimecmp);
            }
        }
        let Some(due) = due.filter(|&due| due != u64::MAX) else {
            return false;
        };
        // The pause is a step of its own, so that steps order everything.
        self.board.state.steps += 1;
        let now = self.board.time();
        let pause = due.saturating_sub(now).max(1);
        self.board.state.skipped = self.board.state.skipped.wrapping_add(pause);
        true
    }
}
