//! `memstat`: the counters of the memory system, one per line.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::MemCounter;
use user::memory::SystemCounters;
use user::{Args, eprintln, println};

user::main!(run);

fn run(_: Args) -> i32 {
    let Ok(counters) = SystemCounters::now() else {
        eprintln!("memstat: this kernel keeps no counters");
        return 1;
    };
    for &counter in MemCounter::ALL {
        println!("{:18} {:>12}", counter.label(), counters[counter]);
    }
    0
}
