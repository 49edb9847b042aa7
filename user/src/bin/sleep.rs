//! `sleep TICKS`: waits; a tick is 100 ms.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use user::{Args, eprintln, process};

user::main!(run);

fn run(mut args: Args) -> i32 {
    let ticks = args
        .nth(1)
        .and_then(|text| text.to_str().ok()?.parse::<i32>().ok())
        .filter(|&ticks| ticks >= 0);
    let Some(ticks) = ticks else {
        eprintln!(
            "usage: sleep TICKS (a tick is {} ms)",
            abi::TICK_MILLISECONDS
        );
        return 1;
    };
    match process::sleep(ticks) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}
