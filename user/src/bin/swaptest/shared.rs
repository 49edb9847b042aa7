//! Pages that are in swap and shared.

use crate::machine::{Machine, slots_in_use};
use crate::pages::{check, mark, push_out, swapped};
use abi::MemCounter::{CopyFaults, ReuseFaults, SwapIns};
use abi::{PAGE_SIZE, PageInfo};
use user::memory::{self, Promise};
use user::process::Pid;
use user::region::Region;
use user::testing::child::{self, Child, Gate};
use user::testing::measure::Since;
use user::testing::outcome::{Outcome, ensure, expect};

/// The number of shared pages.
const PAGES: usize = 512;
/// The number of children that share them.
const CHILDREN: usize = 4;
/// The most other pages that may come in: those of the program itself, and the neighbours that are
/// read with each.
const BESIDES: i64 = 128;

/// A fork of pages in swap reads none of them and takes no slots. All processes that share a page
/// read it once, and have it in one frame.
pub fn fork(machine: Machine) -> Outcome {
    let region = Region::new(PAGES, Promise::Eager)?;
    mark(&region, 0..PAGES, 1);
    push_out(&region, machine)?;
    let (gate, arrived, leave) = (Gate::new()?, Gate::new()?, Gate::new()?);
    let in_swap = swapped(&region, 0)?;
    let start = Since::now()?;
    let slots = slots_in_use()?;
    let mut children: [Option<Child>; CHILDREN] = [const { None }; CHILDREN];
    for place in &mut children {
        *place = Some(child::start(|| {
            gate.pass()?;
            let outcome = check(&region, 0..PAGES, 1);
            arrived.open()?;
            leave.pass()?;
            outcome
        })?);
    }
    let came_in = start.rise(SwapIns)?;
    ensure!(
        came_in <= BESIDES,
        "fork of {in_swap} pages in swap: expected no page read for it, saw {came_in}"
    );
    let taken = slots_in_use()?.saturating_sub(slots);
    ensure!(
        taken <= BESIDES as u64,
        "fork of {in_swap} pages in swap: expected shared slots, saw {taken} more"
    );
    for child in children.iter().flatten() {
        let seen = swapped(&region, child.pid())?;
        // Some may have come in as neighbours of a page of the program.
        ensure!(
            seen + BESIDES as usize >= in_swap,
            "expected {in_swap} pages in swap in a child, saw {seen}"
        );
        gate.open()?;
    }
    for _ in 0..CHILDREN {
        arrived.pass()?;
    }
    check(&region, 0..PAGES, 1)?;
    let came_in = start.rise(SwapIns)?;
    ensure!(
        came_in <= PAGES as i64 + BESIDES,
        "expected {PAGES} shared pages to be read once, saw {came_in} reads"
    );
    let result = children
        .iter()
        .flatten()
        .try_for_each(|child| expect_same_frames(&region, child.pid()));
    // All gates are opened before any child is waited for, because any child may pass any gate.
    children.iter().try_for_each(|_| leave.open())?;
    for child in children.into_iter().flatten() {
        child.join()?;
    }
    result
}

/// Fails unless this process and `pid` have the pages in the same frames.
fn expect_same_frames(region: &Region, pid: Pid) -> Outcome {
    for page in 0..region.pages() {
        let own = region.info(page)?;
        let mut others = [PageInfo::default()];
        let address = region.start() + (page * PAGE_SIZE) as u64;
        memory::page_info(pid, address, &mut others)?;
        expect("whether a page is present", true, own.is_present())?;
        expect("whether it is one process's", false, own.is_exclusive())?;
        expect("frame of a shared page", own.frame(), others[0].frame())?;
    }
    Ok(())
}

/// One process writes shared pages in swap. Each page is read once and copied once, and the other
/// processes' contents do not change. When the process is the only one left, it gets its pages
/// without a copy, and the pages give up their slots.
pub fn one_side(machine: Machine) -> Outcome {
    let region = Region::new(PAGES, Promise::Eager)?;
    mark(&region, 0..PAGES, 1);
    push_out(&region, machine)?;
    let start = Since::now()?;
    child::run(|| {
        mark(&region, 0..PAGES, 2);
        check(&region, 0..PAGES, 2)
    })?;
    let came_in = start.rise(SwapIns)?;
    ensure!(
        came_in <= PAGES as i64 + BESIDES,
        "expected {PAGES} pages to be read once, saw {came_in} reads"
    );
    let copied = start.rise(CopyFaults)?;
    let besides = copied - PAGES as i64;
    ensure!(
        (0..BESIDES).contains(&besides),
        "expected {PAGES} pages to be copied once, saw {copied} copies"
    );
    check(&region, 0..PAGES, 1)?;

    let start = Since::now()?;
    let slots = slots_in_use()?;
    mark(&region, 0..PAGES, 3);
    start.expect("writes by the last owner", CopyFaults, 0)?;
    start.expect("writes by the last owner", ReuseFaults, PAGES as i64)?;
    let left = slots - slots_in_use()?;
    ensure!(
        left >= PAGES as u64 * 3 / 4,
        "expected {PAGES} pages that were written to leave their slots, saw {left}"
    );
    check(&region, 0..PAGES, 3)
}
