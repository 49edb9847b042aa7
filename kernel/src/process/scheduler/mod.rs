//! The scheduler: which thread runs on which hart, and which waits for what.
//!
//! One lock protects the whole schedule: the queue of ready threads, the chains of waiting threads,
//! the state and the saved registers of each thread, and the set of idle harts. Each hart has its
//! own loop ([`run`]), on the stack it booted on. A thread gives its hart up by switching to that
//! loop, and the loop switches to the next thread. Links are fields of the threads, so nothing here
//! allocates. No hold of the lock gets longer with more threads: [`waiting`] tells how a thousand
//! of them are woken.
//!
//! **The lock is held across a switch.** The side that switches away takes it, and the side that is
//! switched to releases it: a thread drops the guard that it took when it left, and a new thread,
//! which has no guard, adopts one ([`arrive`]). This one rule excludes these interleavings:
//!
//! - *A thread is picked up before its registers are saved.* Its state and queue are changed, its
//!   registers saved and its address space left in one hold of the lock.
//! - *A wake-up is lost.* `wait` compares the word and puts the thread on its chain in one hold of
//!   the lock. A waker first changes the word and then takes the lock. If it gets the lock before
//!   the comparison, the comparison fails; if it gets it after, it finds the thread on its chain.
//! - *A kill is lost.* `wait` also checks the flag of the kill in that hold of the lock, and `kill`
//!   sets the flag before it takes the lock.
//! - *A stack is freed while its thread still runs on it.* The loop drops a dead thread only after
//!   the thread has switched away for good, and it runs on its own stack then ([`super::exit()`]
//!   tells the rest).
//! - *A hart goes idle although a thread is ready.* The loop marks its hart as idle in the hold of
//!   the lock in which it found the queue empty, and keeps interrupts off until the hart sleeps. A
//!   later waker sees the mark and sends an interrupt. An interrupt that arrives before the sleep
//!   stays pending and ends it at once.
//!
//! **Interrupts.** Locks of this level are held with interrupts off, so a handler never interrupts
//! a hart that holds one. A tick pre-empts a thread only where interrupts are on, so never one that
//! holds a spin lock.
//!
//! **The longest wait** (R10). The end of a slice pre-empts a thread inside the kernel and in its
//! program alike. Threads run in the order in which they became ready, each for at most one slice
//! (see [`crate::time`]) plus one stretch with interrupts off (see [`crate::stretch`]). A ready
//! thread therefore waits for one slice of each thread before it, divided among the harts.
//!
//! Neighbours: `arch` switches stacks and sends the interrupt; the locks of `sync` call in to wait
//! and to wake.

mod futex;
mod key;
mod own;
mod place;
mod queue;
mod schedule;
mod waiting;

use core::ptr::NonNull;

use sync::{Counted, Held, InterruptsOff, Level, SpinGuard, SpinLock, level};

pub use futex::{install, interrupt};
pub use key::ScheduleKey;
pub use own::{enable_float, enter_space, float_state, leave_space, restart_float};
pub use place::{Place, State};

use super::{Thread, reap};
use crate::arch;
use schedule::{HartMask, Schedule};

static SCHEDULE: SpinLock<level::RunQueue, Schedule> = SpinLock::new(Schedule::new());

/// Returns the thread that runs on this hart.
#[inline]
pub(super) fn running() -> Option<NonNull<Thread>> {
    NonNull::new(arch::current().cast())
}

/// Runs ready threads on this hart for ever. Called once on each hart, on the stack it booted on.
pub fn run() -> ! {
    // The loop is a thread of execution of its own.
    let mut start = Held::at_start();
    let held = start.as_if::<level::Sleeping>();
    loop {
        let interrupts = InterruptsOff::new();
        let mut schedule = SCHEDULE.lock(held);
        schedule.set_busy(arch::hart());
        if schedule.has_woken() {
            let idle = schedule.admit_woken();
            drop(schedule);
            rouse(idle);
            // A pre-emption point: there may be many woken threads left.
            drop(interrupts);
            arch::enable_interrupts();
            arch::disable_interrupts();
            continue;
        }
        match schedule.next() {
            Some(thread) => {
                let ended = run_thread(thread, schedule);
                drop(interrupts);
                if let Some(thread) = ended {
                    reap::reap_thread(thread, held);
                }
            }
            None => {
                schedule.set_idle(arch::hart());
                drop(schedule);
                arch::wait_for_interrupt();
            }
        }
    }
}

/// Runs `thread` until it gives the hart up, and queues it as its state says. Returns the thread if
/// it has ended.
fn run_thread(
    thread: Counted<Thread>,
    mut schedule: SpinGuard<'_, level::RunQueue, Schedule>,
) -> Option<Counted<Thread>> {
    let to = schedule.begin(&thread);
    arch::set_current(core::ptr::from_ref(&*thread).cast_mut().cast());
    // SAFETY: `to` was saved by the thread's own switch, or made for its first run. The context of
    // this loop belongs to this hart. The guard keeps interrupts off and the lock held, so no other
    // hart switches to the thread. `thread` keeps the thread and its stack alive until the switch
    // returns.
    unsafe { arch::switch(arch::scheduler_context(), to) };
    arch::set_current(core::ptr::null_mut());
    schedule.end(thread)
}

/// Gives the hart up. The lock is held before and after, but not in between. The thread may go on
/// on another hart.
fn switch_away(
    thread: &Thread,
    schedule: &mut SpinGuard<'_, level::RunQueue, Schedule>,
    state: State,
) {
    let from = schedule.set_aside(thread, state);
    // SAFETY: this thread runs on this hart, so the hart's loop is inside `run_thread` with its
    // registers saved; `from` is this thread's own place. The guard keeps interrupts off and the
    // lock held.
    unsafe { arch::switch(from, arch::scheduler_context()) };
}

/// Releases the lock under which the loop switched to a new thread. A new thread calls it first.
pub fn arrive() {
    // SAFETY: `run_thread` holds the lock across the switch that brought us here and touches
    // neither it nor the value before this thread switches back, with the lock held again.
    drop(unsafe { SCHEDULE.adopt() });
}

/// Makes a new thread ready.
pub fn start<L: Level>(thread: Counted<Thread>, held: &mut Held<L>) {
    let mut schedule = SCHEDULE.lock(held);
    schedule.make_ready(thread);
    let idle = schedule.take_idle(1);
    drop(schedule);
    rouse(idle);
}

/// Lets other ready threads run first, if there are any.
pub fn yield_now(thread: &Thread, held: &mut Held<level::Sleeping>) {
    let mut schedule = SCHEDULE.lock(held);
    if schedule.has_ready() {
        switch_away(thread, &mut schedule, State::Ready);
    }
}

/// Returns the state of `thread`.
pub fn state<L: Level>(thread: &Thread, held: &mut Held<L>) -> State {
    SCHEDULE.lock(held).state(thread)
}

/// Interrupts the sleep of idle harts, which then look at the queue.
fn rouse(harts: HartMask) {
    for hart in harts {
        arch::send_reschedule(hart);
    }
}

/// Ends the calling thread; its hart's loop frees it.
pub fn end(thread: &Thread, held: &mut Held<level::Sleeping>) -> ! {
    let mut schedule = SCHEDULE.lock(held);
    switch_away(thread, &mut schedule, State::Ended);
    unreachable!("a thread that has ended was run again")
}
