//! `failnth`: tests that every system call, and every page fault, survives every allocation that
//! fails in it.
//!
//! Each operation is run again and again, each time in a process of its own: with its first
//! allocation in the kernel made to fail, then its second, and so on until no allocation is left to
//! fail (`/dev/failnth`, see `abi::FAIL_NTH_MAJOR`). The operation must succeed, or answer -1 and
//! have changed nothing. If it touches memory that was not promised, the process may be killed
//! instead. Afterwards as many frames are free and promised as before, and the kernel's audit finds
//! nothing. No other program may run at that time, because it would disturb the count.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod files;
mod mapped;
mod mapping;
mod memory;
mod processes;
mod trial;

use abi::MemCounter;
use core::ffi::CStr;
use trial::{Device, Ended, Trial};
use user::io::Lossy;
use user::memory::{Audit, SystemCounters, touch_own_pages};
use user::process::{self, Fork, KILLED};
use user::testing::measure::Levels;
use user::testing::outcome::{Outcome, ensure, failure};
use user::testing::scratch;
use user::{Args, eprintln, println};

user::main!(run);

/// The directory in which the operations work.
const DIRECTORY: &CStr = c"/failnth.d";
/// More allocations than any operation needs.
const NTH_MAX: u32 = 500;
/// The number of an allocation that no operation reaches by far, so that none fails.
const NEVER: u32 = u32::MAX;

/// Something that a program asks of the kernel.
struct Operation {
    name: &'static str,
    /// Whether the process that tries the operation may be killed for lack of memory.
    may_be_killed: bool,
    /// Prepares the operation, does it as the trial says, checks the result and leaves nothing
    /// behind.
    body: fn(&Trial) -> Outcome<Ended>,
}

const fn answers(name: &'static str, body: fn(&Trial) -> Outcome<Ended>) -> Operation {
    Operation {
        name,
        may_be_killed: false,
        body,
    }
}

const fn may_be_killed(name: &'static str, body: fn(&Trial) -> Outcome<Ended>) -> Operation {
    Operation {
        name,
        may_be_killed: true,
        body,
    }
}

fn run(mut args: Args) -> i32 {
    // This is what the operation `exec` executes: it reports how that exec ended.
    if args.nth(1) == Some(processes::TELL) {
        return processes::tell(args.next());
    }
    match run_all() {
        Ok(0) => 0,
        Ok(_) => 1,
        Err(failure) => {
            eprintln!("failnth: {failure}");
            2
        }
    }
}

/// Runs all operations. Returns the number of differences.
fn run_all() -> Outcome<u32> {
    if Device::open().is_err() {
        return Err(failure!(
            "this kernel has no fail-nth device (/dev/failnth, major {})",
            abi::FAIL_NTH_MAJOR
        ));
    }
    scratch::enter(DIRECTORY)?;
    files::prepare()?;
    let (mut operations, mut failures, mut differences) = (0, 0, 0);
    let rooms = [
        processes::ALL,
        memory::ALL,
        mapping::ALL,
        mapped::ALL,
        files::ALL,
    ];
    for operation in rooms.into_iter().flatten() {
        operations += 1;
        match sweep(operation) {
            Ok(count) => {
                println!("{}: {count} allocations made to fail", operation.name);
                failures += count;
            }
            Err(failure) => {
                println!("{}: FAILED: {failure}", operation.name);
                differences += 1;
            }
        }
    }
    scratch::remove(DIRECTORY)?;
    println!("failnth: {operations} operations, {failures} failures, {differences} differences");
    Ok(differences)
}

/// Makes each allocation of an operation fail once. Returns how many allocations there are.
fn sweep(operation: &Operation) -> Outcome<u32> {
    // The first run fails no allocation, so that pools of kernel objects grow to the size they
    // need.
    let ended = attempt(operation, NEVER)?;
    ensure!(
        ended == Ended::Through,
        "expected it to work, saw {ended:?}"
    );
    touch_own_pages();
    let before = Levels::now()?;
    for nth in 1..=NTH_MAX {
        let ended =
            attempt(operation, nth).map_err(|failure| failure!("allocation {nth}: {failure}"))?;
        before
            .expect_back()
            .map_err(|failure| failure!("after allocation {nth}: {failure}"))?;
        let audit = Audit::now()?;
        ensure!(
            audit.is_clean(),
            "after allocation {nth}: {}",
            Lossy(audit.line())
        );
        if ended == Ended::Through {
            return Ok(nth - 1);
        }
    }
    Err(failure!(
        "expected an end, saw more than {NTH_MAX} allocations"
    ))
}

/// Tries the operation in a child, with its `nth` allocation failing. Returns how the try ended.
fn attempt(operation: &Operation, nth: u32) -> Outcome<Ended> {
    let killed_before = SystemCounters::now()?[MemCounter::Killed];
    let status = match process::fork()? {
        Fork::Parent(pid) => process::wait_for(pid)?,
        Fork::Child => {
            let ended = Device::open()
                .map_err(Into::into)
                .and_then(|device| (operation.body)(&Trial::new(device, nth)));
            process::exit(match ended {
                Ok(ended) => ended as i32,
                Err(failure) => {
                    println!("{}: {failure}", operation.name);
                    trial::DIFFERENT
                }
            })
        }
    };
    if let Some(ended) = Ended::from_status(status) {
        return Ok(ended);
    }
    let killed = SystemCounters::now()?[MemCounter::Killed] - killed_before;
    ensure!(
        status == KILLED && killed == 1 && operation.may_be_killed,
        "expected success or -1, saw status {status}, {killed} killed for lack of memory"
    );
    Ok(Ended::Killed)
}
