//! Kernels that only tick: harts wake for the clock and go back to sleep, or spin with interrupts
//! on, and no program runs, no device answers, nothing is printed, for far longer than anything a
//! test waits for. Only looked for while nobody will type ([`Board::attended`]).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::super::{Kind, Report, Scene, stack};
use crate::board::Board;
use crate::hart::{Activity, Hart, Mode, Place};

/// Clock ticks (of 100 ns) without progress after which a kernel is stuck, ...
const TICKS: u64 = 120 * 10_000_000;
/// ... if it has also made so many steps: a clock that leaps over sleep proves nothing.
const STEPS: u64 = 2_000_000;
/// Steps without progress after which a kernel that never sleeps is stuck.
const STEPS_AWAKE: u64 = 1_000_000_000;
/// Calls of programs that are shown.
const CALLS_MAX: usize = 8;
/// Programs whose calls are remembered.
const PROGRAMS_MAX: usize = 256;
/// The number of `exit`, which never returns, in the kernels of this family.
const EXIT: u64 = 2;

/// What showed last that somebody goes on.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    step: u64,
    time: u64,
    printed: usize,
    /// Programs that called the kernel and have not gone on: the call and its number, by `satp`.
    calls: BTreeMap<u64, (Place, u64)>,
    /// Some program went on since the last look.
    ran: bool,
}

impl Progress {
    /// A program calls the kernel.
    pub(crate) fn called(&mut self, hart: &Hart, step: u64) {
        if self.calls.len() >= PROGRAMS_MAX {
            self.calls.clear();
        }
        self.calls
            .insert(hart.csr.satp, (hart.place(step), hart.x[17]));
    }

    /// A program goes on.
    pub(crate) fn returned(&mut self, hart: &Hart) {
        self.ran = true;
        self.calls.remove(&hart.csr.satp);
    }

    /// A device answered, or something was typed.
    pub(crate) fn answered(&mut self) {
        self.ran = true;
    }
}

pub(super) fn look(harts: &[Hart], board: &mut Board) {
    let (step, time) = (board.state.steps, board.time());
    let printed = board.state.uart.output.len();
    let due = board.device_due().is_some();
    let user = harts.iter().any(|hart| hart.mode == Mode::User);
    let progress = &mut board.state.sanitizer.progress;
    if progress.ran || due || user || printed != progress.printed || board.attended {
        progress.ran = false;
        (progress.step, progress.time, progress.printed) = (step, time, printed);
        return;
    }
    let steps = step - progress.step;
    let sleeps = time.saturating_sub(progress.time) >= TICKS && steps >= STEPS;
    if !sleeps && steps < STEPS_AWAKE {
        return;
    }
    let seconds = time.saturating_sub(progress.time) / 10_000_000;
    let mut scenes: Vec<Scene> = harts
        .iter()
        .filter(|hart| hart.activity != Activity::Stopped)
        .map(|hart| Scene {
            what: match hart.activity {
                Activity::Waiting => format!("hart {} sleeps until the clock wakes it", hart.id),
                _ => format!("hart {} finds nothing to run", hart.id),
            },
            place: Some(hart.place(step)),
            stack: stack::walk(board, hart),
        })
        .collect();
    let calls = board.state.sanitizer.progress.calls.iter();
    let mut calls: Vec<_> = calls.filter(|(_, (_, number))| *number != EXIT).collect();
    calls.sort_by_key(|(_, (place, _))| core::cmp::Reverse(place.step));
    for (satp, (place, number)) in calls.into_iter().take(CALLS_MAX) {
        scenes.push(Scene {
            what: format!("the program under satp {satp:#x} made system call {number} and waits"),
            place: Some(*place),
            stack: vec![place.pc],
        });
    }
    let report = Report {
        kind: Kind::Stuck,
        headline: format!(
            "no program has run for {seconds} seconds of the machine's clock, and nothing will \
             wake one"
        ),
        scenes,
        missing: "a wakeup: each thread that sleeps needs somebody who wakes it".into(),
    };
    // Programs that wait for different things would be one report under one key.
    let key = harts.iter().map(|hart| hart.pc).min().unwrap_or_default();
    board.state.sanitizer.file((key, 1), report);
    let progress = &mut board.state.sanitizer.progress;
    (progress.step, progress.time) = (step, time);
}
