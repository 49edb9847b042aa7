//! `syzzle [-b] SEED N`: makes some N system calls with random arguments, by processes that fork,
//! kill, and share files and pipes. A run can be repeated, because what each process tries depends
//! on SEED alone.
//!
//! Four launchers run one *episode* after another: a process that makes a hundred calls, or shares
//! them with the children that it forks. No process of an episode is certain to end, so a watch
//! kills every process that is older than two seconds. The kernel has to survive and to give all
//! memory back. With `-b`, other programs run beside this one, so memory is not counted.
//! `user::fuzz` chooses the calls.

#![no_std]
#![no_main]

mod episode;
mod watch;

use core::ffi::CStr;
use user::file::{Fd, pipe};
use user::memory::SystemCounters;
use user::process::{self, Fork, Pid};
use user::random::Random;
use user::testing::measure::Since;
use user::testing::outcome::{Outcome, expect};
use user::testing::scratch;
use user::{Args, Result, eprintln, println};
use watch::Registrar;

user::main!(run);

/// The number of launchers, and so of episodes at one time.
const LAUNCHERS: usize = 4;
/// The directory that holds all files.
const FOLDER: &CStr = c"/syzzle.d";

fn run(args: Args) -> i32 {
    let mut args = args.skip(1).peekable();
    let alone = args.next_if(|argument| *argument == c"-b").is_none();
    let mut numbers = args.map(|argument| argument.to_str().ok()?.parse::<u64>().ok());
    let (Some(Some(seed)), Some(Some(calls)), None) =
        (numbers.next(), numbers.next(), numbers.next())
    else {
        eprintln!("usage: syzzle [-b] SEED N");
        return 2;
    };
    println!("syzzle: seed {seed}, {calls} calls");
    match fuzz(seed, calls, alone) {
        Ok(killed) => {
            println!("syzzle: OK, {killed} processes had to be killed");
            0
        }
        Err(failure) => {
            println!("syzzle: FAILED: {failure}");
            1
        }
    }
}

/// Makes the calls and, if no other program runs, looks for lost memory. Returns how many processes
/// did not end by themselves.
fn fuzz(seed: u64, calls: u64, alone: bool) -> Outcome<u64> {
    scratch::enter(FOLDER)?;
    let counted = alone && SystemCounters::now().is_ok();
    let start = if counted { Some(Since::now()?) } else { None };
    let outcome = launch_all(seed, calls);
    let leak = start.map_or(Ok(()), |start| start.expect_no_leak("fuzzing"));
    scratch::remove(FOLDER)?;
    let killed = outcome?;
    leak?;
    Ok(killed)
}

fn launch_all(seed: u64, calls: u64) -> Outcome<u64> {
    let mut random = Random::new(seed);
    // Episodes print into this file. It has a page that they can map.
    let quiet = Fd::open(
        c"quiet",
        abi::OpenFlags::CREATE.with(abi::OpenFlags::READ_WRITE),
    )?;
    quiet.write_all(&[0; abi::PAGE_SIZE])?;
    let (records, registry) = pipe()?;
    // This pipe breaks when the last process of the last episode has ended.
    let (end_of_life, life) = pipe()?;
    let registrar = Registrar::new(registry);

    let undertaker = spawn(|| {
        records.close()?;
        life.close()?;
        registrar.announce_end(end_of_life)
    })?;
    let ticker = spawn(|| {
        for fd in [records, end_of_life, life] {
            fd.close()?;
        }
        registrar.tick_for_ever()
    })?;
    let episodes = calls.div_ceil(episode::CALLS).div_ceil(LAUNCHERS as u64);
    let mut launchers = [0; LAUNCHERS];
    for launcher in &mut launchers {
        let random = random.split();
        *launcher = spawn(|| {
            records.close()?;
            end_of_life.close()?;
            be_quiet(quiet)?;
            episode::launch(random, episodes, registrar, life)
        })?;
    }
    for fd in [quiet, registry, end_of_life, life] {
        fd.close()?;
    }
    let killed = watch::keep(records)?;
    // The ticker stops only when it is killed.
    process::kill(ticker)?;
    records.close()?;
    for _ in 0..LAUNCHERS + 2 {
        let (pid, status) = process::wait()?;
        if launchers.contains(&pid) || pid == undertaker {
            expect("the status of a launcher", 0, status)?;
        }
    }
    Ok(killed)
}

/// Forks a child that ends after `body`: with 0 if `body` succeeded.
fn spawn(body: impl FnOnce() -> Result<()>) -> Result<Pid> {
    match process::fork()? {
        Fork::Parent(pid) => Ok(pid),
        Fork::Child => process::exit(i32::from(body().is_err())),
    }
}

/// Makes `fd` the descriptors 0, 1 and 2, and closes it.
fn be_quiet(fd: Fd) -> Result<()> {
    for standard in [Fd::INPUT, Fd::OUTPUT, Fd::ERROR] {
        standard.close()?;
        fd.duplicate()?;
    }
    fd.close()
}
