//! Work that is broken off must give everything back: execs that fail, and processes that are
//! killed in the middle of copying.

use crate::child::{self, Gate};
use crate::measure::without_leak;
use crate::outcome::{Outcome, ensure};
use abi::OpenFlags;
use core::ffi::CStr;
use user::arch;
use user::file::{self, Fd};
use user::memory::Promise;
use user::process;
use user::region::Region;

/// A program that exits with 1 when it is run without arguments.
const WHOLE: &CStr = c"/kill";
/// The first half of [`WHOLE`].
const HALF: &CStr = c"/cowtest.half";
/// A file that is no program.
const GARBAGE: &CStr = c"/cowtest.bad";

/// A hundred failed execs lose no frame, in a process that lives on and in processes that end.
pub fn execleak() -> Outcome {
    make_bad_programs()?;
    let result = without_leak("100 failed execs and exits", || {
        for round in 0..100 {
            if round % 4 == 0 {
                child::run(fail_all_execs)?;
            }
            fail_all_execs()?;
        }
        Ok(())
    });
    file::unlink(HALF)?;
    file::unlink(GARBAGE)?;
    result
}

fn make_bad_programs() -> Outcome {
    let flags = OpenFlags::CREATE.with(OpenFlags::TRUNCATE);
    let garbage = Fd::open(GARBAGE, flags.with(OpenFlags::WRITE_ONLY))?;
    garbage.write_all(b"this is no program\n")?;
    garbage.close()?;

    // The first 5,000 bytes: headers and the beginning of the text that they promise.
    let whole = Fd::open(WHOLE, OpenFlags::READ_ONLY)?;
    let half = Fd::open(HALF, flags.with(OpenFlags::WRITE_ONLY))?;
    let mut buffer = [0; 1000];
    for _ in 0..5 {
        let count = whole.read(&mut buffer)?;
        half.write_all(&buffer[..count])?;
    }
    whole.close()?;
    Ok(half.close()?)
}

/// Makes every exec that must fail. If one succeeds, this process ends with the status of
/// [`WHOLE`].
fn fail_all_execs() -> Outcome {
    let mut text = [b'x'; 2000];
    text[1999] = 0;
    let long = CStr::from_bytes_until_nul(&text).map_err(|_| user::Failed)?;
    for path in [c"/no-such-program", c"/", GARBAGE, HALF, long] {
        process::exec(path, [path]);
    }
    // More than a page of arguments.
    process::exec(WHOLE, [c"kill", long, long, long]);
    Ok(())
}

/// A child copies page after page and is killed at some moment, again and again. No frame is lost.
pub fn kill() -> Outcome {
    const PAGES: usize = 1024;
    const ROUNDS: u64 = 20;
    let region = Region::new(PAGES, Promise::Eager)?;
    for page in 0..PAGES {
        region.write(page, page as u64);
    }
    let start = arch::time();
    child::run(|| {
        copy_all(&region);
        Ok(())
    })?;
    let whole_copy = arch::time() - start;
    without_leak("children killed while they copy", || {
        for round in 0..ROUNDS {
            kill_after(&region, whole_copy * round / ROUNDS)?;
        }
        for page in 0..PAGES {
            let seen = region.read(page);
            ensure!(
                seen == page as u64,
                "page {page}: expected its number, saw {seen}"
            );
        }
        Ok(())
    })
}

fn copy_all(region: &Region) {
    for page in 0..region.pages() {
        region.write(page, 0);
    }
}

/// Makes a child copy, and kills it after some ticks of the clock.
fn kill_after(region: &Region, ticks: u64) -> Outcome {
    let (started, never) = (Gate::new()?, Gate::new()?);
    let child = child::start(|| {
        started.open()?;
        copy_all(region);
        never.pass()
    })?;
    started.pass()?;
    // Spins, because a sleep is far too coarse.
    let start = arch::time();
    while arch::time() - start < ticks {
        core::hint::spin_loop();
    }
    process::kill(child.pid())?;
    child.join_killed("kill of a child that copies")?;
    started.remove()?;
    Ok(never.remove()?)
}
