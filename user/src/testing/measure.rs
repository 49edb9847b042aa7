//! What memory there is and what was used between two moments.

use crate::memory::{Promise, SystemCounters, touch_own_pages};
use crate::region::Region;
use crate::testing::outcome::{Outcome, ensure, failure};
use crate::{Result, process};
use abi::MemCounter;
use core::fmt;

/// Returns how many pages a program can reserve now. Found with the calls of xv6 alone: the break
/// grows in halving steps until it is refused. What the caller itself needs is made its own first:
/// a page that it shares with its parent costs one more when either writes it, and whoever has
/// reserved all there is could not pay for that.
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

/// A moment from which counters are compared.
pub struct Since(SystemCounters);

impl Since {
    /// Now. The pages that the caller itself needs are made its own first, so that all that is
    /// counted from here on is what it does on purpose.
    pub fn now() -> Result<Self> {
        touch_own_pages();
        Ok(Self(SystemCounters::now()?))
    }

    /// By how much `counter` has grown.
    pub fn rise(&self, counter: MemCounter) -> Result<i64> {
        Ok(SystemCounters::now()?[counter] as i64 - self.0[counter] as i64)
    }

    /// Fails unless `counter` has grown by exactly `expected` in doing `what`.
    pub fn expect(&self, what: &str, counter: MemCounter, expected: i64) -> Outcome {
        let seen = self.rise(counter)?;
        let label = counter.label();
        ensure!(
            seen == expected,
            "{what}: expected {expected} more {label}, saw {seen}"
        );
        Ok(())
    }

    /// Fails if frames were lost. What has ended may still be on its way out on another hart, so it
    /// is given a few ticks.
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

    /// Returns how many frames fewer are to be had or, where pages come from swap and go there, how
    /// many more are promised or in use.
    fn lost(&self) -> Result<i64> {
        if self.0[MemCounter::SwapSlots] == 0 {
            Ok(self.0.available() as i64 - SystemCounters::now()?.available() as i64)
        } else {
            self.rise(MemCounter::Committed)
        }
    }
}

/// Times that [`Levels::expect_back`] looks, at once and then a tick apart.
const LOOKS: (u32, u32) = (500, 50);

/// What is free or will be for the asking, and what is promised or in use: frames. Free ones do not
/// count where pages come from swap and go there.
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

    /// Fails unless the levels are what they were, soon: what has ended may still be on its way
    /// out.
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

/// Does `body` twice and fails if the second time costs frames for good. The first time, pools of
/// kernel objects may grow to the size that the work needs, and keep it.
pub fn without_leak(what: &str, body: impl Fn() -> Outcome) -> Outcome {
    body()?;
    let start = Since::now()?;
    body()?;
    start.expect_no_leak(what)
}
