//! `bench`: what the kernel's hot paths cost, one line each: `bench NAME VALUE instructions`.
//! `bench swap`: how fast memory is swapped, in pages per second (see [`swap`]). `bench waits`: how
//! long processes wait for each other (see [`waits`] and [`stretches`]).
//!
//! Values are guest instructions, those of the kernel included. They are exact on one hart under
//! `qemu -icount shift=0`, where every run gives the same; elsewhere they tell little. Each is the
//! least of several tries, so that a timer interrupt in one of them does not count.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod large;
mod stretches;
mod swap;
mod waits;

use user::file::{Fd, pipe};
use user::memory::{Promise, touch_own_pages};
use user::process::{self, Fork};
use user::region::Region;
use user::{Args, Failed, Result, arch, eprintln, println};

user::main!(run);

/// Tries per value.
const TRIES: usize = 5;
/// Pages per try where a cost per page is wanted.
const PAGES: usize = 256;
/// The two sizes of a forking process; their difference is what is divided by.
const SMALL: usize = 256;
const LARGE: usize = 2304;
/// Instructions per tick of the `time` register under `-icount shift=0`: 1 ns each, 10 MHz.
const INSTRUCTIONS_PER_TICK: u64 = 1_000_000_000 / abi::TIME_HZ;

/// How instructions are counted.
#[derive(Clone, Copy)]
enum Counter {
    Instret,
    Time,
}

impl Counter {
    /// Returns the `instret` register if programs may read it, which a child finds out.
    fn choose() -> Result<Self> {
        match process::fork()? {
            Fork::Child => {
                arch::instructions();
                process::exit(0)
            }
            Fork::Parent(pid) => Ok(match process::wait_for(pid)? {
                0 => Self::Instret,
                _ => Self::Time,
            }),
        }
    }

    #[inline(always)]
    fn now(self) -> u64 {
        match self {
            Self::Instret => arch::instructions(),
            Self::Time => arch::time() * INSTRUCTIONS_PER_TICK,
        }
    }

    /// Returns what `work` costs.
    #[inline(always)]
    fn cost(self, work: impl FnOnce()) -> u64 {
        let start = self.now();
        work();
        self.now() - start
    }
}

fn run(args: Args) -> i32 {
    let mut args = args.skip(1);
    match (args.next(), args.next()) {
        (None, _) => {}
        (Some(name), None) if name == c"swap" => return measure_swap(),
        (Some(name), None) if name == c"waits" => {
            return tell(stretches::measure().and_then(|()| waits::measure()));
        }
        _ => {
            eprintln!("usage: bench [swap | waits]");
            return 2;
        }
    }
    tell(measure())
}

/// Says if a measurement failed; the exit status.
fn tell(result: Result<()>) -> i32 {
    if result.is_err() {
        eprintln!("bench: a system call failed; is there too little memory?");
        return 1;
    }
    0
}

fn measure_swap() -> i32 {
    match swap::measure() {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("bench: {failure}");
            1
        }
    }
}

fn report(name: &str, value: u64) {
    println!("bench {name} {value} instructions");
}

/// Returns the least of several tries.
fn least(mut attempt: impl FnMut() -> Result<u64>) -> Result<u64> {
    let mut least = u64::MAX;
    for _ in 0..TRIES {
        least = least.min(attempt()?);
    }
    Ok(least)
}

fn measure() -> Result<()> {
    let counter = Counter::choose()?;
    touch_own_pages();

    report("getpid", getpid(counter)?);
    let (small, small_cycle) = fork(counter, SMALL)?;
    let (large, large_cycle) = fork(counter, LARGE)?;
    let grown = (LARGE - SMALL) as u64;
    report("fork", small);
    report("fork-exit-wait", small_cycle);
    report("fork-page", large.saturating_sub(small) / grown);
    report(
        "fork-exit-wait-page",
        large_cycle.saturating_sub(small_cycle) / grown,
    );
    report("zero-fault", least(|| zero_fault(counter))?);
    report("copy-fault", least(|| copy_fault(counter))?);
    report("reuse-fault", least(|| reuse_fault(counter))?);
    Ok(())
}

fn getpid(counter: Counter) -> Result<u64> {
    const CALLS: u64 = 100;
    least(|| {
        let cost = counter.cost(|| {
            for _ in 0..CALLS {
                process::id();
            }
        });
        Ok(cost / CALLS)
    })
}

fn touch(region: &Region) {
    for page in 0..region.pages() {
        region.write(page, 1);
    }
}

/// Returns what each page of the first `work` costs more than one of the second, which finds all
/// done.
fn per_page(first: u64, second: u64) -> u64 {
    first.saturating_sub(second) / PAGES as u64
}

/// Returns what fork costs a process of this many resident pages until it returns, and with the
/// child's end and the wait for it.
fn fork(counter: Counter, pages: usize) -> Result<(u64, u64)> {
    let region = Region::new(pages, Promise::Eager)?;
    touch(&region);
    let (mut call, mut cycle) = (u64::MAX, u64::MAX);
    for _ in 0..TRIES {
        let start = counter.now();
        match process::fork()? {
            Fork::Child => process::exit(0),
            Fork::Parent(pid) => {
                call = call.min(counter.now() - start);
                process::wait_for(pid)?;
                cycle = cycle.min(counter.now() - start);
            }
        }
    }
    Ok((call, cycle))
}

/// A first touch.
fn zero_fault(counter: Counter) -> Result<u64> {
    let region = Region::new(PAGES, Promise::Eager)?;
    let first = counter.cost(|| touch(&region));
    let second = counter.cost(|| touch(&region));
    Ok(per_page(first, second))
}

/// A child's write to a page that it shares with its parent.
fn copy_fault(counter: Counter) -> Result<u64> {
    let region = Region::new(PAGES, Promise::Eager)?;
    touch(&region);
    let (read_end, write_end) = pipe()?;
    match process::fork()? {
        Fork::Child => {
            touch_own_pages();
            let first = counter.cost(|| touch(&region));
            let second = counter.cost(|| touch(&region));
            let sent = write_end.write_all(&per_page(first, second).to_le_bytes());
            process::exit(i32::from(sent.is_err()))
        }
        Fork::Parent(pid) => {
            write_end.close()?;
            let value = receive(read_end);
            process::wait_for(pid)?;
            value
        }
    }
}

fn receive(from: Fd) -> Result<u64> {
    let mut bytes = [0; 8];
    let count = from.read(&mut bytes)?;
    from.close()?;
    if count == bytes.len() {
        Ok(u64::from_le_bytes(bytes))
    } else {
        Err(Failed)
    }
}

/// The parent's write to a page that it shared with a child which has ended.
fn reuse_fault(counter: Counter) -> Result<u64> {
    let region = Region::new(PAGES, Promise::Eager)?;
    touch(&region);
    match process::fork()? {
        Fork::Child => process::exit(0),
        Fork::Parent(pid) => process::wait_for(pid)?,
    };
    touch_own_pages();
    let first = counter.cost(|| touch(&region));
    let second = counter.cost(|| touch(&region));
    Ok(per_page(first, second))
}
