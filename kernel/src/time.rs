//! Ticks, the unit of `sleep` and `uptime`: tenths of a second since boot.

use core::sync::atomic::{AtomicU64, Ordering};

use sync::WaitQueue;

use crate::arch;

/// Woken at every tick.
pub static TICK: WaitQueue = WaitQueue::new();

/// When the kernel started, and the length of a tick, in units of the clock.
static START: AtomicU64 = AtomicU64::new(0);
static LENGTH: AtomicU64 = AtomicU64::new(1);

/// Starts counting; the clock runs at `frequency` Hz.
pub fn initialize(frequency: u64) {
    START.store(arch::now(), Ordering::Relaxed);
    LENGTH.store(frequency * abi::TICK_MILLISECONDS / 1000, Ordering::Relaxed);
}

/// Ticks since boot.
pub fn ticks() -> u64 {
    arch::now().wrapping_sub(START.load(Ordering::Relaxed)) / LENGTH.load(Ordering::Relaxed)
}

/// When a tick begins, by the clock.
pub fn start_of_tick(tick: u64) -> u64 {
    START.load(Ordering::Relaxed) + tick * LENGTH.load(Ordering::Relaxed)
}
