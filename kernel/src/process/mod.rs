//! Processes: what runs programs, and everything they do to each other.
//!
//! A [`Process`] is what a program owns: an address space, open files, a place in the tree of processes. A
//! [`Thread`] is what runs: a kernel stack and saved registers. A process owns its threads from the
//! start, although each has exactly one for now.
//!
//! **Who keeps what alive.** Both are counted ([`sync::Counted`]). A process is held by the tree (its
//! table of pids and its relatives' links) until it is reaped, and by whoever looked it up for as long as it looks. A
//! thread is held by its process, and by the one place of the scheduler it is in: a queue or a hart. The cycle between a
//! process and its thread is cut when the thread has ended ([`exit()`]). What must be released where sleeping is
//! allowed (files, the address space) is released by the thread itself on its way out, so that
//! dropping the last handle only ever frees memory and may happen under a lock.
//!
//! **Locks**, outermost first; the levels are those of [`sync::level`]:
//!
//! | lock | level | protects |
//! |---|---|---|
//! | the gate of [`standstill`] | `Standstill` | which address spaces there are, and whose |
//! | [`Process::space`] | `Space` | the address space; a sleep lock |
//! | [`Process::files`] | `Object` | the descriptor table and the current directory |
//! | [`tree::TREE`] | `Processes` | relations, pids, life and death |
//! | [`scheduler`]'s lock | `RunQueue` | who runs, who waits for what, saved registers |
//!
//! The flags a hart looks at on every way back to user mode ([`Process::is_killed`]) are atomics. A flag
//! is set before the scheduler's lock is taken to wake its process, and is read under that lock before the process goes to
//! sleep, so a kill is never slept through.
//!
//! Neighbours: `arch` calls in from traps; [`crate::syscall`] is the programs' way in; [`crate::file`] knows
//! what descriptors mean; `mm` owns the memory.

mod arguments;
mod audit;
mod caller;
mod exec;
mod exit;
mod fail_nth;
mod fault;
mod first;
mod foreground;
mod fork;
mod kernel_thread;
mod keys;
mod kill;
pub mod mapped;
mod name;
pub mod pager;
pub mod scheduler;
pub mod standstill;
mod table;
mod thread;
mod tree;
mod wait;

use abi::ForkMode;
use mm::space::AddressSpace;
use sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use sync::{Keyed, SleepLock, SpinLock, WaitQueue, level};

pub use arguments::{Arguments, Refused};
pub use audit::{audit, audit_after_reaping, audit_always, leak_space};
pub use caller::Caller;
pub use exec::{ExecError, exec};
pub use exit::exit;
pub use fail_nth::{FailNth, refuses_allocation};
pub use fault::{
    before_user, end_slice, float_wanted, out_of_memory, page_lost, resolve, user_exception,
    user_fault,
};
pub use first::start_first;
pub use foreground::reads_console;
pub use fork::fork;
pub use keys::{ask_for_interrupt, ask_for_table, start_keys};
pub use kill::kill;
pub use name::Name;
pub use table::describe;
pub use thread::{Current, Thread, current, describe_current};
pub use tree::find;
pub use wait::{ended_child, reap};

pub use crate::syscall::syscall;

use crate::arch::Machine;
use crate::file::Files;
use tree::{Family, TreeKey};

/// The memory of a program.
pub type Space = AddressSpace<'static, Machine>;
/// What a hart needs of it.
pub type Context = mm::space::Context<'static, Machine>;

/// The number of a process: positive, and nobody else's until the process is reaped.
pub type Pid = i32;

/// The process that adopts orphans and whose end is the system's.
pub const INIT: Pid = 1;

/// What a program owns.
pub struct Process {
    /// 0 until the process is in the tree, then fixed.
    pid: AtomicI32,
    /// What it runs, for people.
    pub name: Name,
    killed: AtomicBool,
    fork_mode: AtomicU8,
    /// Its memory; `None` before the first program and after the last.
    pub space: SleepLock<level::Space, Option<Space>>,
    /// Its descriptors and current directory.
    pub files: SpinLock<level::Object, Files>,
    family: Keyed<TreeKey, Family>,
    /// A child has ended.
    child_ended: WaitQueue,
}

impl Process {
    /// A process that nobody knows yet.
    fn new(name: Name, mode: ForkMode, space: Option<Space>, files: Files) -> Self {
        Self {
            pid: AtomicI32::new(0),
            name,
            killed: AtomicBool::new(false),
            fork_mode: AtomicU8::new(mode as u8),
            space: SleepLock::new(space),
            files: SpinLock::new(files),
            family: Keyed::new(Family::new()),
            child_ended: WaitQueue::new(),
        }
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.pid.load(Ordering::Relaxed)
    }

    /// Whether it ends on its next way back to user mode.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// Makes it end on its next way back to user mode. Does not wake it: the process itself calls this, or
    /// [`kill()`] does and then wakes it.
    pub fn mark_killed(&self) {
        self.killed.store(true, Ordering::SeqCst);
    }

    /// How it forks.
    pub fn fork_mode(&self) -> ForkMode {
        let number = self.fork_mode.load(Ordering::Relaxed);
        ForkMode::from_number(number.into()).unwrap_or(ForkMode::CopyOnWrite)
    }

    /// Sets how it and the children it will have fork.
    pub fn set_fork_mode(&self, mode: ForkMode) {
        self.fork_mode.store(mode as u8, Ordering::Relaxed);
    }
}
