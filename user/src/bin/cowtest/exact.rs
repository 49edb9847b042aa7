//! The exact cost of copy-on-write, in faults and frames that the kernel counts.

use crate::child::{self, Gate};
use crate::measure::{Since, without_leak};
use crate::outcome::{Outcome, ensure, expect};
use abi::MemCounter::{Anonymous, CopyFaults, Free, ReuseFaults, ZeroFaults};
use abi::ProcCounter::Resident;
use user::file::pipe;
use user::memory::{ProcessCounters, Promise, touch_own_pages};
use user::region::Region;

/// A fork of 200 pages costs less than half of them. Reading costs nothing. Each page that is
/// written, by the program or by the kernel on its behalf, costs exactly one frame. All frames come
/// back.
pub fn cost() -> Outcome {
    const PAGES: usize = 200;
    const MOST_FOR_FORK: i64 = 100;
    let region = Region::new(PAGES, Promise::Eager)?;
    for page in 0..PAGES {
        region.write(page, page as u64);
    }
    without_leak("fork, write, wait", || {
        let gate = Gate::new()?;
        let before = Since::now()?;
        let child = child::start(|| {
            gate.pass()?;
            pay_for_writes_only(&region)
        })?;
        // The parent's own pages (stack, data) are copied now, not while the child counts.
        touch_own_pages();
        let used = -before.rise(Free)?;
        ensure!(
            used <= MOST_FOR_FORK,
            "fork of {PAGES} pages: expected at most {MOST_FOR_FORK} frames, saw {used}"
        );
        gate.open()?;
        child.join()?;
        Ok(gate.remove()?)
    })
}

/// The child's part of [`cost`].
fn pay_for_writes_only(region: &Region) -> Outcome {
    let (read_end, write_end) = pipe()?;
    write_end.write_all(b"kernel")?;
    let start = Since::now()?;
    let resident = ProcessCounters::of(0)?[Resident];
    for page in 0..region.pages() {
        expect("page read", page as u64, region.read(page))?;
    }
    start.expect("reading", Anonymous, 0)?;
    start.expect("reading", CopyFaults, 0)?;
    start.expect("reading", ReuseFaults, 0)?;
    start.expect("reading", ZeroFaults, 0)?;

    region.read_from(read_end, 0, 6)?;
    start.expect("one write by the kernel", Anonymous, 1)?;
    start.expect("one write by the kernel", CopyFaults, 1)?;

    for page in 0..region.pages() {
        region.write(page, 1);
    }
    let all = region.pages() as i64;
    start.expect("writing all pages", Anonymous, all)?;
    start.expect("writing all pages", CopyFaults, all)?;
    start.expect("writing all pages", ReuseFaults, 0)?;
    // A copy replaces the shared page, so the process does not become larger.
    let resident_now = ProcessCounters::of(0)?[Resident];
    expect("resident bytes", resident, resident_now)
}

/// The number of nested forks of [`chain`].
const GENERATIONS: u64 = 5;
/// The number of pages that [`chain`] writes.
const LINKS: usize = 8;

/// Five nested forks. From the last to the first, each process reads at no cost and has exactly one
/// fault for each first write. The first process is the sole owner by then, and makes no copy.
pub fn chain() -> Outcome {
    let region = Region::new(LINKS, Promise::Eager)?;
    for page in 0..LINKS {
        region.write(page, page as u64);
    }
    link(&region, 0)
}

fn link(region: &Region, generation: u64) -> Outcome {
    if generation < GENERATIONS {
        child::run_undisturbed(|| link(region, generation + 1))?;
    }
    let start = Since::now()?;
    for page in 0..LINKS {
        expect("page read", page as u64, region.read(page))?;
    }
    for counter in [Anonymous, CopyFaults, ReuseFaults, ZeroFaults] {
        start.expect("reading", counter, 0)?;
    }
    for page in 0..LINKS {
        region.write(page, generation << 32 | page as u64);
    }
    let all = LINKS as i64;
    let (copies, reuses) = if generation == 0 { (0, all) } else { (all, 0) };
    start.expect("first writes", Anonymous, copies)?;
    start.expect("first writes", CopyFaults, copies)?;
    start.expect("first writes", ReuseFaults, reuses)?;
    for page in 0..LINKS {
        region.write(page, 0);
    }
    start.expect("second writes", CopyFaults, copies)?;
    start.expect("second writes", ReuseFaults, reuses)?;
    start.expect("all writes", ZeroFaults, 0)
}

/// A write gives the writer another frame. For every other process the page stays in its old frame.
pub fn address() -> Outcome {
    let region = Region::new(1, Promise::Eager)?;
    region.write(0, 1);
    let original = region.info(0)?;
    ensure!(
        original.is_present(),
        "expected a touched page to be present"
    );
    ensure!(
        original.is_exclusive(),
        "before fork: expected a page of one process"
    );

    let (gate, done) = (Gate::new()?, Gate::new()?);
    let child = child::start(|| {
        let shared = region.info(0)?;
        expect("frame in the child", original.frame(), shared.frame())?;
        ensure!(!shared.is_exclusive(), "after fork: expected a shared page");
        region.write(0, 2);
        let copy = region.info(0)?;
        ensure!(
            copy.frame() != shared.frame(),
            "after a write: expected another frame"
        );
        ensure!(
            copy.is_exclusive(),
            "after a write: expected a page of one process"
        );
        done.open()?;
        gate.pass()?;
        expect(
            "frame after the parent's write",
            copy.frame(),
            region.info(0)?.frame(),
        )?;
        expect("the child's word", 2, region.read(0))
    })?;
    done.pass()?;
    expect(
        "frame in the parent",
        original.frame(),
        region.info(0)?.frame(),
    )?;
    expect("the parent's word", 1, region.read(0))?;
    ensure!(
        region.info(0)?.is_exclusive(),
        "after the child's copy: expected a page of one process"
    );
    region.write(0, 3);
    expect(
        "frame of the last owner",
        original.frame(),
        region.info(0)?.frame(),
    )?;
    gate.open()?;
    child.join()
}
