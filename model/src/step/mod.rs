//! The steps: which there are, and what each does.
//!
//! A step is one atomic access of the real code, or several whose middle no other thread can see. A
//! process does one operation at a time, because its thread holds the lock of the address space.
//! Its programs go on storing meanwhile, on both harts.

pub(crate) mod evict;
mod exit;
mod fault;
mod fork;
mod unshare;

use crate::bounds::{Bounds, Mistake};
use crate::state::{Life, State};

pub use evict::EvictStep;
pub use exit::ExitStep;
pub use fault::{Access, FaultStep};
pub use fork::ForkStep;

/// An action, which leads from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A program stores to a page, through a translation that a TLB has.
    Store {
        /// The program's process.
        process: u8,
        /// The page.
        page: u8,
        /// The frame that the translation leads to.
        frame: u8,
    },
    /// A process enters the kernel.
    Begin {
        /// The process.
        process: u8,
        /// The operation.
        task: Task,
    },
    /// The thread of a process takes the next step of its operation.
    Continue {
        /// The process.
        process: u8,
        /// The state of the operation.
        task: Task,
    },
    /// The evictor has looked for the entries of a page.
    BeginEviction {
        /// The page.
        page: u8,
        /// The frame of the page.
        frame: u8,
    },
    /// The evictor takes its next step.
    Evict(EvictStep),
}

/// The operation of a thread in the kernel, and its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// None: the thread runs its program.
    Idle,
    /// Fork.
    Fork {
        /// The process that is being made.
        child: u8,
        /// The next step.
        step: ForkStep,
    },
    /// A fault, or an access by the kernel, which takes the path of a fault (R6).
    Fault {
        /// The page.
        page: u8,
        /// The program's access to the page.
        access: Access,
        /// The next step.
        step: FaultStep,
    },
    /// The end of the process.
    Exit(ExitStep),
}

/// The holder of the lock of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whose {
    Process(u8),
    Evictor,
}

/// The reference that a task holds to a table, beside those of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Nothing,
    Table(u8),
    Frame(u8),
}

impl Task {
    /// Returns the references that the task's thread holds.
    pub(crate) fn held(self) -> [Held; 2] {
        match self {
            Self::Idle => [Held::Nothing; 2],
            Self::Fork { step, .. } => [step.held(), Held::Nothing],
            Self::Fault { step, .. } => step.held(),
            Self::Exit(step) => [step.held(), Held::Nothing],
        }
    }
}

/// Returns all actions that are possible next.
pub(crate) fn enabled(bounds: &Bounds, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    for (process, page, frame, writable) in state.usable() {
        let store = Action::Store {
            process: process as u8,
            page: page as u8,
            frame: frame as u8,
        };
        if writable && !actions.contains(&store) {
            actions.push(store);
        }
    }
    for (number, process) in state.processes.iter().enumerate() {
        let number = number as u8;
        if process.life != Life::Running && process.task == Task::Idle {
            continue;
        }
        if process.task != Task::Idle {
            let task = process.task;
            actions.push(Action::Continue {
                process: number,
                task,
            });
            continue;
        }
        let begins = beginnings(bounds, state);
        actions.extend(begins.map(|task| Action::Begin {
            process: number,
            task,
        }));
    }
    match &state.eviction {
        Some(eviction) => actions.push(Action::Evict(eviction.step)),
        None => actions.extend(evict::beginnings(state)),
    }
    actions
}

/// Returns the operations that a process can begin.
fn beginnings(bounds: &Bounds, state: &State) -> impl Iterator<Item = Task> + use<> {
    let unborn = (1..bounds.processes).find(|&child| {
        state.processes[child].life == Life::Unborn && !fork::is_being_made(state, child)
    });
    let fork = unborn.map(|child| Task::Fork {
        child: child as u8,
        step: ForkStep::Reference,
    });
    let faults = (0..bounds.pages as u8).flat_map(|page| {
        [Access::Read, Access::Write].map(|access| Task::Fault {
            page,
            access,
            step: FaultStep::Look,
        })
    });
    fork.into_iter()
        .chain([Task::Exit(ExitStep::Leave)])
        .chain(faults)
}

/// Returns the state after an action. Returns `None` if the action must wait or would change
/// nothing.
pub(crate) fn take(bounds: &Bounds, state: &State, action: Action) -> Option<State> {
    let mut next = state.clone();
    match action {
        Action::Store {
            process,
            page,
            frame,
        } => next.store(process, page, frame),
        Action::Begin { process, task } => next.processes[usize::from(process)].task = task,
        Action::Continue { process, .. } => next.advance(bounds, usize::from(process))?,
        Action::BeginEviction { page, frame } => next.begin_eviction(page, frame),
        Action::Evict(_) => next.advance_eviction(bounds)?,
    }
    next.rename_contents();
    next.fill_tlbs(bounds);
    (next != *state).then_some(next)
}

impl State {
    /// A program stores contents that were never stored before.
    fn store(&mut self, process: u8, page: u8, frame: u8) {
        const NEW: u8 = u8::MAX;
        self.frames[usize::from(frame)].content = NEW;
        self.processes[usize::from(process)].expected[usize::from(page)] = Some(NEW);
    }

    /// The thread of a process takes its next step. Returns `None` if it must wait.
    fn advance(&mut self, bounds: &Bounds, process: usize) -> Option<()> {
        let next = match self.processes[process].task {
            Task::Idle => Task::Idle,
            Task::Fork { child, step } => self.advance_fork(bounds, process, child, step),
            Task::Fault { page, access, step } => {
                self.advance_fault(bounds, process, page, access, step)?
            }
            Task::Exit(step) => self.advance_exit(bounds, process, step)?,
        };
        self.processes[process].task = next;
        Some(())
    }

    /// Drops a sharer's reference to its table. By mistake it does so in two steps: a sharer that
    /// has seen another does not look again.
    fn drop_sharer(&mut self, bounds: &Bounds, table: u8, others_seen: bool) {
        let table = usize::from(table);
        if bounds.makes(Mistake::LastSharerUnnoticed) && others_seen {
            self.tables[table].count -= 1;
        } else {
            self.drop_table(table);
        }
    }
}
