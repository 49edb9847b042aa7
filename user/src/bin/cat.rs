//! `cat [FILE]...`: copies files, or standard input, to standard output.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::OpenFlags;
use user::file::Fd;
use user::io::Lossy;
use user::{Args, eprintln};

user::main!(run);

fn run(args: Args) -> i32 {
    let mut files = args.skip(1).peekable();
    if files.peek().is_none() {
        return copy(Fd::INPUT, Lossy(b"standard input"));
    }
    let mut status = 0;
    for path in files {
        let Ok(file) = Fd::open(path, OpenFlags::READ_ONLY) else {
            eprintln!("cat: cannot open {}", Lossy::from(path));
            status = 1;
            continue;
        };
        status |= copy(file, Lossy::from(path));
        // The process is about to end or to open the next file; a failing close loses nothing.
        let _ = file.close();
    }
    status
}

/// Copies the rest of `file`. Returns the exit status.
fn copy(file: Fd, name: Lossy) -> i32 {
    let mut buffer = [0; 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return 0,
            Ok(count) => {
                if Fd::OUTPUT.write_all(&buffer[..count]).is_err() {
                    eprintln!("cat: cannot write to standard output");
                    return 1;
                }
            }
            Err(_) => {
                eprintln!("cat: cannot read {name}");
                return 1;
            }
        }
    }
}
