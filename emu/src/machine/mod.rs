//! The whole machine: whose turn it is, when devices answer, when it ends.
//!
//! Invariant: a run depends on nothing but the configuration and what is typed at which step. In
//! particular it does not matter into how many calls of [`Machine::run`] it is cut: interrupts and
//! devices are looked at when a turn begins or an instruction asks for it, never because a call
//! began.

mod boot;
mod config;
mod notes;
mod rules;
mod turn;
mod typing;
mod view;

use alloc::vec::Vec;

pub use config::{Boot, Config, Disk, Start};
pub use rules::Rules;
pub(crate) use turn::Schedule;
pub use turn::Turn;
pub use typing::Typed;

use crate::board::Board;
use crate::device::finisher::Ending;
use crate::exec::Cpu;
use crate::hart::{Activity, Hart};
use crate::sanitize::race;
use crate::sbi;

/// Why a run came to a halt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The step was reached that was asked for.
    Reached,
    /// The machine was powered off with this code.
    Off(u32),
    /// The kernel asked for a restart.
    Reset,
    /// Every hart waits and nothing is due: only typing can go on with it.
    Idle,
    /// There is a new report.
    Reported,
}

/// The machine.
pub struct Machine {
    pub(crate) harts: Vec<Hart>,
    pub(crate) board: Board,
    pub(crate) schedule: Schedule,
    inputs: Vec<Typed>,
    start: Start,
    rules: Rules,
    /// A sum of the kernel's bytes, to know it again.
    pub(crate) kernel: u64,
    /// Whether every access must be seen.
    watched: bool,
    /// The turns since they were last taken, if they are recorded.
    turns: Option<Vec<Turn>>,
}

impl Machine {
    /// Runs until the count of steps is `until`, or something else happens.
    pub fn run(&mut self, until: u64) -> Stop {
        let reports = self.board.state.sanitizer.reports.len();
        loop {
            if let Some(ending) = self.board.state.ending {
                return match ending {
                    Ending::Off(code) => Stop::Off(code),
                    Ending::Reset => Stop::Reset,
                };
            }
            if self.board.state.sanitizer.reports.len() > reports {
                return Stop::Reported;
            }
            let mut until = until;
            if let Some(next) = self.inputs.get(self.schedule.typed) {
                if next.step <= self.board.state.steps {
                    let bytes = next.bytes.clone();
                    self.board.receive(&bytes);
                    self.schedule.typed += 1;
                    continue;
                }
                until = until.min(next.step);
            }
            if self.board.state.steps >= until {
                return Stop::Reached;
            }
            if self.schedule.left == 0 && !self.begin_turn() {
                return match self.board.state.sanitizer.reports.len() > reports {
                    true => Stop::Reported,
                    false => Stop::Idle,
                };
            }
            if self.schedule.left > 0 {
                self.go_on(until);
            }
        }
    }

    /// Lets the hart whose turn it is run for a while.
    fn go_on(&mut self, until: u64) {
        let hart = &mut self.harts[self.schedule.hart];
        let board = &mut self.board;
        if self.schedule.look {
            self.schedule.look = false;
            let pending = hart.csr.mip | board.lines(hart);
            if let Some(number) = hart.due_interrupt(pending) {
                hart.take_interrupt(number);
                hart.early.fence(board.state.past.now());
                hart.fast.data_context = hart.context(hart.data_mode());
                race::interrupted(hart, board, number);
                board.point(hart, 4);
                // A step of its own, so that a debugger can stop before the handler begins.
                board.state.steps += 1;
                self.schedule.left = match hart.yields {
                    true => 0,
                    false => self.schedule.left - 1,
                };
                hart.yields = false;
                return;
            }
            if hart.yields {
                hart.yields = false;
                self.schedule.left = 0;
                return;
            }
        }
        let before = board.state.steps;
        let budget = self.schedule.left.min(until - before);
        let mut cpu = Cpu { hart, board };
        let done = if self.watched {
            cpu.run::<true>(budget)
        } else {
            cpu.run::<false>(budget)
        };
        let hart = &mut self.harts[self.schedule.hart];
        self.schedule.left = self.schedule.left.saturating_sub(done);
        if hart.limit == 0 {
            self.schedule.look = true;
        }
        if hart.calls {
            hart.calls = false;
            self.answer_call();
        }
        let hart = &mut self.harts[self.schedule.hart];
        if hart.yields || hart.activity != Activity::Running {
            hart.yields = false;
            self.schedule.left = 0;
        }
    }

    fn answer_call(&mut self) {
        self.deliver();
        sbi::answer(&mut self.harts, self.schedule.hart, &mut self.board);
    }
}
