//! The cost of the first touch of a page. Three pages are compared: a new one, one that is shared
//! with the parent, and one that was shared with a child which has ended.

use user::Result;
use user::memory::{Promise, touch_own_pages};
use user::process::{self, Fork};
use user::region::Region;
use user::testing::counter::Counter;

use super::after::ask_child;
use super::{instructions, least, resident, touch};

/// Pages per try.
const PAGES: usize = 256;
/// Tries per row.
const TRIES: usize = 5;

/// Measures the three faults.
pub fn measure(counter: Counter) -> Result<()> {
    instructions("zero-fault", least(TRIES, || zero(counter))?);
    instructions("copy-fault", least(TRIES, || copy(counter))?);
    instructions("reuse-fault", least(TRIES, || reuse(counter))?);
    Ok(())
}

/// Returns how much more the first touch of each page costs than the second, which faults no more.
fn first_touch(counter: Counter, region: &Region) -> u64 {
    let first = counter.cost(|| touch(region));
    let second = counter.cost(|| touch(region));
    first.saturating_sub(second) / region.pages() as u64
}

fn zero(counter: Counter) -> Result<u64> {
    Ok(first_touch(counter, &Region::new(PAGES, Promise::Eager)?))
}

fn copy(counter: Counter) -> Result<u64> {
    let region = resident(PAGES)?;
    ask_child(|| {
        touch_own_pages();
        first_touch(counter, &region)
    })
}

fn reuse(counter: Counter) -> Result<u64> {
    let region = resident(PAGES)?;
    match process::fork()? {
        Fork::Child => process::exit(0),
        Fork::Parent(pid) => process::wait_for(pid)?,
    };
    touch_own_pages();
    Ok(first_touch(counter, &region))
}
