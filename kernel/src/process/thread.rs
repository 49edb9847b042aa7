//! Threads.
//!
//! A thread runs on its kernel stack. At the top of the stack are the registers that its program
//! had on entry to the kernel. While another thread runs, the thread's kernel registers are saved
//! in its [`Place`], under the scheduler's lock.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;

use mm::NoMemory;
use sync::{Counted, Keyed, Waiter};

use super::scheduler::{self, Place, ScheduleKey};
use super::{Context, FailNth, Process};
use crate::arch::{self, FloatState, KernelContext, UserRegisters};
use crate::stack::KernelStack;

/// A thread: it has a kernel stack and saved registers, and runs the program of its process.
pub struct Thread {
    /// The process that it belongs to.
    pub process: Counted<Process>,
    /// The stack on which it runs in the kernel.
    pub stack: KernelStack,
    /// The allocation of this thread that is to fail.
    pub fail_nth: FailNth,
    /// Its place in the line of a lock. Not on the stack, which only the hart that runs the thread
    /// may touch ([`crate::stack`]).
    pub(super) waiter: Waiter,
    pub(super) place: Keyed<ScheduleKey, Place>,
}

/// The first function that a new thread runs. It is called once, on the thread's own stack.
pub type Entry = extern "C" fn(usize) -> !;

impl Thread {
    /// Returns a thread that will begin with `entry`, inside the scheduler's lock (see
    /// [`scheduler::arrive`]). It enters user mode with `registers`; its hart translates with
    /// `space`.
    pub fn try_new(
        process: Counted<Process>,
        entry: Entry,
        registers: &UserRegisters,
        float: FloatState,
        space: Option<Counted<Context>>,
    ) -> Result<Counted<Self>, NoMemory> {
        let stack = KernelStack::try_new(registers)?;
        let context = KernelContext::new(stack.user_registers() as usize, entry, 0);
        Ok(Counted::try_new(Self {
            process,
            place: Keyed::new(Place::new(context, float, space)),
            stack,
            fail_nth: FailNth::never(),
            waiter: Waiter::new(),
        })?)
    }
}

/// The running thread. The value lives only on that thread's own stack, because it is not `Send`.
#[derive(Clone, Copy)]
pub struct Current {
    thread: NonNull<Thread>,
    _this_thread: PhantomData<*mut ()>,
}

/// Returns the thread that calls, or `None` in a hart's scheduler loop.
#[inline]
pub fn current() -> Option<Current> {
    scheduler::running().map(|thread| Current {
        thread,
        _this_thread: PhantomData,
    })
}

/// Describes the thread on this hart, for a panic. Takes no lock but that of the name, which is
/// never held for long.
pub fn describe_current(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match current() {
        Some(thread) => {
            let process = &thread.process;
            write!(
                f,
                "thread of pid {} ({})",
                process.pid(),
                process.name.text()
            )
        }
        None => write!(f, "scheduler of hart {}", arch::hart()),
    }
}

impl Deref for Current {
    type Target = Thread;

    #[inline]
    fn deref(&self) -> &Thread {
        // SAFETY: the scheduler keeps a handle to a thread for as long as it runs or can run again.
        // Only that thread uses this value: it is not Send, and is kept nowhere but on the thread's
        // stack.
        unsafe { self.thread.as_ref() }
    }
}
