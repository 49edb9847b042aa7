//! `stressfs`: five processes write files of their own at once, read them back and remove them.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::OpenFlags;
use user::file::{self, Fd};
use user::path::PathBuffer;
use user::process::{self, Fork};
use user::{Args, Failed, Result, eprintln, println};

user::main!(run);

const PROCESSES: u8 = 5;
const WRITES: u8 = 20;
const BYTES: usize = 512;

fn run(_: Args) -> i32 {
    println!("stressfs: starting");
    let mut status = 0;
    let mut started = 0;
    for number in 0..PROCESSES {
        match process::fork() {
            Ok(Fork::Child) => return work_and_report(number),
            Ok(Fork::Parent(_)) => started += 1,
            Err(_) => {
                eprintln!("stressfs: cannot fork");
                status = 1;
            }
        }
    }
    for _ in 0..started {
        if !matches!(process::wait(), Ok((_, 0))) {
            status = 1;
        }
    }
    if status == 0 {
        println!("stressfs: OK");
    }
    status
}

fn work_and_report(number: u8) -> i32 {
    if work(number).is_err() {
        eprintln!("stressfs: FAILED: process {number} did not read what it wrote");
        return 1;
    }
    0
}

fn work(number: u8) -> Result<()> {
    let path = PathBuffer::join(&[b"stressfs", &[b'0' + number]])?;
    let path = path.as_c_str();
    let content = |write: u8| [b'a' + (number * WRITES + write) % 26; BYTES];

    let mode = OpenFlags::CREATE.with(OpenFlags::TRUNCATE);
    let out = Fd::open(path, mode.with(OpenFlags::READ_WRITE))?;
    for write in 0..WRITES {
        out.write_all(&content(write))?;
    }
    out.close()?;

    let input = Fd::open(path, OpenFlags::READ_ONLY)?;
    let mut buffer = [0; BYTES];
    for write in 0..WRITES {
        if input.read(&mut buffer)? != BYTES || buffer != content(write) {
            return Err(Failed);
        }
    }
    if input.read(&mut buffer)? != 0 {
        return Err(Failed);
    }
    input.close()?;
    file::unlink(path)
}
