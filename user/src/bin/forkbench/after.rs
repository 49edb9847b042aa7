//! The memory after a fork: the parent's longest pause, the tables that a child takes, and what
//! parent and child pay when they use all of it.

use abi::{MemCounter, PAGE_SIZE, ProcCounter};
use user::file::{Fd, pipe};
use user::memory::{ProcessCounters, SystemCounters, fork_mode, touch_own_pages};
use user::process::{self, Fork, Pid};
use user::region::Region;
use user::testing::counter::Counter;
use user::{Failed, Result, println};

use super::{MEBIBYTE, instructions, least, resident, touch};

/// The memory of the process that forks, in MiB, unless a row says otherwise.
const MUCH: usize = 64;
/// The memory of the process that must not pause, in MiB.
const VERY_MUCH: usize = 512;
/// Children that live at once.
const CROWD: usize = 900;
/// The number of tries of the rows that use all memory.
const TRIES: usize = 3;

/// Measures all rows.
pub fn measure(counter: Counter) -> Result<()> {
    instructions("longest-pause-512m", longest_pause(counter)?);
    let memory = resident(MUCH * MEBIBYTE)?;
    instructions(
        "child-writes-64m",
        least(TRIES, || child_uses(counter, || touch(&memory)))?,
    );
    instructions(
        "child-reads-64m",
        least(TRIES, || child_uses(counter, || read(&memory)))?,
    );
    let faults = ask_child(|| {
        touch_own_pages();
        let before = faults();
        read(&memory);
        faults() - before
    })?;
    println!("forkbench child-read-faults-64m {faults} faults");
    instructions(
        "parent-writes-64m",
        least(TRIES, || parent_writes(counter, &memory))?,
    );
    println!("forkbench child-tables-64m {} bytes", tables(1)?);
    if fork_mode()? != abi::ForkMode::Eager {
        // Copies of all the memory for all children are more than any machine has.
        println!("forkbench crowd-tables-64m {} bytes", tables(CROWD)?);
    }
    Ok(())
}

/// Loads from every page.
fn read(region: &Region) {
    for page in 0..region.pages() {
        region.read(page);
    }
}

/// Returns how many faults the calling process has had.
fn faults() -> u64 {
    use ProcCounter::{CopyFaults, FileFaults, ReuseFaults, SwapIns, TableFaults, ZeroFaults};
    // A kernel without the counter has no faults to report.
    ProcessCounters::of(0).map_or(0, |counters| {
        [
            ZeroFaults,
            CopyFaults,
            ReuseFaults,
            FileFaults,
            SwapIns,
            TableFaults,
        ]
        .iter()
        .map(|&kind| counters[kind])
        .sum()
    })
}

/// Runs `body` in a child. Returns the child's answer.
pub fn ask_child(body: impl FnOnce() -> u64) -> Result<u64> {
    let (answer, write_end) = pipe()?;
    match process::fork()? {
        Fork::Child => {
            let sent = write_end.write_all(&body().to_le_bytes());
            process::exit(i32::from(sent.is_err()))
        }
        Fork::Parent(pid) => {
            write_end.close()?;
            let mut bytes = [0; 8];
            let count = answer.read(&mut bytes)?;
            answer.close()?;
            process::wait_for(pid)?;
            match count {
                8 => Ok(u64::from_le_bytes(bytes)),
                _ => Err(Failed),
            }
        }
    }
}

/// Returns the cost of a child that runs `body` and ends, from fork to wait.
fn child_uses(counter: Counter, body: impl Fn()) -> Result<u64> {
    let start = counter.now();
    match process::fork()? {
        Fork::Child => {
            body();
            process::exit(0)
        }
        Fork::Parent(pid) => process::wait_for(pid)?,
    };
    Ok(counter.now() - start)
}

/// A child that waits until a pipe ends, and touches no memory beyond that.
struct Waiting {
    child: Pid,
    gate: Fd,
}

impl Waiting {
    fn start() -> Result<Self> {
        let (read_end, gate) = pipe()?;
        match process::fork()? {
            Fork::Child => wait_at(read_end, gate),
            Fork::Parent(child) => {
                read_end.close()?;
                Ok(Self { child, gate })
            }
        }
    }

    fn end(self) -> Result<()> {
        self.gate.close()?;
        process::wait_for(self.child).map(drop)
    }
}

/// Waits until no process has the write end of the pipe any more, and ends the calling child.
fn wait_at(read_end: Fd, gate: Fd) -> ! {
    let waited = gate.close().and_then(|()| read_end.read(&mut [0]));
    process::exit(i32::from(waited.is_err()))
}

/// Returns the cost of a fork and of storing to every page while the child lives.
fn parent_writes(counter: Counter, region: &Region) -> Result<u64> {
    let start = counter.now();
    let child = Waiting::start()?;
    touch(region);
    let cost = counter.now() - start;
    child.end()?;
    Ok(cost)
}

/// Returns the longest time between two stores of a process that stores to one page after another
/// and forks half-way.
fn longest_pause(counter: Counter) -> Result<u64> {
    let region = resident(VERY_MUCH * MEBIBYTE)?;
    let mut child = None;
    let mut longest = 0;
    let mut last = counter.now();
    for page in 0..region.pages() {
        if page == region.pages() / 2 {
            child = Some(Waiting::start()?);
        }
        region.write(page, 2);
        let now = counter.now();
        longest = longest.max(now - last);
        last = now;
    }
    child.map_or(Ok(()), Waiting::end)?;
    Ok(longest)
}

/// Returns the bytes of page tables per child, for children that live and have touched only what
/// they need to wait.
fn tables(children: usize) -> Result<u64> {
    let (read_end, gate) = pipe()?;
    touch_own_pages();
    let before = SystemCounters::now()?[MemCounter::PageTables];
    for _ in 0..children {
        if process::fork()? == Fork::Child {
            wait_at(read_end, gate)
        }
    }
    let after = SystemCounters::now()?[MemCounter::PageTables];
    read_end.close()?;
    gate.close()?;
    for _ in 0..children {
        process::wait()?;
    }
    Ok((after - before) * PAGE_SIZE as u64 / children as u64)
}
