//! One memory that many processes share: long chains and wide families.

use crate::child::{self, Gate};
use crate::measure::{Since, without_leak};
use crate::outcome::{Outcome, ensure, expect};
use abi::MemCounter::{Anonymous, CopyFaults, Free, ReuseFaults};
use user::memory::Promise;
use user::process::{self, Fork};
use user::region::Region;

/// The number of nested forks of [`deep`].
const GENERATIONS: usize = 35;
/// How many pages each generation shares with the one before.
const SHARED: usize = 1024;
/// How many pages each generation writes.
const WRITTEN: usize = 4;
/// The most frames that a generation may cost: its pages, its tables and its kernel objects. It is
/// far below [`SHARED`].
const MOST_FRAMES: i64 = 64;

/// A chain of 35 forks, all alive at once. Each process writes a few pages of its own and finds
/// those of its ancestors.
pub fn deep() -> Outcome {
    let region = Region::new(SHARED, Promise::Eager)?;
    for page in 0..SHARED {
        region.write(page, u64::MAX);
    }
    without_leak("35 nested forks", || {
        let start = Since::now()?;
        descend(&region, 0, &start)
    })
}

fn descend(region: &Region, generation: usize, start: &Since) -> Outcome {
    if generation == GENERATIONS {
        let (used, most) = (-start.rise(Free)?, GENERATIONS as i64 * MOST_FRAMES);
        ensure!(
            used <= most,
            "{GENERATIONS} forks: expected at most {most} frames, saw {used}"
        );
        return Ok(());
    }
    // Half of these pages are written by the next generation, too.
    let first = generation * WRITTEN / 2;
    for page in first..first + WRITTEN {
        region.write(page, generation as u64);
    }
    child::run(|| descend(region, generation + 1, start))?;
    for page in 0..SHARED {
        let writer = (page / (WRITTEN / 2)).min(generation);
        let expected = if page < first + WRITTEN {
            writer as u64
        } else {
            u64::MAX
        };
        expect(
            "page after the descendants' writes",
            expected,
            region.read(page),
        )?;
    }
    // The next round must find the shared pages as this round found them.
    if generation == 0 {
        for page in 0..SHARED {
            region.write(page, u64::MAX);
        }
    }
    Ok(())
}

/// 300 processes share one page: more than an 8-bit count can hold.
pub fn sharers() -> Outcome {
    let region = Region::new(1, Promise::Eager)?;
    region.write(0, VALUE);
    without_leak("300 sharers", || share_widely(&region))?;
    let start = Since::now()?;
    region.write(0, 0);
    start.expect("a write by the last sharer", ReuseFaults, 1)?;
    start.expect("a write by the last sharer", CopyFaults, 0)?;
    start.expect("a write by the last sharer", Anonymous, 0)
}

/// The number of children that share the page.
const SHARERS: usize = 300;
/// The first word of the page.
const VALUE: u64 = 0x5ca1_ab1e_0dd5_eed5;

fn share_widely(region: &Region) -> Outcome {
    let (arrived, leave) = (Gate::new()?, Gate::new()?);
    let mut children = 0;
    let mut refused = false;
    while children < SHARERS && !refused {
        match process::fork() {
            Ok(Fork::Child) => process::exit(i32::from(share(region, arrived, leave).is_err())),
            Ok(Fork::Parent(_)) => children += 1,
            Err(_) => refused = true,
        }
    }
    for _ in 0..children {
        arrived.pass()?;
    }
    let frame_is_shared = !region.info(0)?.is_exclusive();
    for _ in 0..children {
        leave.open()?;
    }
    let mut bad = 0;
    for _ in 0..children {
        bad += i32::from(process::wait()?.1 != 0);
    }
    arrived.remove()?;
    leave.remove()?;
    ensure!(
        !refused,
        "expected {SHARERS} forks, saw the one after {children} refused"
    );
    ensure!(
        frame_is_shared,
        "expected a page shared by {SHARERS}, saw it private"
    );
    expect("sharers that saw another value", 0, bad)?;
    expect("the parent's word", VALUE, region.read(0))
}

/// The part of one sharer: it reads the page, waits until all others have read it, and reads it
/// again.
fn share(region: &Region, arrived: Gate, leave: Gate) -> Outcome {
    let first = region.read(0);
    arrived.open()?;
    leave.pass()?;
    expect("first look", VALUE, first)?;
    expect("second look", VALUE, region.read(0))
}
