//! `echo [-n] [WORD]...`: prints its arguments; `-n` leaves the newline out.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use user::file::Fd;
use user::{Args, eprintln};

user::main!(run);

fn run(args: Args) -> i32 {
    let mut words = args.skip(1).peekable();
    let newline = words.next_if_eq(&c"-n").is_none();
    let mut line = Vec::new();
    while let Some(word) = words.next() {
        line.extend_from_slice(word.to_bytes());
        if words.peek().is_some() {
            line.push(b' ');
        }
    }
    if newline {
        line.push(b'\n');
    }
    // One write, so that concurrent lines stay whole.
    match Fd::OUTPUT.write_all(&line) {
        Ok(()) => 0,
        Err(_) => {
            eprintln!("echo: cannot write to standard output");
            1
        }
    }
}
