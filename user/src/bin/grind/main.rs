//! `grind [-s SEED] [ROUNDS | SECONDSs]`: the mill. Several processes do random things to files,
//! pipes, processes and memory in one directory, so that they meet. They do a number of rounds each
//! (`grind 500`), or run for a number of seconds (`grind 30s`), or for ever.
//!
//! Results that do not depend on the other processes are checked. Each process prints a letter now
//! and then. The status is 0, or 1 after a line that says what was expected and what was seen.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod actions;
mod memory;
mod processes;

use actions::Mill;
use core::ffi::CStr;
use user::process;
use user::random::Random;
use user::testing::child::{self, Child};
use user::testing::outcome::Outcome;
use user::testing::scratch;
use user::{Args, eprintln, print, println};

user::main!(run);

/// Processes that grind at the same time.
const MILLS: usize = 4;
/// Rounds between two letters.
const ROUNDS_PER_LETTER: u64 = 100;
/// The directory in which the mills work.
pub const FOLDER: &CStr = c"/grind.d";

/// When to stop.
#[derive(Clone, Copy)]
enum Amount {
    Rounds(u64),
    /// When the clock shows this many ticks.
    Until(u64),
    ForEver,
}

impl Amount {
    /// Parses an argument. The time counts from now on.
    fn parse(text: &CStr) -> Option<Self> {
        let text = text.to_str().ok()?;
        match text.strip_suffix('s') {
            None => text.parse().ok().map(Self::Rounds),
            Some(seconds) => {
                let ticks_per_second = 1000 / abi::TICK_MILLISECONDS;
                let seconds: u64 = seconds.parse().ok()?;
                let ticks = seconds.checked_mul(ticks_per_second)?;
                let now = process::uptime().ok()?;
                now.checked_add(ticks).map(Self::Until)
            }
        }
    }

    /// Returns whether `rounds` rounds are enough.
    fn is_reached(self, rounds: u64) -> Outcome<bool> {
        Ok(match self {
            Self::Rounds(all) => rounds >= all,
            Self::Until(end) => process::uptime()? >= end,
            Self::ForEver => false,
        })
    }
}

fn run(args: Args) -> i32 {
    let Some((seed, amount)) = parse(args.skip(1)) else {
        eprintln!("usage: grind [-s SEED] [ROUNDS | SECONDSs]");
        return 2;
    };
    println!("grind: seed {seed}");
    match grind(seed, amount) {
        Ok(()) => {
            println!("\ngrind: OK");
            0
        }
        Err(failure) => {
            println!("\ngrind: FAILED: {failure}");
            1
        }
    }
}

fn parse(mut args: impl Iterator<Item = &'static CStr>) -> Option<(u64, Amount)> {
    let mut argument = args.next();
    let mut seed = process::uptime().ok()?;
    if argument.is_some_and(|option| option == c"-s") {
        seed = args.next()?.to_str().ok()?.parse().ok()?;
        argument = args.next();
    }
    let amount = match argument {
        None => Amount::ForEver,
        Some(text) => Amount::parse(text)?,
    };
    args.next().is_none().then_some((seed, amount))
}

fn grind(seed: u64, amount: Amount) -> Outcome {
    let mut random = Random::new(seed);
    scratch::enter(FOLDER)?;
    let mut mills: [Option<Child>; MILLS] = [const { None }; MILLS];
    for (letter, place) in (b'A'..).zip(&mut mills) {
        let random = random.split();
        *place = Some(child::start(|| turn(random, letter, amount))?);
    }
    let mut outcome = Ok(());
    for mill in mills.into_iter().flatten() {
        outcome = mill.join().and(outcome);
    }
    scratch::remove(FOLDER)?;
    outcome
}

fn turn(random: Random, letter: u8, amount: Amount) -> Outcome {
    let mut mill = Mill::new(random)?;
    let mut rounds = 0;
    while !amount.is_reached(rounds)? {
        mill.act()?;
        rounds += 1;
        if rounds % ROUNDS_PER_LETTER == 0 {
            print!("{}", char::from(letter));
        }
    }
    mill.stop()
}
