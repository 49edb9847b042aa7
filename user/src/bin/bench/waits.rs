//! The worst waits of a process that runs beside another which makes the same calls in a loop.
//!
//! Figures are instructions under `-icount` on one hart.

use abi::OpenFlags;
use core::ffi::CStr;
use user::file::Fd;
use user::memory::{Audit, ProcessCounters, Promise};
use user::process::{self, Fork, Pid};
use user::region::Region;
use user::{Failed, Result, arch};

use super::large::{large, large_child};
use super::report;

/// The number of waits of each kind.
const WAITS: usize = 10;
/// A file of more than 1000 bytes, which the page cache soon holds.
const FILE: &CStr = c"/echo";

/// Prints all figures.
pub fn measure() -> Result<()> {
    report("wait-turn", wait_for_turn()?);
    report("wait-open", worst(read_bytes, open_and_close)?);
    let region = large()?;
    let fresh = Region::new(WAITS, Promise::Eager)?;
    let mut pages = 0..WAITS;
    let touch_next = || {
        pages.by_ref().take(1).for_each(|page| fresh.write(page, 1));
        Ok(())
    };
    report("wait-fault", worst(ask_for_counters, touch_next)?);
    drop((fresh, region));
    report(
        "wait-fork",
        worst(|_| Audit::now().map(drop), fork_and_wait)?,
    );
    Ok(())
}

/// Converts `time` of the clock to instructions. Each instruction takes a nanosecond.
fn instructions(time: u64) -> Result<u64> {
    Ok(time * 1_000_000_000 / arch::time_frequency()?)
}

/// Returns the longest time for which this process does not run while a process with much memory is
/// killed.
fn wait_for_turn() -> Result<u64> {
    let tenth_of_a_second = arch::time_frequency()? / 10;
    let pid = large_child()?;
    process::kill(pid)?;
    let begin = arch::time();
    let (mut last, mut longest) = (begin, 0);
    while last - begin < tenth_of_a_second {
        let now = arch::time();
        longest = longest.max(now - last);
        last = now;
    }
    process::wait_for(pid)?;
    instructions(longest)
}

/// Returns the longest time that `work` takes, done once per tick, while another process repeats
/// `hog` for ever. `hog` gets the number of this process.
fn worst(hog: fn(Pid) -> Result<()>, mut work: impl FnMut() -> Result<()>) -> Result<u64> {
    let parent = process::id();
    let pid = match process::fork()? {
        Fork::Child => {
            while hog(parent).is_ok() {}
            process::exit(1)
        }
        Fork::Parent(pid) => pid,
    };
    process::sleep(2)?;
    let mut longest = 0;
    for _ in 0..WAITS {
        process::sleep(1)?;
        let begin = arch::time();
        work()?;
        longest = longest.max(arch::time() - begin);
    }
    process::kill(pid)?;
    match process::wait_for(pid)? {
        process::KILLED => instructions(longest),
        _ => Err(Failed),
    }
}

/// Reads a file byte by byte. The file is in the page cache: a wait for the disk would measure the
/// host.
fn read_bytes(_: Pid) -> Result<()> {
    let file = Fd::open(FILE, OpenFlags::READ_ONLY)?;
    for _ in 0..1000 {
        file.read(&mut [0])?;
    }
    file.close()
}

fn open_and_close() -> Result<()> {
    Fd::open(FILE, OpenFlags::READ_ONLY)?.close()
}

fn ask_for_counters(of: Pid) -> Result<()> {
    ProcessCounters::of(of).map(drop)
}

fn fork_and_wait() -> Result<()> {
    match process::fork()? {
        Fork::Child => process::exit(0),
        Fork::Parent(pid) => process::wait_for(pid).map(drop),
    }
}
