//! `free`: the memory there is, what of it is used, and what has been promised, in KiB.
//!
//! - `Mem`: the frames that the memory system manages. The cache of files is not used memory, for
//!   it gives way.
//! - `Swap`: the slots of the swap device. A page that came back may keep its slot, and is used
//!   memory in both rows then.
//! - `Promised`: what programs were promised and the kernel's tables and objects take, against the
//!   most that may be.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::MemCounter::{
    self, CommitLimit, Committed, FileCache, Frames, Free, FreeSlots, SwapSlots,
};
use abi::PAGE_SIZE;
use user::memory::SystemCounters;
use user::{Args, eprintln, println};

user::main!(run);

/// Bytes in the unit that is printed.
const UNIT: u64 = 1024;

fn run(_: Args) -> i32 {
    let Ok(counters) = SystemCounters::now() else {
        eprintln!("free: this kernel keeps no counters");
        return 1;
    };
    let size = |counter: MemCounter| counters[counter] * PAGE_SIZE as u64 / UNIT;
    let row = |name, total: u64, free: u64, cache: u64| {
        // The counters of the harts are not read at one moment, so the sum may exceed the total.
        let used = total.saturating_sub(free + cache);
        println!("{name:9} {total:>11} {used:>11} {free:>11} {cache:>11}");
    };
    println!(
        "{:9} {:>11} {:>11} {:>11} {:>11}",
        "", "total", "used", "free", "cache"
    );
    row("Mem:", size(Frames), size(Free), size(FileCache));
    row("Swap:", size(SwapSlots), size(FreeSlots), 0);
    let promised = size(Committed);
    let limit = size(CommitLimit);
    row("Promised:", limit, limit.saturating_sub(promised), 0);
    0
}
