//! Time: ticks, which are tenths of a second since boot and the unit of `sleep` and `uptime`, and
//! parts of ticks.
//!
//! A *slice* is how long a thread keeps its hart while others are ready: a hundredth of a second. A
//! ready thread waits for one slice of each thread before it. Each hart's timer raises an *alarm*
//! once per slice, or every 20 microseconds with the kernel option `clock=fine` (see
//! [`crate::stretch`]). Slices and alarms begin at multiples of their length since boot, so delays
//! do not add up.

use core::sync::atomic::{AtomicU64, Ordering};

use sync::WaitQueue;

use crate::arch;

/// Woken at each tick.
pub static TICK: WaitQueue = WaitQueue::new();

const SLICES_PER_TICK: u64 = 10;
const FINE_ALARMS_PER_TICK: u64 = 5000;

/// The start of the kernel, the length of a tick and the time between alarms, in units of the
/// clock.
static START: AtomicU64 = AtomicU64::new(0);
static TICK_LENGTH: AtomicU64 = AtomicU64::new(1);
static ALARM_LENGTH: AtomicU64 = AtomicU64::new(1);

/// Starts counting. The clock runs at `frequency` Hz.
pub fn initialize(frequency: u64) {
    START.store(arch::now(), Ordering::Relaxed);
    let tick = frequency * abi::TICK_MILLISECONDS / 1000;
    TICK_LENGTH.store(tick, Ordering::Relaxed);
    ALARM_LENGTH.store(tick / SLICES_PER_TICK, Ordering::Relaxed);
}

/// Makes alarms come every 20 microseconds from now on.
pub fn use_fine_clock() {
    ALARM_LENGTH.store(tick_length() / FINE_ALARMS_PER_TICK, Ordering::Relaxed);
}

/// Returns the length of a tick, in units of the clock.
pub fn tick_length() -> u64 {
    TICK_LENGTH.load(Ordering::Relaxed)
}

fn since_boot() -> u64 {
    arch::now().wrapping_sub(START.load(Ordering::Relaxed))
}

/// Returns the number of ticks since boot.
pub fn ticks() -> u64 {
    since_boot() / tick_length()
}

/// Returns the number of slices since boot.
pub fn slices() -> u64 {
    since_boot() * SLICES_PER_TICK / tick_length()
}

/// Returns the tick that a slice belongs to.
pub fn tick_of_slice(slice: u64) -> u64 {
    slice / SLICES_PER_TICK
}

/// Returns the milliseconds since boot.
pub fn milliseconds() -> u64 {
    since_boot() * abi::TICK_MILLISECONDS / tick_length()
}

/// Converts a time in units of the clock to nanoseconds.
pub fn nanoseconds(time: u64) -> u64 {
    const NANOSECONDS_PER_TICK: u64 = abi::TICK_MILLISECONDS * 1_000_000;
    time * NANOSECONDS_PER_TICK / tick_length()
}

/// Returns the time of the next alarm, in units of the clock.
pub fn next_alarm() -> u64 {
    let length = ALARM_LENGTH.load(Ordering::Relaxed);
    START.load(Ordering::Relaxed) + (since_boot() / length + 1) * length
}
