//! `grep PATTERN [FILE]...`: prints the lines in which the pattern is found (see
//! `user::pattern`). Status 0 if there were any, 1 if none, 2 if something went wrong.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use abi::OpenFlags;
use alloc::vec::Vec;
use user::file::Fd;
use user::io::{Lines, Lossy};
use user::pattern::Pattern;
use user::{Args, eprintln};

user::main!(run);

const FOUND: i32 = 0;
const NOT_FOUND: i32 = 1;
const TROUBLE: i32 = 2;

fn run(args: Args) -> i32 {
    let mut arguments = args.skip(1).peekable();
    let Some(pattern) = arguments.next() else {
        eprintln!("usage: grep PATTERN [FILE]...");
        return TROUBLE;
    };
    let pattern = Pattern::new(pattern.to_bytes());
    if arguments.peek().is_none() {
        return search(&pattern, Fd::INPUT, Lossy(b"standard input"));
    }
    let mut status = NOT_FOUND;
    for path in arguments {
        let found = match Fd::open(path, OpenFlags::READ_ONLY) {
            Err(_) => {
                eprintln!("grep: cannot open {}", Lossy::from(path));
                TROUBLE
            }
            Ok(file) => {
                let found = search(&pattern, file, Lossy::from(path));
                // The file was only read, so a failing close loses nothing.
                let _ = file.close();
                found
            }
        };
        // Trouble with any file decides; otherwise one line found is enough.
        status = match (status, found) {
            (TROUBLE, _) | (_, TROUBLE) => TROUBLE,
            (old, new) => old.min(new),
        };
    }
    status
}

/// Prints the matching lines of `file`. Returns the status for it alone.
fn search(pattern: &Pattern, file: Fd, name: Lossy) -> i32 {
    let mut lines = Lines::new(file);
    let mut line = Vec::new();
    let mut status = NOT_FOUND;
    loop {
        match lines.next_into(&mut line) {
            Ok(true) => {}
            Ok(false) => return status,
            Err(_) => {
                eprintln!("grep: cannot read {name}");
                return TROUBLE;
            }
        }
        if !pattern.matches(line.strip_suffix(b"\n").unwrap_or(&line)) {
            continue;
        }
        status = FOUND;
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        if Fd::OUTPUT.write_all(&line).is_err() {
            eprintln!("grep: cannot write to standard output");
            return TROUBLE;
        }
    }
}
