//! The free memory between two tests.

use abi::MemCounter;
use user::memory::{SystemCounters, touch_own_pages};
use user::process::{self, Fork};
use user::testing::measure::available_pages;
use user::testing::outcome::{Outcome, failure};

/// Ticks that processes which were not waited for get to leave: a fork bomb takes a while.
const PATIENCE: u32 = 100;

/// Free memory, in pages: frames that are free or will be for the asking, by the kernel's count,
/// where it keeps one and nothing moves between frames and swap, else what a program can reserve,
/// which is the same up to page tables.
#[derive(Clone, Copy)]
pub struct Frames(u64);

impl Frames {
    /// Returns those free now.
    pub fn now() -> Self {
        Self(match SystemCounters::now() {
            Ok(counters) if counters[MemCounter::SwapSlots] == 0 => counters.available(),
            _ => reservable(),
        })
    }

    /// Fails unless as many as before are free again, soon; from now on counts those that are.
    pub fn expect_back(&mut self) -> Outcome {
        let mut now = Self::now();
        for _ in 0..PATIENCE {
            if now.0 >= self.0 {
                break;
            }
            process::sleep(1)?;
            now = Self::now();
        }
        let before = core::mem::replace(self, now);
        if now.0 < before.0 {
            return Err(failure!(
                "expected {} free pages afterwards, saw {}",
                before.0,
                now.0
            ));
        }
        Ok(())
    }
}

/// Returns how many pages a child can reserve. It tells by its status, which needs nothing but
/// `wait`.
pub fn reservable() -> u64 {
    // Or what the child copies would depend on what this process happens to have written before.
    touch_own_pages();
    let status = match process::fork() {
        Ok(Fork::Child) => {
            let pages = available_pages().unwrap_or(0);
            process::exit(pages as i32)
        }
        Ok(Fork::Parent(pid)) => process::wait_for(pid),
        Err(failed) => Err(failed),
    };
    // A kernel that cannot even do this has no memory to speak of.
    status.map_or(0, |pages| u64::from(pages.max(0) as u32))
}
