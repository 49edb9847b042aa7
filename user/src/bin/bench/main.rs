//! `bench waits`: how long processes wait for each other (see [`waits`] and [`stretches`]), one
//! line each: `bench NAME VALUE instructions`. `bench swap`: how fast memory is swapped, in pages
//! per second (see [`swap`]). What fork and faults cost is measured by `forkbench`.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod large;
mod stretches;
mod swap;
mod waits;

use user::region::Region;
use user::{Args, eprintln, println};

user::main!(run);

fn run(args: Args) -> i32 {
    let mut args = args.skip(1);
    match (args.next(), args.next()) {
        (Some(name), None) if name == c"swap" => measure_swap(),
        (Some(name), None) if name == c"waits" => measure_waits(),
        _ => {
            eprintln!("usage: bench swap | bench waits");
            2
        }
    }
}

fn measure_waits() -> i32 {
    if stretches::measure()
        .and_then(|()| waits::measure())
        .is_err()
    {
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

fn touch(region: &Region) {
    for page in 0..region.pages() {
        region.write(page, 1);
    }
}
