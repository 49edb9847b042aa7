//! The longest stretches without a point of pre-emption, during operations that take long.
//!
//! Figures are instructions under `-icount` on one hart with the kernel option `clock=fine`. The
//! machine should have four times the memory of a [`large`] process.

use abi::{OpenFlags, PageInfo, Protection};
use core::ffi::CStr;
use user::file::Fd;
use user::mapping::{Mapping, Sharing};
use user::memory::{Audit, ProcessCounters, page_info};
use user::process::{self, Fork};
use user::{Result, device, file};

use super::large::{PAGES, in_large_child, large, large_child};
use super::{report, touch};

const FILE: &CStr = c"bench.file";
const FILE_PAGES: usize = 60;

/// The number of processes that wait for a tick, and for how many ticks they wait.
const SLEEPERS: usize = 900;
const SLEEP: i32 = 20;

/// An operation that takes long, but must not keep other processes waiting for as long.
type Operation = (&'static str, fn() -> Result<()>);

const OPERATIONS: [Operation; 9] = [
    ("stretch-exit", || in_large_child(|| process::exit(0))),
    ("stretch-exec", || in_large_child(become_another)),
    ("stretch-kill", kill),
    ("stretch-fork", fork),
    ("stretch-unmap", || mapped().map(drop)),
    ("stretch-protect", || {
        mapped()?.protect(0..PAGES, Protection::READ)
    }),
    ("stretch-look", look),
    ("stretch-sync", sync),
    ("stretch-tick", tick),
];

/// Prints the figure of each operation, the largest of them, and the figure of an audit. An audit
/// stops everything on purpose.
pub fn measure() -> Result<()> {
    let mut longest = 0;
    for (name, operation) in OPERATIONS {
        let stretch = stretch_of(operation)?;
        report(name, stretch);
        longest = longest.max(stretch);
    }
    report("longest-stretch", longest);
    report("stretch-audit", stretch_of(|| Audit::now().map(drop))?);
    Ok(())
}

/// Returns the longest stretch without a point of pre-emption while `operation` runs.
fn stretch_of(operation: fn() -> Result<()>) -> Result<u64> {
    longest_stretch()?;
    operation()?;
    longest_stretch()
}

/// Returns the longest stretch since the last call, in nanoseconds. A nanosecond is an instruction
/// here.
fn longest_stretch() -> Result<u64> {
    let file = Fd::open(device::STRETCH, OpenFlags::READ_ONLY)?;
    let mut line = [0; 32];
    let count = file.read(&mut line);
    file.close()?;
    let digits = line[..count?].trim_ascii_end();
    Ok(digits
        .iter()
        .fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

fn become_another() -> ! {
    process::exec(c"/echo", [c"echo"]);
    process::exit(1)
}

fn kill() -> Result<()> {
    let pid = large_child()?;
    process::kill(pid)?;
    process::wait_for(pid).map(drop)
}

fn fork() -> Result<()> {
    let region = large()?;
    match process::fork()? {
        Fork::Child => process::exit(0),
        Fork::Parent(pid) => process::wait_for(pid)?,
    };
    // All pages are the parent's alone again, and written.
    touch(&region);
    Ok(())
}

fn mapped() -> Result<Mapping> {
    let both = Protection::READ.with(Protection::WRITE);
    let mapping = Mapping::new(PAGES, Sharing::Private, both)?;
    (0..PAGES).for_each(|page| mapping.write(page, 1));
    Ok(mapping)
}

fn look() -> Result<()> {
    let region = large()?;
    ProcessCounters::of(0)?;
    let mut pages = [PageInfo(0); 1024];
    for first in (0..PAGES).step_by(pages.len()) {
        page_info(0, region.address(first), &mut pages)?;
    }
    Ok(())
}

/// Waits for ticks that wake [`SLEEPERS`] processes each.
fn tick() -> Result<()> {
    let mut sleepers = 0;
    let mut result = Ok(());
    while result.is_ok() && sleepers < SLEEPERS {
        match process::fork() {
            Ok(Fork::Child) => process::exit(i32::from(process::sleep(SLEEP).is_err())),
            Ok(Fork::Parent(_)) => sleepers += 1,
            Err(failed) => result = Err(failed),
        }
    }
    for _ in 0..sleepers {
        process::wait()?;
    }
    result
}

fn sync() -> Result<()> {
    let file = Fd::open(FILE, OpenFlags::READ_WRITE.with(OpenFlags::CREATE))?;
    for _ in 0..FILE_PAGES {
        file.write_all(&[1; abi::PAGE_SIZE])?;
    }
    let both = Protection::READ.with(Protection::WRITE);
    let mapping = Mapping::of_file(file, 0, FILE_PAGES, Sharing::Shared, both)?;
    file.close()?;
    (0..FILE_PAGES).for_each(|page| mapping.write(page, 2));
    mapping.sync(0..FILE_PAGES)?;
    drop(mapping);
    file::unlink(FILE)
}
