//! How much memory there is, and how much was used between two moments.

use crate::memory::{Promise, SystemCounters, touch_own_pages};
use crate::region::Region;
use crate::testing::outcome::{Outcome, ensure, failure};
use crate::{Result, process};
use abi::MemCounter;
use core::fmt;

/// Returns how many pages a program can reserve now, with xv6's calls alone: the break grows in
/// halving steps until it is refused. First the caller gets its own copies of the pages that it
/// needs. A page that it shares with its parent costs one more frame at the next write, for which
/// nothing would be left.
pub fn available_pages() -> Result<usize> {
    touch_own_pages();
    let mut region = Region::new(0, Promise::Eager)?;
    let mut step = 1 << 18;
    while step > 0 {
        if region.extend(step, Promise::Eager).is_err() {
            step /= 2;
        }
    }
    Ok(region.pages())
}

/// A moment since which counters are compared.
pub struct Since(SystemCounters);

impl Since {
    /// Returns the present moment. First the caller gets its own copies of the pages that it needs,
    /// so that only its intended work is counted from here on.
    pub fn now() -> Result<Self> {
        touch_own_pages();
        Ok(Self(SystemCounters::now()?))
    }

    /// Returns by how much `counter` has grown.
    pub fn rise(&self, counter: MemCounter) -> Result<i64> {
        Ok(SystemCounters::now()?[counter] as i64 - self.0[counter] as i64)
    }

    /// Fails unless `counter` has grown by exactly `expected`. `what` names the work.
    pub fn expect(&self, what: &str, counter: MemCounter, expected: i64) -> Outcome {
        let seen = self.rise(counter)?;
        let label = counter.label();
        ensure!(
            seen == expected,
            "{what}: expected {expected} more {label}, saw {seen}"
        );
        Ok(())
    }

    /// Fails if frames were lost. Processes that have ended may still be freeing their memory on
    /// another hart, so this waits for a few ticks.
    pub fn expect_no_leak(&self, what: &str) -> Outcome {
        for _ in 0..10 {
            if self.lost()? <= 0 {
                return Ok(());
            }
            process::sleep(1)?;
        }
        let lost = self.lost()?;
        Err(failure!(
            "{what}: expected all frames back, saw {lost} lost"
        ))
    }

    /// Returns how many frames fewer a program can get. If pages move between frames and swap,
    /// returns how many more are promised or in use.
    fn lost(&self) -> Result<i64> {
        if self.0[MemCounter::SwapSlots] == 0 {
            Ok(self.0.available() as i64 - SystemCounters::now()?.available() as i64)
        } else {
            self.rise(MemCounter::Committed)
        }
    }
}

/// How often [`Levels::expect_back`] looks: at once, and then a tick apart.
const LOOKS: (u32, u32) = (500, 50);

/// The frames that a program can get, and those that are promised or in use. If pages move between
/// frames and swap, the first number does not count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    free: Option<u64>,
    committed: u64,
}

impl Levels {
    /// Returns the levels now.
    pub fn now() -> Result<Self> {
        let counters = SystemCounters::now()?;
        let swaps = counters[MemCounter::SwapSlots] != 0;
        Ok(Self {
            free: (!swaps).then_some(counters.available()),
            committed: counters[MemCounter::Committed],
        })
    }

    /// Fails unless the levels are soon what they were. Processes that have ended may still be
    /// freeing their memory.
    pub fn expect_back(self) -> Outcome {
        let mut now = Self::now()?;
        for look in 0..LOOKS.0 + LOOKS.1 {
            if now == self {
                return Ok(());
            }
            if look >= LOOKS.0 {
                process::sleep(1)?;
            }
            now = Self::now()?;
        }
        Err(failure!("expected {self} frames, saw {now}"))
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        if let Some(free) = self.free {
            write!(formatter, "{free} free and ")?;
        }
        write!(formatter, "{} committed", self.committed)
    }
}

/// Runs `body` twice, and fails if the second run loses frames. In the first run, pools of kernel
/// objects may grow to the size that the work needs, which they keep.
pub fn without_leak(what: &str, body: impl Fn() -> Outcome) -> Outcome {
    body()?;
    let start = Since::now()?;
    body()?;
    start.expect_no_leak(what)
}
