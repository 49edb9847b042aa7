//! Too little memory: the process that asks for it gets an answer, and no other process suffers.

use crate::child::{self, Child, Gate};
use crate::measure::{Since, available_pages};
use crate::outcome::{Outcome, ensure, expect, failure};
use abi::MemCounter::{Frames, Killed, PageTables, SwapSlots};
use abi::PAGE_SIZE;
use user::memory::{Promise, SystemCounters};
use user::region::Region;

/// Returns the number of pages to reserve: most of memory, less what the forks under test need.
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

/// With memory full, fork is refused. The parent stays as it was, and no frame is lost.
pub fn failfork() -> Outcome {
    let region = Region::new(most_of_memory()?, Promise::Eager)?;
    fill(&region);
    // The first time lets the kernel's pools grow; the second time is counted.
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
    // All gates are opened before any child is waited for, because any child may pass any gate.
    children.iter().flatten().try_for_each(|_| gate.open())?;
    for child in children.into_iter().flatten() {
        // The last children may find no frame for their stacks, and are killed then.
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

/// Pages so far apart that each needs a page table of its own. Fork needs a third of memory for
/// tables alone, fails after it has made many, and gives all of them back. On a kernel with swap it
/// fails because more than half of memory are tables, which cannot be swapped out.
pub fn tables() -> Outcome {
    let mut region = Region::new(0, Promise::Lazy)?;
    let stride = TABLE_REACH / PAGE_SIZE;
    let mut touched = 0;
    while !too_many_to_fork(touched)? {
        if region.extend(64 * stride, Promise::Lazy).is_err() {
            // There is more memory than addresses, so the test cannot be made here.
            return Ok(());
        }
        for number in touched..touched + 64 {
            region.write(number as usize * stride, number);
        }
        touched += 64;
    }
    // The test wants the failure. It looks for lost frames at the second failure, because the
    // kernel's pools may grow at the first.
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

/// Returns whether no fork can succeed with this many tables.
fn too_many_to_fork(tables: u64) -> Outcome<bool> {
    let counters = SystemCounters::now()?;
    Ok(if counters[SwapSlots] == 0 {
        // Each page needs one frame and another for its table. A fork would need one more frame for
        // the child's table.
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

/// A child that finds no frame for a copy is killed, and no other process is.
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
