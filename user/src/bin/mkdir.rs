//! `mkdir DIRECTORY...`: makes directories.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use user::io::Lossy;
use user::{Args, eprintln, file};

user::main!(run);

fn run(args: Args) -> i32 {
    if args.len() < 2 {
        eprintln!("usage: mkdir DIRECTORY...");
        return 1;
    }
    let mut status = 0;
    for path in args.skip(1) {
        if file::make_directory(path).is_err() {
            eprintln!("mkdir: cannot create {}", Lossy::from(path));
            status = 1;
        }
    }
    status
}
