//! Processes: the programs that run, and what they do to each other (fork, wait, kill).
//!
//! A [`Process`] owns an address space, open files and a place in the tree of processes. A
//! [`Thread`] runs: it has a kernel stack and saved registers. A process owns its threads; today
//! each process has exactly one.
//!
//! **Lifetimes.** Processes and threads are counted ([`sync::Counted`]). The tree holds a process
//! (in its table of pids and in the links of its relatives) until the process is reaped; code that
//! looks a process up holds it for the duration of the look. A thread is held by its process, and
//! by the one part of the scheduler it is in: a queue or a hart. Process and thread refer to each
//! other; [`exit()`] cuts this cycle when the thread has ended. Files and the address space must be
//! released where sleeping is allowed, so the thread releases them itself on its way out. Dropping
//! the last handle therefore only frees memory, and may happen under a lock.
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
//! Every hart checks a flag on each way back to user mode ([`Process::is_killed`]); it is an
//! atomic. `kill` sets the flag before it takes the scheduler's lock to wake the process. A process
//! that is about to sleep reads the flag under that lock. So no process sleeps through a kill.
//!
//! Neighbours: `arch` calls in from traps; [`crate::syscall`] is the way in for programs;
//! [`crate::file`] knows what descriptors mean; `mm` owns the memory.

mod arguments;
mod audit;
mod caller;
mod exec;
mod exit;
mod fail_nth;
mod fault;
#[expect(unsafe_code, reason = "the change to user mode")]
mod first;
mod foreground;
#[expect(unsafe_code, reason = "the change to user mode")]
mod fork;
mod kernel_thread;
mod keys;
mod kill;
pub mod mapped;
mod name;
pub mod pager;
mod reap;
#[expect(
    unsafe_code,
    reason = "the switch between stacks; the key of the schedule"
)]
pub mod scheduler;
#[expect(unsafe_code, reason = "locks whose guards are given up meanwhile")]
pub mod standstill;
mod table;
#[expect(unsafe_code, reason = "the thread that runs here, without a count")]
mod thread;
#[expect(unsafe_code, reason = "the key of the tree")]
mod tree;
mod wait;

use abi::ForkMode;
use mm::space::AddressSpace;
use sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use sync::{Keyed, SleepLock, SpinLock, WaitQueue, level};

pub use arguments::{Arguments, Refused};
pub use audit::{audit, audit_after_reaping, audit_always};
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

use crate::arch::Machine;
use crate::file::Files;
use tree::{Family, TreeKey};

/// The memory of a program.
pub type Space = AddressSpace<'static, Machine>;
/// The part of an address space that a hart needs in order to run in it.
pub type Context = mm::space::Context<'static, Machine>;

/// The number of a process: positive, and unique until the process is reaped.
pub type Pid = i32;

/// The first process. It adopts orphans; when it ends, the system ends.
pub const INIT: Pid = 1;

/// What a program owns.
pub struct Process {
    /// 0 until the process is in the tree, then fixed.
    pid: AtomicI32,
    /// The program's name, for people who read a process list or a panic.
    pub name: Name,
    killed: AtomicBool,
    fork_mode: AtomicU8,
    /// The address space; `None` before the first program is loaded and after the last has ended.
    pub space: SleepLock<level::Space, Option<Space>>,
    /// Its descriptors and current directory.
    pub files: SpinLock<level::Object, Files>,
    family: Keyed<TreeKey, Family>,
    /// Woken when a child ends.
    child_ended: WaitQueue,
}

impl Process {
    /// Returns a process that is not in the tree yet.
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

    /// Returns the pid, or 0 if the process is not in the tree yet.
    pub fn pid(&self) -> Pid {
        self.pid.load(Ordering::Relaxed)
    }

    /// Returns whether the process must end on its next way back to user mode.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    /// Marks the process, which then ends on its next way back to user mode. It is not woken:
    /// either it calls this itself, or the caller is [`kill()`], which wakes it afterwards.
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
