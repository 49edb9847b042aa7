//! The scheduler: which thread runs on which hart, and which waits for what.
//!
//! One lock protects everything: the queue of ready threads, the chains of waiting ones, the state and the saved registers of
//! each thread, the set of idle harts. Each hart has a loop of its own ([`run`]), on the stack it booted
//! on; a thread gives its hart up by switching to that loop, and the loop switches to the next thread.
//! Links run through the threads, so nothing here ever allocates. Nor does any hold of the lock grow
//! with how many threads there are: see [`waiting`] for how a thousand are woken.
//!
//! **The lock goes along.** It is taken before a switch and released after it, on the other side: whoever
//! switches away takes it, and whoever arrives drops its own guard from when it left (a new thread, which has none, adopts
//! one: [`arrive`]). That one rule excludes these interleavings:
//!
//! - *a thread is picked up before its registers are saved*: its state and its queue are changed, its registers are stored
//!   and its address space is left without the lock ever being free;
//! - *a wake-up is lost*: `wait` compares the word and puts the thread on its chain under the lock. A waker changes
//!   the word first and takes the lock then, so it comes either before the comparison, which fails, or after the
//!   thread is on its chain, where it is found;
//! - *a kill is lost*: likewise, with the flag in place of the word;
//! - *a stack is freed while somebody stands on it*: the loop lets go of a dead thread after the thread has switched away
//!   for good, on the loop's own stack ([`super::exit()`] tells what happens to it then);
//! - *a hart falls asleep beside a ready thread*: the loop looks at the queue and, if it is empty, marks the hart as idle under the
//!   lock, with interrupts off until it sleeps. Whoever makes a thread ready later sees the mark and sends an
//!   interrupt, which ends the sleep even if it comes before it, because interrupts that are off stay pending.
//!
//! **Where an interrupt strikes.** Every lock of this level is held with interrupts off, so a handler never finds its own hart inside. A
//! tick takes the hart from a thread only where interrupts were on, so never from one that holds a spin lock.
//!
//! **Who waits how long** (R10). The end of a slice takes the hart from a thread inside the kernel
//! as from one in a program. Ready threads run in the order in which they became ready, each for a
//! slice at most (see [`crate::time`]) and a stretch with interrupts off (see [`crate::stretch`]).
//! So a thread that is ready waits for one slice of each thread before it, divided among the harts.
//!
//! Neighbours: `arch` switches stacks and sends the interrupt; `sync` asks to wait and to wake.

mod futex;
mod own;
mod place;
mod queue;
mod waiting;

use core::ptr::NonNull;

use sync::{Counted, Held, InterruptsOff, Level, SpinGuard, SpinLock, level};

pub use futex::{install, interrupt};
pub use own::{enable_float, enter_space, float_state, leave_space, restart_float};
pub use place::{Place, ScheduleKey, State};

use super::{Thread, exit};
use crate::arch;
use place::{HartMask, Schedule};

static SCHEDULE: SpinLock<level::RunQueue, Schedule> = SpinLock::new(Schedule::new());

/// The thread that runs on this hart.
#[inline]
pub(super) fn running() -> Option<NonNull<Thread>> {
    NonNull::new(arch::current().cast())
}

/// Runs ready threads on this hart for ever. To be called once per hart, on the stack it booted on.
pub fn run() -> ! {
    // This is where the loop, a thread of execution of its own, begins.
    let mut held = Held::<level::Sleeping>::claim();
    loop {
        let interrupts = InterruptsOff::new();
        let mut schedule = SCHEDULE.lock(&mut held);
        schedule.set_busy(arch::hart());
        if schedule.has_woken() {
            let idle = schedule.admit_woken();
            drop(schedule);
            rouse(idle);
            // A point of pre-emption: the rest may be many.
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
                    exit::reap_thread(thread, &mut held);
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

/// Runs `thread` until it gives the hart up, and puts it where its state says; gives it back when it has ended.
fn run_thread(
    thread: Counted<Thread>,
    mut schedule: SpinGuard<'_, level::RunQueue, Schedule>,
) -> Option<Counted<Thread>> {
    let to = schedule.begin(&thread);
    arch::set_current(core::ptr::from_ref(&*thread).cast_mut().cast());
    // SAFETY: `to` was saved by the thread's own switch, or made for its beginning; the place for this loop's
    // registers is this hart's own. The guard keeps interrupts off and the lock held, so no other hart switches to the
    // same thread, and `thread` keeps it, its stack included, until the switch has come back.
    unsafe { arch::switch(arch::scheduler_context(), to) };
    arch::set_current(core::ptr::null_mut());
    schedule.end(thread)
}

/// Gives the hart up. The lock is held before and after, but not in between; the hart may be another one then.
fn switch_away(
    thread: &Thread,
    schedule: &mut SpinGuard<'_, level::RunQueue, Schedule>,
    state: State,
) {
    let from = schedule.set_aside(thread, state);
    // SAFETY: this thread runs on this hart, so the hart's loop waits inside `run_thread` with its registers saved;
    // `from` is this thread's own place. The guard keeps interrupts off and the lock held.
    unsafe { arch::switch(from, arch::scheduler_context()) };
}

/// To be called first by a new thread: releases the lock under which it was switched to.
pub fn arrive() {
    // SAFETY: `run_thread` holds the lock across the switch that brought us here and touches neither
    // it nor the value before this thread switches back, with the lock held again.
    drop(unsafe { SCHEDULE.adopt() });
}

/// Lets a new thread run.
pub fn start<L: Level>(thread: Counted<Thread>, held: &mut Held<L>) {
    let mut schedule = SCHEDULE.lock(held);
    schedule.make_ready(thread);
    let idle = schedule.take_idle(1);
    drop(schedule);
    rouse(idle);
}

/// Lets other ready threads run, if there are any.
pub fn yield_now(thread: &Thread, held: &mut Held<level::Sleeping>) {
    let mut schedule = SCHEDULE.lock(held);
    if schedule.has_ready() {
        switch_away(thread, &mut schedule, State::Ready);
    }
}

/// What `thread` is doing.
pub fn state<L: Level>(thread: &Thread, held: &mut Held<L>) -> State {
    SCHEDULE.lock(held).state(thread)
}

/// Ends the sleep of harts that something is to do for.
fn rouse(harts: HartMask) {
    for hart in harts {
        arch::send_reschedule(hart);
    }
}

/// Ends the calling thread; its hart's loop buries it.
pub fn end(thread: &Thread, held: &mut Held<level::Sleeping>) -> ! {
    let mut schedule = SCHEDULE.lock(held);
    switch_away(thread, &mut schedule, State::Ended);
    unreachable!("a thread that has ended was run again")
}
