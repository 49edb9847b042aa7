//! `wc [FILE]...`: counts lines, words and bytes of files, or of standard input.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::OpenFlags;
use user::file::Fd;
use user::io::Lossy;
use user::{Args, Result, eprintln, println};

user::main!(run);

fn run(args: Args) -> i32 {
    let mut files = args.skip(1).peekable();
    if files.peek().is_none() {
        return report(Fd::INPUT, Lossy(b""));
    }
    let mut status = 0;
    for path in files {
        let Ok(file) = Fd::open(path, OpenFlags::READ_ONLY) else {
            eprintln!("wc: cannot open {}", Lossy::from(path));
            status = 1;
            continue;
        };
        status |= report(file, Lossy::from(path));
        // The file was only read, so a failing close loses nothing.
        let _ = file.close();
    }
    status
}

#[derive(Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
}

/// Prints the counts of `file`. Returns the exit status.
fn report(file: Fd, name: Lossy) -> i32 {
    let Ok(counts) = count(file) else {
        eprintln!("wc: cannot read {name}");
        return 1;
    };
    println!("{} {} {} {name}", counts.lines, counts.words, counts.bytes);
    0
}

fn count(file: Fd) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut within_word = false;
    let mut buffer = [0; 1024];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(counts);
        }
        counts.bytes += length as u64;
        for byte in &buffer[..length] {
            counts.lines += u64::from(*byte == b'\n');
            let blank = byte.is_ascii_whitespace() || *byte == b'\x0b';
            counts.words += u64::from(!within_word && !blank);
            within_word = !blank;
        }
    }
}
