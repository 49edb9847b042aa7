//! Processes with swapped memory whose exec succeeds or fails.

use crate::machine::{Machine, slots_in_use};
use crate::pages::{check, mark, push_out};
use user::memory::Promise;
use user::process;
use user::region::Region;
use user::testing::child::{self, Gate};
use user::testing::outcome::{Outcome, ensure, failure};

/// The number of pages of the process.
const PAGES: usize = 512;
/// The number of ticks that the old image may take to be freed.
const PATIENCE: u32 = 50;

/// The slots of the old image are free while the new image runs.
pub fn exec(machine: Machine) -> Outcome {
    let ready = Gate::new()?;
    let child = child::start(|| {
        let region = Region::new(PAGES, Promise::Eager)?;
        mark(&region, 0..PAGES, 1);
        let pushed = push_out(&region, machine);
        ready.open()?;
        pushed?;
        // The parent counts slots during this sleep.
        process::sleep(5)?;
        process::exec(c"/sleep", [c"sleep", c"10000"]);
        Err(failure!("expected to become another program"))
    })?;
    ready.pass()?;
    let before = slots_in_use()?;
    let mut freed = 0;
    for _ in 0..PATIENCE {
        freed = before.saturating_sub(slots_in_use()?);
        if freed >= PAGES as u64 * 3 / 4 {
            break;
        }
        process::sleep(1)?;
    }
    process::kill(child.pid())?;
    child.join_killed("kill of the new program")?;
    ensure!(
        freed >= PAGES as u64 * 3 / 4,
        "expected the slots of {PAGES} pages back after exec, saw {freed}"
    );
    Ok(())
}

/// An exec that fails leaves swapped memory unchanged.
pub fn bad_exec(machine: Machine) -> Outcome {
    let region = Region::new(PAGES, Promise::Eager)?;
    mark(&region, 0..PAGES, 1);
    push_out(&region, machine)?;
    for path in [c"/no-such-program", c"/"] {
        process::exec(path, [path]);
    }
    check(&region, 0..PAGES, 1)
}
