//! `zombie`: leaves a child that has ended and is not waited for, for `init` to reap.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use user::process::{self, Fork};
use user::{Args, eprintln};

user::main!(run);

fn run(_: Args) -> i32 {
    match process::fork() {
        Ok(Fork::Child) => 0,
        Ok(Fork::Parent(_)) => {
            // Long enough for the child to end first.
            let _ = process::sleep(5);
            0
        }
        Err(_) => {
            eprintln!("zombie: cannot fork");
            1
        }
    }
}
