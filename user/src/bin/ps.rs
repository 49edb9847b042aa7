//! `ps`: the processes and their memory, in KiB: `size` up to the break, `rss` in frames, `pss` the
//! same with each page divided by the number of its sharers, `uss` what nobody else maps, `swap`
//! swapped out; how many faults they had; and as Ctrl-P does, whose children they are, what they do
//! and what they run.
//!
//! The contract has no list of processes. But numbers are given out in rising order, so every
//! process that was there before this one has a smaller number, and each of them is asked about.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::PROCESS_NAME_MAX;
use abi::ProcCounter::{
    self, CopyFaults, FileFaults, Proportional, Resident, ReuseFaults, Size, SwapIns, Swapped,
    TableFaults, Unique, ZeroFaults,
};
use user::io::Lossy;
use user::memory::ProcessCounters;
use user::process::{self, Pid};
use user::{Args, eprintln, println};

user::main!(run);

/// Bytes in the unit that is printed.
const UNIT: u64 = 1024;

/// All kinds of faults.
const FAULTS: [ProcCounter; 6] = [
    ZeroFaults,
    CopyFaults,
    ReuseFaults,
    FileFaults,
    SwapIns,
    TableFaults,
];

fn run(_: Args) -> i32 {
    let own = process::id();
    if ProcessCounters::of(own).is_err() {
        eprintln!("ps: this kernel does not tell about processes");
        return 1;
    }
    println!(
        "{:>6} {:>6} {:7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} name",
        "pid", "parent", "state", "size", "rss", "pss", "uss", "swap", "faults"
    );
    for pid in 1..=own {
        // Most numbers belong to processes that have ended.
        if let Ok(counters) = ProcessCounters::of(pid) {
            print(pid, &counters);
        }
    }
    0
}

fn print(pid: Pid, counters: &ProcessCounters) {
    let [size, rss, pss, uss, swap] =
        [Size, Resident, Proportional, Unique, Swapped].map(|counter| counters[counter] / UNIT);
    let faults: u64 = FAULTS.iter().map(|&kind| counters[kind]).sum();
    let facts = counters.facts();
    let (parent, state) = facts.map_or((0, "?"), |facts| (facts.parent, facts.state.name()));
    let name = facts.map_or([b'?'; PROCESS_NAME_MAX], |facts| facts.name);
    let name = name.split(|&byte| byte == 0).next().unwrap_or(&name);
    println!(
        "{pid:>6} {parent:>6} {state:7} {size:>9} {rss:>9} {pss:>9} {uss:>9} {swap:>9} {faults:>9} {}",
        Lossy(name)
    );
}
