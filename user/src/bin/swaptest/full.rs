//! Both RAM and swap are full.

use crate::machine::Machine;
use crate::pages::{check, mark};
use abi::MemCounter::Killed;
use user::memory::Promise;
use user::region::Region;
use user::testing::child;
use user::testing::measure::Since;
use user::testing::outcome::Outcome;

/// The number of pages of the parent, which must stay unchanged.
const KEPT: usize = 64;

/// A child touches more memory than RAM and swap have together, none of it promised. The child is
/// killed, and no other process is.
pub fn full(machine: Machine) -> Outcome {
    let kept = Region::new(KEPT, Promise::Eager)?;
    mark(&kept, 0..KEPT, 1);
    let start = Since::now()?;
    child::run_killed("touching more than RAM and swap", || {
        let pages = machine.frames + machine.slots + 1;
        if let Ok(region) = Region::new(pages, Promise::Lazy) {
            mark(&region, 0..pages, 2);
        }
    })?;
    start.expect("one child out of memory", Killed, 1)?;
    check(&kept, 0..KEPT, 1)
}
