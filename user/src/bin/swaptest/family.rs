//! A family that shares far more pages than there is RAM.

use crate::machine::{Machine, slots_in_use};
use crate::pages::{check, mark, swapped};
use abi::MemCounter::{SwapIns, SwapOuts};
use core::ops::Range;
use user::memory::Promise;
use user::println;
use user::region::Region;
use user::testing::child::{self, Child, Gate};
use user::testing::measure::Since;
use user::testing::outcome::{Outcome, ensure};

/// The number of processes, the parent included.
const MEMBERS: usize = 5;

/// Five processes share four times the RAM, or half as much as swap has room for. Each verifies all
/// pages, rewrites its fifth and verifies all again. A page is written to swap once for all
/// processes, not once for each, and once more if it was copied.
///
/// The slots in use say how many distinct pages were evicted. A page gets a slot when it is evicted
/// first, and keeps it until it is written again. In this test a page with a slot is written only
/// by way of a copy.
pub fn family(machine: Machine) -> Outcome {
    // If fewer than an eighth of the slots are free, pages that come back give their slots up.
    let room = machine.slots - machine.slots / 6;
    let pages = (4 * machine.frames).min(room / 2);
    let region = Region::new(pages, Promise::Eager)?;
    let start = Since::now()?;
    let slots = slots_in_use()?;
    mark(&region, 0..pages, SHARED);

    let (arrived, go) = (Gate::new()?, Gate::new()?);
    let mut children: [Option<Child>; MEMBERS - 1] = [const { None }; MEMBERS - 1];
    for (member, place) in (1..).zip(&mut children) {
        *place = Some(child::start(|| {
            let mut outcome = check(&region, 0..pages, SHARED);
            // A process that fails must not keep the others waiting.
            arrived.open()?;
            go.pass()?;
            outcome = outcome.and_then(|()| rewrite(&region, member));
            arrived.open()?;
            go.pass()?;
            outcome
        })?);
    }
    let mut outcome = check(&region, 0..pages, SHARED);
    children.iter().try_for_each(|_| arrived.pass())?;
    let shared = Figures::since(&start, slots)?;
    let mut references = swapped(&region, 0)? as u64;
    for child in children.iter().flatten() {
        references += swapped(&region, child.pid())? as u64;
    }
    children.iter().try_for_each(|_| go.open())?;
    outcome = outcome.and_then(|()| rewrite(&region, 0));
    children.iter().try_for_each(|_| arrived.pass())?;
    let all = Figures::since(&start, slots)?;
    children.iter().try_for_each(|_| go.open())?;
    for child in children.into_iter().flatten() {
        outcome = outcome.and(child.join());
    }
    println!(
        "family: {pages} pages shared by {MEMBERS}: {} were evicted, {references} entries in swap, {} written, {} read",
        shared.evicted, shared.written, shared.read
    );
    println!(
        "family: each fifth rewritten: {} pages were evicted, {} written, {} read",
        all.evicted, all.written, all.read
    );
    outcome?;
    ensure!(
        references > shared.evicted + shared.evicted / 2,
        "expected slots to serve several entries each, saw {references} for {}",
        shared.evicted
    );
    shared.expect_each_written_once()?;
    all.expect_each_written_once()
}

/// The writer of the pages that all processes share. A process that rewrites pages writes its own
/// number instead.
const SHARED: u64 = 100;

/// Returns the pages that `member` rewrites.
fn fifth(pages: usize, member: usize) -> Range<usize> {
    pages * member / MEMBERS..pages * (member + 1) / MEMBERS
}

/// Rewrites the fifth of `member`, and verifies all pages.
fn rewrite(region: &Region, member: usize) -> Outcome {
    let own = fifth(region.pages(), member);
    mark(region, own.clone(), member as u64);
    check(region, 0..own.start, SHARED)?;
    check(region, own.clone(), member as u64)?;
    check(region, own.end..region.pages(), SHARED)
}

/// The swap activity since a moment.
struct Figures {
    /// Distinct pages that were evicted.
    evicted: u64,
    /// Pages that were written to swap.
    written: i64,
    /// Pages that were read from swap.
    read: i64,
}

impl Figures {
    /// Returns the activity since `start`, when `slots` slots were in use.
    fn since(start: &Since, slots: u64) -> Outcome<Self> {
        Ok(Self {
            evicted: slots_in_use()?.saturating_sub(slots),
            written: start.rise(SwapOuts)?,
            read: start.rise(SwapIns)?,
        })
    }

    fn expect_each_written_once(&self) -> Outcome {
        let most = (self.evicted + self.evicted / 5) as i64;
        ensure!(
            self.written <= most,
            "{} pages evicted: expected at most {most} pages written, saw {}",
            self.evicted,
            self.written
        );
        Ok(())
    }
}
