//! What a running thread changes of its own place: its address space and its floating-point state.

use sync::{Counted, Held, Level};

use super::super::{Context, Thread};
use super::SCHEDULE;
use crate::arch::FloatState;

/// Makes the calling thread, and its hart now, translate with `context`. The space it had is left.
pub fn enter_space<L: Level>(thread: &Thread, context: Counted<Context>, held: &mut Held<L>) {
    leave_space(thread, held);
    let mut schedule = SCHEDULE.lock(held);
    // Under the lock this thread is not moved to another hart in between.
    context.enter();
    schedule.place(thread).space = Some(context);
}

/// Makes the calling thread, and its hart now, use no address space, so that it can be dropped.
pub fn leave_space<L: Level>(thread: &Thread, held: &mut Held<L>) {
    let mut schedule = SCHEDULE.lock(held);
    let Some(context) = schedule.place(thread).space.take() else {
        return;
    };
    context.leave();
    drop(schedule);
}

/// Returns a copy of the floating-point state of the calling thread.
pub fn float_state<L: Level>(thread: &Thread, held: &mut Held<L>) -> FloatState {
    let mut schedule = SCHEDULE.lock(held);
    let float = &mut schedule.place(thread).float;
    float.save();
    float.clone()
}

/// Lets the calling thread use floating point from now on.
pub fn enable_float<L: Level>(thread: &Thread, held: &mut Held<L>) {
    SCHEDULE.lock(held).place(thread).float.enable();
}

/// Gives the calling thread the floating-point state of a new program.
pub fn restart_float<L: Level>(thread: &Thread, held: &mut Held<L>) {
    let mut schedule = SCHEDULE.lock(held);
    let float = &mut schedule.place(thread).float;
    *float = FloatState::new();
    float.restore();
}
