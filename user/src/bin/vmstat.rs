//! `vmstat [SECONDS [COUNT]]`: what the memory system does, a line per interval.
//!
//! `free` and `cache` are KiB at that moment; `si` and `so` are pages read from swap and written to
//! it, and the others are faults by their kind, all per interval. The first line is about the time
//! since boot; without SECONDS it is the only one. With SECONDS alone it goes on until it is
//! killed.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::MemCounter::{
    self, CopyFaults, FileCache, FileFaults, Free, ReuseFaults, SwapIns, SwapOuts, ZeroFaults,
};
use abi::{PAGE_SIZE, TICK_MILLISECONDS};
use core::fmt;
use user::memory::SystemCounters;
use user::{Args, eprintln, println, process};

user::main!(run);

/// Bytes in the unit of the levels.
const UNIT: u64 = 1024;
/// The number of lines after which the header is printed again.
const PAGE_LENGTH: u32 = 20;

/// The levels, with their headers.
const LEVELS: [(&str, MemCounter); 2] = [("free", Free), ("cache", FileCache)];
/// The counters that are printed per interval.
const EVENTS: [(&str, MemCounter); 6] = [
    ("si", SwapIns),
    ("so", SwapOuts),
    ("zero", ZeroFaults),
    ("copy", CopyFaults),
    ("reuse", ReuseFaults),
    ("file", FileFaults),
];

/// When to print.
struct Plan {
    /// Ticks between two lines.
    interval: i32,
    /// The number of lines. `None` means without end.
    count: Option<u32>,
}

impl Plan {
    fn new(mut args: Args) -> Option<Self> {
        let mut number = || match args.next() {
            None => Some(None),
            Some(text) => {
                let number = text.to_str().ok()?.parse::<u32>().ok()?;
                (number > 0).then_some(Some(number))
            }
        };
        let (seconds, count) = (number()?, number()?);
        if args.next().is_some() {
            return None;
        }
        let milliseconds = u64::from(seconds.unwrap_or(0)) * 1000;
        Some(Self {
            interval: i32::try_from(milliseconds / TICK_MILLISECONDS).ok()?,
            count: if seconds.is_none() { Some(1) } else { count },
        })
    }
}

fn run(mut args: Args) -> i32 {
    args.next();
    let Some(plan) = Plan::new(args) else {
        eprintln!("usage: vmstat [SECONDS [COUNT]], both at least 1");
        return 2;
    };
    let mut before: Option<SystemCounters> = None;
    for number in 0.. {
        if plan.count == Some(number) {
            break;
        }
        if number != 0 && process::sleep(plan.interval).is_err() {
            return 1;
        }
        let Ok(now) = SystemCounters::now() else {
            eprintln!("vmstat: this kernel keeps no counters");
            return 1;
        };
        if number % PAGE_LENGTH == 0 {
            println!("{Header}");
        }
        let line = Line {
            now: &now,
            before: before.as_ref(),
        };
        println!("{line}");
        before = Some(now);
    }
    0
}

/// The names of the columns.
struct Header;

impl fmt::Display for Header {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (name, _) in LEVELS {
            write!(formatter, "{name:>10}")?;
        }
        for (name, _) in EVENTS {
            write!(formatter, "{name:>9}")?;
        }
        Ok(())
    }
}

/// The levels now, and the events since the last line.
struct Line<'a> {
    now: &'a SystemCounters,
    before: Option<&'a SystemCounters>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (_, level) in LEVELS {
            let size = self.now[level] * PAGE_SIZE as u64 / UNIT;
            write!(formatter, "{size:>10}")?;
        }
        for (_, event) in EVENTS {
            let before = self.before.map_or(0, |before| before[event]);
            write!(formatter, "{:>9}", self.now[event] - before)?;
        }
        Ok(())
    }
}
