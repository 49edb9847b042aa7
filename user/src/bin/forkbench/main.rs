//! `forkbench [eager|cow|shared]`: what fork and the faults after it cost, one line each:
//! `forkbench ROW VALUE UNIT`. Without an argument, processes fork as the kernel was told to.
//!
//! Rows that are `instructions` count those of the kernel too ([`Counter`]). Where a row is
//! measured several times, it is the least, so that a timer interrupt in one try does not count.
//! `tests/linux/forkbench.c` measures the same rows on Linux: a change of one is a change of both.
//!
//! [`whole`] measures fork and the life of a child, [`faults`] what a touch costs, [`after`] what
//! becomes of the memory after a fork: costs that a cheap fork may only have moved.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod after;
mod faults;
mod whole;

use abi::ForkMode;
use user::memory::{Promise, set_fork_mode, touch_own_pages};
use user::process;
use user::region::Region;
use user::testing::counter::Counter;
use user::{Args, Result, eprintln, println};

user::main!(run);

/// The path of this program, and the argument that makes it end at once. Children execute it.
const PROGRAM: &core::ffi::CStr = c"/forkbench";
const NOTHING: &core::ffi::CStr = c"nothing";

/// Pages in a MiB.
const MEBIBYTE: usize = (1 << 20) / abi::PAGE_SIZE;

fn run(args: Args) -> i32 {
    let mut args = args.skip(1);
    let mode = match (args.next(), args.next()) {
        (None, _) => None,
        (Some(word), None) if word == NOTHING => return 0,
        (Some(word), None) if word == c"eager" => Some(ForkMode::Eager),
        (Some(word), None) if word == c"cow" => Some(ForkMode::CopyOnWrite),
        (Some(word), None) if word == c"shared" => Some(ForkMode::SharedTables),
        _ => {
            eprintln!("usage: forkbench [eager|cow|shared]");
            return 2;
        }
    };
    match measure(mode) {
        Ok(()) => 0,
        Err(_) => {
            eprintln!("forkbench: a system call failed; is there too little memory?");
            1
        }
    }
}

fn measure(mode: Option<ForkMode>) -> Result<()> {
    if let Some(mode) = mode {
        set_fork_mode(mode)?;
    }
    let counter = Counter::choose()?;
    touch_own_pages();

    instructions("getpid", getpid(counter)?);
    whole::measure(counter)?;
    faults::measure(counter)?;
    after::measure(counter)
}

/// Prints a row.
fn instructions(row: &str, value: u64) {
    println!("forkbench {row} {value} instructions");
}

/// Returns the least of several tries.
fn least(tries: usize, mut attempt: impl FnMut() -> Result<u64>) -> Result<u64> {
    let mut least = u64::MAX;
    for _ in 0..tries {
        least = least.min(attempt()?);
    }
    Ok(least)
}

/// Returns the cost of the shortest system call.
fn getpid(counter: Counter) -> Result<u64> {
    const CALLS: u64 = 1000;
    least(3, || {
        let cost = counter.cost(|| {
            for _ in 0..CALLS {
                process::id();
            }
        });
        Ok(cost / CALLS)
    })
}

/// Returns memory of which every page is in a frame of its own.
fn resident(pages: usize) -> Result<Region> {
    let region = Region::new(pages, Promise::Eager)?;
    touch(&region);
    Ok(region)
}

/// Stores to every page.
fn touch(region: &Region) {
    for page in 0..region.pages() {
        region.write(page, 1);
    }
}
