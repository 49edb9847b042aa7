//! The clock and the timer of each hart.

use super::hart::hart;
use crate::time;

/// The `time` register: increments since some moment, at the board's timebase frequency.
#[inline]
pub fn now() -> u64 {
    riscv::register::time::read64()
}

/// Starts the ticks of the hart one runs on.
pub fn start_timer() {
    set_next();
}

/// The timer interrupt: asks for the next tick and, on the hart that keeps the time, wakes those who wait for it.
pub(super) fn tick() {
    set_next();
    if hart() == 0 {
        time::TICK.wake_all();
    }
}

/// Every deadline is a multiple of the tick since boot, so that delays do not add up.
fn set_next() {
    // The extension is mandatory for the firmware this kernel asks for, so there is no error to handle.
    let _ = sbi_rt::set_timer(time::start_of_tick(time::ticks() + 1));
}
