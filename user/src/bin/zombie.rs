//! `zombie`: leaves a child that has ended and was not waited for. `init` reaps it.

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
            // The sleep lets the child end first.
            let _ = process::sleep(5);
            0
        }
        Err(_) => {
            eprintln!("zombie: cannot fork");
            1
        }
    }
}
