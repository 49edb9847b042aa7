//! A machine under a debugger: breakpoints, watched words, and motion in both directions of time.
//!
//! A thread of the debugger is a hart. A hart meets a breakpoint when it arrives at its address,
//! before it executes the instruction there. Invariant: nothing here changes what the machine does,
//! so the past can always be run again.

use emu::hart::Hart;
use emu::history::History;
use emu::{Machine, Stop};

use crate::emulate::screen::Screen;

/// The number of steps between two looks at the connection.
const LOOK: u64 = 50_000;

/// A motion that the debugger asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Motion {
    /// Run to the next breakpoint.
    Continue,
    /// Execute one instruction of a hart.
    Step(usize),
    /// Go back to the last breakpoint.
    BackToBreakpoint,
    /// Take back one instruction of a hart.
    BackStep(usize),
}

/// Why the machine has halted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halt {
    /// One instruction was executed or taken back.
    Stepped,
    /// A hart is at a breakpoint.
    Breakpoint(usize),
    /// A hart changed the watched word at this address, or is about to.
    Changed(usize, u64),
    /// A sanitizer reported something.
    Found(usize),
    /// The first step is reached, and there is nothing before it.
    Beginning,
    /// The machine is off, or waits for good.
    Ended(Stop),
}

/// A watched word.
#[derive(Clone, Copy)]
struct Watched {
    address: u64,
    size: usize,
    value: Option<u64>,
}

/// The machine, its past, and where it halts.
pub struct Debuggee {
    machine: Machine,
    history: History,
    breakpoints: Vec<u64>,
    watched: Vec<Watched>,
    screen: Screen,
    /// The last motion that the debugger asked for.
    pub motion: Motion,
}

impl Debuggee {
    /// Puts a machine under a debugger. Its past begins now.
    pub fn new(mut machine: Machine, screen: Screen) -> Self {
        Self {
            history: History::new(&mut machine),
            machine,
            breakpoints: Vec::new(),
            watched: Vec::new(),
            screen,
            motion: Motion::Continue,
        }
    }

    /// Returns the machine.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// Prints the console output that was not shown before.
    pub fn show(&mut self) {
        self.screen.show(&mut self.machine);
    }

    /// Returns a hart.
    pub fn hart(&self, number: usize) -> Option<&Hart> {
        self.machine.harts().get(number)
    }

    /// Adds a breakpoint.
    pub fn add_breakpoint(&mut self, address: u64) {
        self.breakpoints.push(address);
    }

    /// Removes a breakpoint. Returns whether it existed.
    pub fn remove_breakpoint(&mut self, address: u64) -> bool {
        let known = self.breakpoints.iter().position(|&at| at == address);
        known.map(|at| self.breakpoints.remove(at)).is_some()
    }

    /// Watches a word of up to 8 bytes. Returns `false` if it is longer.
    pub fn watch(&mut self, address: u64, size: usize) -> bool {
        if !(1..=8).contains(&size) {
            return false;
        }
        self.watched.push(Watched {
            address,
            size,
            value: None,
        });
        true
    }

    /// Stops watching a word. Returns whether it was watched.
    pub fn unwatch(&mut self, address: u64) -> bool {
        let known = self.watched.iter().position(|word| word.address == address);
        known.map(|at| self.watched.remove(at)).is_some()
    }

    /// Moves the machine as [`Debuggee::motion`] says. Returns `None` if there is more to do: the
    /// caller looks at the connection and calls again.
    pub fn go(&mut self) -> Option<Halt> {
        match self.motion {
            Motion::Continue if self.breakpoints.is_empty() && self.watched.is_empty() => {
                let until = self.machine.steps() + LOOK;
                let stop = self.history.run(&mut self.machine, until);
                self.judge(stop)
            }
            Motion::Continue => self.search(),
            Motion::Step(hart) => self.step(hart),
            Motion::BackStep(hart) => Some(self.back_step(hart)),
            Motion::BackToBreakpoint => Some(self.back_to_breakpoint()),
        }
    }

    fn judge(&self, stop: Stop) -> Option<Halt> {
        match stop {
            Stop::Reached => None,
            Stop::Reported => Some(Halt::Found(self.machine.current())),
            stop => Some(Halt::Ended(stop)),
        }
    }

    /// Runs forward, one step after another, to the next halt. Returns `None` after [`LOOK`] steps.
    fn search(&mut self) -> Option<Halt> {
        self.note_watched();
        for _ in 0..LOOK {
            let until = self.machine.steps() + 1;
            let stop = self.history.run(&mut self.machine, until);
            if let Some(halt) = self.judge(stop).or_else(|| self.arrived()) {
                return Some(halt);
            }
        }
        None
    }

    /// Returns the reason to halt that the hart which has just run has met, if any.
    fn arrived(&mut self) -> Option<Halt> {
        let current = self.machine.current();
        if self.at_breakpoint() {
            return Some(Halt::Breakpoint(current));
        }
        let changed = self
            .watched
            .iter()
            .find(|word| value(&self.machine, word) != word.value)
            .map(|word| word.address);
        if changed.is_some() {
            self.note_watched();
        }
        Some(Halt::Changed(current, changed?))
    }

    fn at_breakpoint(&self) -> bool {
        let hart = self.hart(self.machine.current());
        hart.is_some_and(|hart| self.breakpoints.contains(&hart.pc))
    }

    fn note_watched(&mut self) {
        for word in &mut self.watched {
            word.value = value(&self.machine, word);
        }
    }

    fn step(&mut self, number: usize) -> Option<Halt> {
        let count = self.hart(number)?.retired;
        for _ in 0..LOOK {
            let until = self.machine.steps() + 1;
            let stop = self.history.run(&mut self.machine, until);
            if let Some(halt) = self.judge(stop) {
                return Some(halt);
            }
            if self.hart(number)?.retired > count {
                return Some(Halt::Stepped);
            }
        }
        None
    }

    fn back_step(&mut self, number: usize) -> Halt {
        let count = self.hart(number).map_or(0, |hart| hart.retired);
        let before = |machine: &mut Machine| {
            let hart = machine.harts().get(number);
            hart.is_some_and(|hart| hart.retired < count)
        };
        if self.history.go_back(&mut self.machine, before) {
            Halt::Stepped
        } else {
            Halt::Beginning
        }
    }

    fn back_to_breakpoint(&mut self) -> Halt {
        self.note_watched();
        let Self {
            machine,
            history,
            breakpoints,
            watched,
            ..
        } = self;
        let mut changed = None;
        let found = history.go_back(machine, |machine| {
            let word = watched
                .iter()
                .find(|word| value(machine, word) != word.value);
            let hart = machine.harts().get(machine.current());
            let stands = hart.is_some_and(|hart| breakpoints.contains(&hart.pc));
            if word.is_some() || stands {
                changed = word.map(|word| word.address);
            }
            word.is_some() || stands
        });
        let current = self.machine.current();
        match (found, changed) {
            (false, _) => Halt::Beginning,
            (true, Some(address)) => Halt::Changed(current, address),
            (true, None) => Halt::Breakpoint(current),
        }
    }
}

/// Returns the value at a watched address, as the hart whose turn it is sees it.
fn value(machine: &Machine, word: &Watched) -> Option<u64> {
    let mut bytes = [0; 8];
    machine.peek(machine.current(), word.address, &mut bytes[..word.size])?;
    Some(u64::from_le_bytes(bytes))
}
