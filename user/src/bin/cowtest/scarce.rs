//! Too little memory: it is an answer, to the one who asked, and costs nobody else anything.

use crate::child::{self, Child, Gate};
use crate::measure::{Since, available_pages};
use crate::outcome::{Outcome, ensure, expect, failure};
use abi::MemCounter::{Frames, Killed, PageTables, SwapSlots};
use abi::PAGE_SIZE;
use user::memory::{Promise, SystemCounters};
use user::region::Region;

/// Pages that a program reserves less than it could, to leave room for the forks under test.
fn most_of_memory() -> Outcome<usize> {
    let available = available_pages()?;
    Ok(available - available / 64 - 64)
}

fn fill(region: &Region) {
    for page in 0..region.pages() {
        region.write(page, page as u64);
    }
}

fn check(region: &Region) -> Outcome {
    for page in 0..region.pages() {
        expect("the parent's page", page as u64, region.read(page))?;
    }
    Ok(())
}

/// With memory full, fork is refused; that leaves the parent as it was and loses no frame.
pub fn failfork() -> Outcome {
    let region = Region::new(most_of_memory()?, Promise::Eager)?;
    fill(&region);
    // Once to let pools grow, once to count.
    fork_until_refused(&region)?;
    let start = Since::now()?;
    fork_until_refused(&region)?;
    start.expect_no_leak("refused forks")?;
    drop(region);
    child::run(|| Ok(()))
}

fn fork_until_refused(region: &Region) -> Outcome {
    let gate = Gate::new()?;
    let mut children: [Option<Child>; 64] = [const { None }; 64];
    let mut refused = false;
    for place in &mut children {
        match child::start(|| gate.pass()) {
            Ok(child) => *place = Some(child),
            Err(_) => {
                refused = true;
                break;
            }
        }
    }
    // For all before any is waited for: it is not said who takes which.
    children.iter().flatten().try_for_each(|_| gate.open())?;
    for child in children.into_iter().flatten() {
        // The last ones may find no frame for their stacks, and be killed for it.
        child.join_anyhow()?;
    }
    gate.remove()?;
    ensure!(
        refused,
        "expected a fork to be refused with memory full, saw 64 succeed"
    );
    check(region)
}

/// Bytes that one page table of the lowest level covers.
const TABLE_REACH: usize = 512 * PAGE_SIZE;

/// Pages so far apart that each has a table of its own: fork needs a third of memory for tables
/// alone, fails after having made many of them, and gives them all back. Where pages can go to
/// swap, it fails because more than half of memory are tables, which cannot.
pub fn tables() -> Outcome {
    let mut region = Region::new(0, Promise::Lazy)?;
    let stride = TABLE_REACH / PAGE_SIZE;
    let mut touched = 0;
    while !too_many_to_fork(touched)? {
        if region.extend(64 * stride, Promise::Lazy).is_err() {
            // More memory than addresses: the case cannot be made here.
            return Ok(());
        }
        for number in touched..touched + 64 {
            region.write(number as usize * stride, number);
        }
        touched += 64;
    }
    // The failure is what is wanted; that it leaves nothing behind is looked at twice, for pools
    // may grow the first time.
    expect_refusal()?;
    let start = Since::now()?;
    expect_refusal()?;
    start.expect_no_leak("a fork that failed half-way")?;
    for number in 0..touched {
        let page = number as usize * stride;
        expect("the parent's page", number, region.read(page))?;
        region.write(page, number);
    }
    start.expect_no_leak("writing after a fork that failed")?;
    drop(region);
    child::run(|| Ok(()))
}

/// Whether no fork can succeed with so many tables.
fn too_many_to_fork(tables: u64) -> Outcome<bool> {
    let counters = SystemCounters::now()?;
    Ok(if counters[SwapSlots] == 0 {
        // One frame for the page and one for its table; a fork would take another for the table.
        tables >= counters.available() + 512
    } else {
        counters[PageTables] > counters[Frames] / 8 * 5
    })
}

fn expect_refusal() -> Outcome {
    match child::start(|| Ok(())) {
        Err(_) => Ok(()),
        Ok(child) => {
            child.join()?;
            Err(failure!(
                "expected fork to find no memory for tables, saw it succeed"
            ))
        }
    }
}

/// A child that finds no frame for a copy is killed, and nobody else is.
pub fn oom() -> Outcome {
    let region = Region::new(available_pages()? / 3 * 2, Promise::Eager)?;
    fill(&region);
    let bystander_gate = Gate::new()?;
    let bystander = child::start(|| bystander_gate.pass())?;
    let start = Since::now()?;
    child::run_killed("copying more than there is", || {
        for page in 0..region.pages() {
            region.write(page, 0);
        }
    })?;
    start.expect("one child out of memory", Killed, 1)?;
    start.expect_no_leak("a child killed for lack of memory")?;
    check(&region)?;
    bystander_gate.open()?;
    bystander.join()?;
    child::run(|| Ok(()))
}
