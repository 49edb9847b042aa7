//! The clock, and the timer of each hart, which raises alarms.

use core::sync::atomic::Ordering;

use super::hart::{hart, this};
use crate::{stretch, time};

/// Returns the `time` register, which counts at the board's timebase frequency.
#[inline]
pub fn now() -> u64 {
    riscv::register::time::read64()
}

/// Starts the alarms of this hart.
pub fn start_timer() {
    set_next();
}

/// Handles an alarm: sets the next one and, on the hart that keeps the time, wakes the threads that
/// wait for a tick. Returns whether a new slice has begun.
pub(super) fn alarm() -> bool {
    let due = this().alarm.load(Ordering::Relaxed);
    stretch::note(now().saturating_sub(due));
    set_next();
    let slice = time::slices();
    let before = this().slice.swap(slice, Ordering::Relaxed);
    if hart() == 0 && time::tick_of_slice(slice) != time::tick_of_slice(before) {
        time::TICK.wake_all();
    }
    slice != before
}

fn set_next() {
    let due = time::next_alarm();
    this().alarm.store(due, Ordering::Relaxed);
    // The firmware that this kernel needs always has this extension, so there is no error to
    // handle.
    let _ = sbi_rt::set_timer(due);
}
