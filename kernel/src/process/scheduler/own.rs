//! Changes a running thread makes to its own place: its address space and its floating-point state.

use sync::{Counted, Held, Level};

use super::super::{Context, Thread};
use super::SCHEDULE;
use crate::arch::FloatState;

/// Makes the calling thread, and its hart at once, translate with `context`. Leaves the previous
/// space.
pub fn enter_space<L: Level>(thread: &Thread, context: Counted<Context>, held: &mut Held<L>) {
    leave_space(thread, held);
    let mut schedule = SCHEDULE.lock(held);
    // Under the lock, this thread stays on this hart.
    context.enter();
    schedule.place(thread).space = Some(context);
}

/// Makes the calling thread, and its hart at once, use no address space. The space can then be
/// dropped.
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
