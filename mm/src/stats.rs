//! The counters of `memstat`, kept per hart so that counting never meets another hart.
//!
//! Invariant: only the sum over all harts means something. A frame that is taken on one hart and
//! freed on another makes one part negative.

use core::array::from_fn;

use abi::MemCounter;
use sync::atomic::{AtomicI64, Ordering};

use crate::machine::HARTS_MAX;

/// The index of a level that only the kernel reads, after those of the interface.
const PROMISED: usize = abi::MEM_COUNTERS;
const COUNTERS: usize = PROMISED + 1;

#[repr(align(64))]
struct HartCounters([AtomicI64; COUNTERS]);

/// The counters of all harts.
pub(crate) struct Stats {
    harts: [HartCounters; HARTS_MAX],
}

impl Stats {
    pub(crate) fn new() -> Self {
        Self {
            harts: from_fn(|_| HartCounters(from_fn(|_| AtomicI64::new(0)))),
        }
    }

    /// Adds to a counter.
    #[inline]
    pub(crate) fn add(&self, hart: usize, counter: MemCounter, by: i64) {
        self.harts[hart].0[counter as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// Adds to the number of promised pages.
    pub(crate) fn promise(&self, hart: usize, by: i64) {
        self.harts[hart].0[PROMISED].fetch_add(by, Ordering::Relaxed);
    }

    /// Returns the number of promised pages.
    pub(crate) fn promised(&self) -> u64 {
        self.sum(PROMISED)
    }

    /// Returns the value of a counter.
    pub(crate) fn get(&self, counter: MemCounter) -> u64 {
        self.sum(counter as usize)
    }

    fn sum(&self, counter: usize) -> u64 {
        let sum: i64 = self
            .harts
            .iter()
            .map(|hart| hart.0[counter].load(Ordering::Relaxed))
            .sum();
        // Harts are read one after the other, so a frame in flight may be counted on one side only.
        sum.max(0) as u64
    }
}
