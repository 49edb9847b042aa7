//! Files that are emptied while a process has them open.

#![forbid(unsafe_code)]

use crate::scratch::{self, CREATE, OpenFlags, READ, REPLACE, clear, fails, open, read, write};
use core::ffi::CStr;
use user::testing::child;
use user::testing::outcome::{Outcome, ensure};

const PATH: &CStr = c"truncfile";

/// A reader sees the file shrink and grow again.
pub fn truncate1() -> Outcome {
    let mut buffer = [0; 32];
    clear(PATH);
    scratch::make(PATH, b"abcd")?;
    let reader = open(PATH, READ)?;
    read(reader, &mut buffer, 4)?;

    let writer = open(PATH, OpenFlags::WRITE_ONLY.with(OpenFlags::TRUNCATE))?;
    let late_reader = open(PATH, READ)?;
    read(late_reader, &mut buffer, 0)?;
    // The first reader's offset is beyond the end now.
    read(reader, &mut buffer, 0)?;

    write(writer, b"abcdef")?;
    read(late_reader, &mut buffer, 6)?;
    ensure!(
        &buffer[..6] == b"abcdef",
        "expected what was written after the truncation, saw other bytes"
    );
    read(reader, &mut buffer, 2)?;
    ensure!(
        &buffer[..2] == b"ef",
        "expected the early reader to go on at byte 4, saw other bytes"
    );
    for fd in [reader, writer, late_reader] {
        fd.close()?;
    }
    scratch::unlink(PATH)
}

/// A writer whose offset is beyond the end cannot leave a hole.
pub fn truncate2() -> Outcome {
    clear(PATH);
    let first = open(PATH, REPLACE)?;
    write(first, b"abcd")?;
    let second = open(PATH, OpenFlags::WRITE_ONLY.with(OpenFlags::TRUNCATE))?;
    fails("write beyond the end", first.write(b"x"))?;
    scratch::unlink(PATH)?;
    first.close()?;
    Ok(second.close()?)
}

/// Two processes empty the same file again and again, and write and read it.
pub fn truncate3() -> Outcome {
    const ROUNDS: usize = 100;
    clear(PATH);
    open(PATH, REPLACE)?.close()?;
    let other = child::start(|| {
        let mut buffer = [0; 32];
        for _ in 0..ROUNDS {
            let writer = open(PATH, OpenFlags::WRITE_ONLY)?;
            write(writer, b"1234567890")?;
            writer.close()?;
            let reader = open(PATH, READ)?;
            // The length of the file depends on the other process.
            reader.read(&mut buffer)?;
            reader.close()?;
        }
        Ok(())
    })?;
    for _ in 0..ROUNDS + ROUNDS / 2 {
        let writer = open(PATH, CREATE.with(OpenFlags::TRUNCATE))?;
        write(writer, b"xxx")?;
        writer.close()?;
    }
    other.join()?;
    scratch::unlink(PATH)
}
