//! The break, and every kind of page fault: those of the program, and those of the kernel on its
//! behalf.

use super::trial::{Ended, Trial};
use super::{Operation, answers, may_be_killed};
use user::Result;
use user::file::{self, Fd};
use user::memory::{Promise, current_break};
use user::process::{self, Fork};
use user::region::Region;
use user::testing::outcome::{Outcome, expect};

pub const ALL: &[Operation] = &[
    answers("sbrk", |trial| grow(trial, Promise::Eager)),
    answers("sbrk, lazy", |trial| grow(trial, Promise::Lazy)),
    may_be_killed("load from an empty page", |trial| {
        touch(trial, Page::Empty, |region, _| Ok(region.read(FAR)))
    }),
    may_be_killed("store to an empty page", |trial| {
        touch(trial, Page::Empty, store)
    }),
    may_be_killed("store to a shared page", |trial| {
        touch(trial, Page::Shared, store)
    }),
    may_be_killed("read into an empty page", |trial| {
        touch(trial, Page::Empty, read)
    }),
    may_be_killed("read into a shared page", |trial| {
        touch(trial, Page::Shared, read)
    }),
    may_be_killed("write from an empty page", |trial| {
        touch(trial, Page::Empty, |region, pipe| {
            let count = region.write_to(pipe.write_end, OFFSET, LENGTH)?;
            Ok(count as u64 - LENGTH as u64)
        })
    }),
];

/// A distance in pages, far enough that the page there needs a page table too.
const FAR: usize = 1024;
const OFFSET: usize = FAR * abi::PAGE_SIZE;
/// The number of bytes that the kernel copies.
const LENGTH: usize = 64;

fn grow(trial: &Trial, promise: Promise) -> Outcome<Ended> {
    let mut region = Region::new(0, promise)?;
    let before = current_break()?;
    let (grown, ended) = trial.of(|| region.extend(FAR, promise))?;
    let rise = if grown.is_ok() { OFFSET as u64 } else { 0 };
    expect("the break", before + rise, current_break()?)?;
    if grown.is_err() {
        region.extend(FAR, promise)?;
    }
    Ok(ended)
}

/// What the page holds before the touch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    /// Nothing: it has no frame.
    Empty,
    /// Data that a child shares.
    Shared,
}

/// A pipe with [`LENGTH`] bytes in it.
struct Pipe {
    read_end: Fd,
    write_end: Fd,
}

/// Runs `act`, which touches a page of memory that was never promised and returns what the page
/// holds then. That must be 0.
fn touch(
    trial: &Trial,
    page: Page,
    act: impl FnOnce(&Region, &Pipe) -> Result<u64>,
) -> Outcome<Ended> {
    let (read_end, write_end) = file::pipe()?;
    write_end.write_all(&[0; LENGTH])?;
    let region = Region::new(FAR + 1, Promise::Lazy)?;
    let (open_until, until) = file::pipe()?;
    if page == Page::Shared {
        region.write(FAR, 1);
        // The child ends when no process can write to the pipe any more, even if its parent was
        // killed.
        if process::fork()? == Fork::Child {
            let ended = until.close().and_then(|()| open_until.read(&mut [0]));
            process::exit(i32::from(ended != Ok(0)));
        }
    }
    let (seen, ended) = trial.of(|| {
        act(
            &region,
            &Pipe {
                read_end,
                write_end,
            },
        )
    })?;
    if let Ok(seen) = seen {
        expect("what is there", 0, seen)?;
    }
    until.close()?;
    if page == Page::Shared {
        expect("the other sharer's status", 0, process::wait()?.1)?;
    }
    for end in [open_until, read_end, write_end] {
        end.close()?;
    }
    Ok(ended)
}

fn store(region: &Region, _: &Pipe) -> Result<u64> {
    region.write(FAR, 0);
    Ok(region.read(FAR))
}

fn read(region: &Region, pipe: &Pipe) -> Result<u64> {
    let count = region.read_from(pipe.read_end, OFFSET, LENGTH)?;
    Ok(region.read(FAR) + (LENGTH - count) as u64)
}
