//! How long a hart goes without a point of pre-emption.
//!
//! The kernel can be pre-empted wherever interrupts are on, so such a stretch is one with
//! interrupts off. It is measured from outside: an alarm of the timer that comes late has fallen
//! into a stretch, and the delay is the rest of it. That costs locks nothing. How much of a stretch
//! is missed depends on how often alarms come: with the kernel option `clock=fine` they come so
//! often that it is hardly any, see [`crate::time`].
//!
//! Invariant: the bound is [`abi::STRETCH_MAX`] instructions, and `cargo xtask test bench` holds
//! the kernel to it. What a program can make long has its points of pre-emption; an audit alone
//! stops everything for as long as it takes.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::time;

/// The longest stretch, in units of the clock.
static LONGEST: AtomicU64 = AtomicU64::new(0);

/// An alarm came so late.
pub fn note(late: u64) {
    LONGEST.fetch_max(late, Ordering::Relaxed);
}

/// Returns the longest stretch since the last call, in nanoseconds.
pub fn take_longest() -> u64 {
    time::nanoseconds(LONGEST.swap(0, Ordering::Relaxed))
}
