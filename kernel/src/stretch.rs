//! Stretches: the times for which a hart cannot be pre-empted.
//!
//! The kernel can be pre-empted wherever interrupts are on, so a stretch is a time with interrupts
//! off. It is measured by the timer: an alarm that comes late has fallen into a stretch, and its
//! delay is the rest of that stretch. Measuring therefore costs the locks nothing. The part of a
//! stretch that is missed depends on the time between alarms; with the kernel option `clock=fine`
//! it is at most 20 microseconds, see [`crate::time`].
//!
//! Invariant: a stretch is at most [`abi::STRETCH_MAX`] instructions, and `cargo xtask test bench`
//! checks that. Loops whose length a program decides have pre-emption points. Only an audit stops
//! everything for as long as it takes.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::time;

/// The longest stretch, in units of the clock.
static LONGEST: AtomicU64 = AtomicU64::new(0);

/// Notes an alarm that came late by `late` units of the clock.
pub fn note(late: u64) {
    LONGEST.fetch_max(late, Ordering::Relaxed);
}

/// Returns the longest stretch since the last call, in nanoseconds.
pub fn take_longest() -> u64 {
    time::nanoseconds(LONGEST.swap(0, Ordering::Relaxed))
}
