//! The heap of a process while parts of it are swapped out.

use crate::machine::{Machine, slots_in_use};
use crate::pages::{check, mark, push_out};
use abi::MemCounter::{Killed, PageTables};
use user::memory::{Promise, SystemCounters};
use user::region::Region;
use user::testing::child::{self, Gate};
use user::testing::measure::{Since, available_pages};
use user::testing::outcome::{Outcome, ensure, expect};

/// The number of pages of a heap that shrinks.
const PAGES: usize = 512;

/// Heap that is given back while it is swapped out frees its slots, and reads as zero when it is
/// asked for again. The rest of the heap is unchanged.
pub fn regrow(machine: Machine) -> Outcome {
    const KEPT: usize = PAGES / 2;
    let mut region = Region::new(PAGES, Promise::Eager)?;
    mark(&region, 0..PAGES, 1);
    push_out(&region, machine)?;
    let before = slots_in_use()?;
    region.cut(PAGES - KEPT)?;
    let freed = before - slots_in_use()?;
    ensure!(
        freed >= KEPT as u64 * 3 / 4,
        "expected the slots of {KEPT} pages that were cut off, saw {freed}"
    );
    region.extend(PAGES - KEPT, Promise::Eager)?;
    for page in KEPT..PAGES {
        for word in [0, 1, 511] {
            expect("word of a new page", 0, region.read_word(page, word))?;
        }
    }
    check(&region, 0..KEPT, 1)
}

/// The number of pages that a leaf table maps, and the number of tables that the process does not
/// use.
const SPAN: usize = 512;
const IDLE: usize = 4;

/// Promised memory that was never touched lends its page tables while other processes need frames.
/// A touch brings the table back.
pub fn idle_tables(machine: Machine) -> Outcome {
    let used = Region::new(SPAN, Promise::Eager)?;
    mark(&used, 0..SPAN, 1);
    let promised = Region::new(IDLE * SPAN, Promise::Eager)?;
    let tables = || SystemCounters::now().map(|counters| counters[PageTables]);
    let before = tables()?;
    push_out(&used, machine)?;
    let lent = before - tables()?.min(before);
    // The first table may also map pages below the memory, and the last one pages above it.
    let expected = IDLE as u64 - 1;
    ensure!(
        lent >= expected,
        "expected {expected} page tables fewer, saw {lent}"
    );
    let ends = || (0..IDLE).flat_map(|table| [table * SPAN, (table + 1) * SPAN - 1]);
    for page in ends() {
        mark(&promised, page..page + 1, 2);
    }
    for page in ends() {
        check(&promised, page..page + 1, 2)?;
    }
    check(&used, 0..SPAN, 1)
}

/// The number of nested forks of [`chain`].
const GENERATIONS: usize = 35;
/// The number of pages that the first generation fills.
const SHARED: usize = 1024;
/// The number of pages that each generation writes. Half of them are also written by the next
/// generation.
const WRITTEN: usize = 8;
/// The number of pages that are left beside the memory that is held: 4 MiB.
const LEFT: usize = 1024;

/// A chain of 35 forks, all alive at once, while another process holds all but 4 MiB of RAM and
/// swap and has filled RAM with its pages. Each generation writes some pages and finds its own and
/// those of its ancestors.
pub fn chain(machine: Machine) -> Outcome {
    let region = Region::new(SHARED, Promise::Eager)?;
    mark(&region, 0..SHARED, 0);
    let (holds, leave) = (Gate::new()?, Gate::new()?);
    let holder = child::start(|| {
        let held = hold(machine);
        holds.open()?;
        let held = held?;
        leave.pass()?;
        check(&held, 0..machine.frames.min(held.pages()), 1)
    })?;
    holds.pass()?;
    let start = Since::now()?;
    let outcome = child::run(|| descend(&region, 1));
    leave.open()?;
    holder.join()?;
    outcome?;
    start.expect("35 forks in 4 MiB", Killed, 0)?;
    check(&region, 0..SHARED, 0)
}

/// Reserves all memory but [`LEFT`] pages, and fills as much of it as there is RAM.
fn hold(machine: Machine) -> Outcome<Region> {
    // A fork must leave 1/32 of the frames to other claims.
    let spared = LEFT + (machine.frames / 32).max(64);
    let available = available_pages()?;
    ensure!(
        available > spared,
        "expected more than {spared} pages to be had, saw {available}"
    );
    let held = Region::new(available - spared, Promise::Eager)?;
    mark(&held, 0..machine.frames.min(held.pages()), 1);
    Ok(held)
}

/// Returns the first of the pages that a generation writes.
fn first_of(generation: usize) -> usize {
    generation * WRITTEN / 2
}

fn descend(region: &Region, generation: usize) -> Outcome {
    let first = first_of(generation);
    mark(region, first..first + WRITTEN, generation as u64);
    if generation < GENERATIONS {
        child::run(|| descend(region, generation + 1))?;
    }
    check(region, 0..first_of(1), 0)?;
    for ancestor in 1..generation {
        let pages = first_of(ancestor)..first_of(ancestor + 1);
        check(region, pages, ancestor as u64)?;
    }
    check(region, first..first + WRITTEN, generation as u64)?;
    check(region, first + WRITTEN..SHARED, 0)
}
