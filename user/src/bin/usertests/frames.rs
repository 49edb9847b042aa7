//! The free memory between two tests.

use abi::MemCounter;
use user::memory::{SystemCounters, touch_own_pages};
use user::process::{self, Fork};
use user::testing::measure::available_pages;
use user::testing::outcome::{Outcome, failure};

/// The number of ticks that processes which were not waited for may take to end. A fork bomb takes
/// a while.
const PATIENCE: u32 = 100;

/// Free memory, in pages. If the kernel counts frames, and no pages move between frames and swap,
/// it is the number of frames that are free or can be freed at once. Otherwise it is what a program
/// can reserve, which is smaller by the page tables.
#[derive(Clone, Copy)]
pub struct Frames(u64);

impl Frames {
    /// Returns how much memory is free now.
    pub fn now() -> Self {
        Self(match SystemCounters::now() {
            Ok(counters) if counters[MemCounter::SwapSlots] == 0 => counters.available(),
            _ => reservable(),
        })
    }

    /// Fails unless as much memory is free again soon. Remembers how much is free then.
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

/// Returns how many pages a child can reserve. The child answers by its exit status, because that
/// needs nothing but `wait`.
pub fn reservable() -> u64 {
    // Without this, the number of pages that the child copies would depend on what this process
    // wrote before.
    touch_own_pages();
    let status = match process::fork() {
        Ok(Fork::Child) => {
            let pages = available_pages().unwrap_or(0);
            process::exit(pages as i32)
        }
        Ok(Fork::Parent(pid)) => process::wait_for(pid),
        Err(failed) => Err(failed),
    };
    // A kernel that cannot even do this has hardly any memory.
    status.map_or(0, |pages| u64::from(pages.max(0) as u32))
}
