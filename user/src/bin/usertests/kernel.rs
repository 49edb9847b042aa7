//! The facts about this kernel that tests must know.
//!
//! They are found out once, before the first test, with calls that every kernel answers. Children
//! inherit them.

use core::sync::atomic::{AtomicBool, Ordering};
use user::memory::{Promise, SystemCounters};
use user::region::Region;
use user::testing::child;
use user::testing::outcome::ensure;

/// Whether `memstat` exists.
static COUNTERS: AtomicBool = AtomicBool::new(false);
/// Whether `sbrk` can reserve addresses without memory.
static LAZY_BREAK: AtomicBool = AtomicBool::new(false);

/// More bytes than any machine here has. They can be reserved only if the kernel promises nothing.
const MORE_THAN_MEMORY: usize = 64 << 30;

/// Finds out the facts.
pub fn probe() {
    COUNTERS.store(SystemCounters::now().is_ok(), Ordering::Relaxed);
    // A child tries, because a kernel that ignores the second argument may really reserve memory.
    let lazy = child::run(|| {
        let mut region = Region::new(0, Promise::Lazy)?;
        region.extend(MORE_THAN_MEMORY / abi::PAGE_SIZE, Promise::Lazy)?;
        let middle = region.pages() / 2;
        region.write(middle, 1);
        ensure!(region.read(middle) == 1, "expected 1");
        Ok(())
    });
    LAZY_BREAK.store(lazy.is_ok(), Ordering::Relaxed);
}

/// Returns whether this kernel keeps Cowslip's counters. Such a kernel follows all of Cowslip's
/// contract.
pub fn has_counters() -> bool {
    COUNTERS.load(Ordering::Relaxed)
}

/// Returns whether `sbrk` knows the lazy mode.
pub fn has_lazy_break() -> bool {
    LAZY_BREAK.load(Ordering::Relaxed)
}
