//! Threads: what runs.
//!
//! A thread lives on its kernel stack. At the top of that stack lie the registers its program had
//! when it entered the kernel; the registers it has while another thread runs are in its [`Place`],
//! under the scheduler's lock.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;

use mm::NoMemory;
use sync::{Counted, Keyed};

use super::scheduler::{self, Place, ScheduleKey};
use super::{Context, FailNth, Process};
use crate::arch::{self, FloatState, KernelContext, UserRegisters};
use crate::stack::KernelStack;

/// What runs.
pub struct Thread {
    /// Whose it is.
    pub process: Counted<Process>,
    /// Where it runs when it is in the kernel.
    pub stack: KernelStack,
    /// Which of its allocations is to fail.
    pub fail_nth: FailNth,
    pub(super) place: Keyed<ScheduleKey, Place>,
}

/// What a new thread does first. It is called once, on the thread's own stack.
pub type Entry = extern "C" fn(usize) -> !;

impl Thread {
    /// Returns a thread that will begin with `entry`, inside the scheduler's lock (see
    /// [`scheduler::arrive`]). `registers` are what it enters user mode with, `space` is what its
    /// hart translates with.
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
        })?)
    }
}

/// The thread that asks. Lives only on that thread's own stack, as it cannot be sent.
#[derive(Clone, Copy)]
pub struct Current {
    thread: NonNull<Thread>,
    _this_thread: PhantomData<*mut ()>,
}

/// Returns the thread this is called from; `None` in a hart's scheduler.
#[inline]
pub fn current() -> Option<Current> {
    scheduler::running().map(|thread| Current {
        thread,
        _this_thread: PhantomData,
    })
}

/// Says who is at work on this hart, for a panic; takes no lock but that of the name, which is
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
        // SAFETY: the scheduler keeps a handle to a thread for as long as it runs or can run again,
        // and this value is used by that thread alone: it is neither Send nor kept anywhere but on
        // the thread's stack.
        unsafe { self.thread.as_ref() }
    }
}
