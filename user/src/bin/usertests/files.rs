//! Plain files, one process at a time.

#![forbid(unsafe_code)]

use crate::lies::PROGRAM;
use crate::scratch::{
    self, CREATE, READ, UPDATE, all_are, clear, fails, numbered, open, open_fails, read, unlink,
    write,
};
use abi::BLOCK_SIZE;
use user::testing::outcome::{Outcome, ensure, expect};

/// The number of blocks of the largest file: 12 direct ones, and one block of block numbers.
const LARGEST: usize = 12 + BLOCK_SIZE / 4;

/// A file that exists can be opened, and one that does not exist cannot.
pub fn opentest() -> Outcome {
    open(PROGRAM, READ)?.close()?;
    open_fails(c"doesnotexist", READ)
}

/// Small writes add up to a file.
pub fn writetest() -> Outcome {
    const WRITES: usize = 100;
    clear(c"small");
    let fd = open(c"small", CREATE)?;
    for _ in 0..WRITES {
        write(fd, b"aaaaaaaaaa")?;
        write(fd, b"bbbbbbbbbb")?;
    }
    fd.close()?;

    let fd = open(c"small", READ)?;
    const BYTES: usize = 2 * 10 * WRITES;
    let mut buffer = [0; BYTES];
    read(fd, &mut buffer, BYTES)?;
    for pair in buffer.chunks(20) {
        ensure!(
            pair == b"aaaaaaaaaabbbbbbbbbb",
            "expected ten a and ten b, saw other bytes"
        );
    }
    fd.close()?;
    unlink(c"small")
}

/// The largest file can be written and read. One byte more cannot be written.
pub fn writebig() -> Outcome {
    clear(c"big");
    let fd = open(c"big", CREATE)?;
    let mut block = [0; BLOCK_SIZE];
    for number in 0..LARGEST {
        block[..8].copy_from_slice(&number.to_le_bytes());
        write(fd, &block)?;
    }
    fails("a write beyond the largest size", fd.write(b"x"))?;
    expect("the size", (LARGEST * BLOCK_SIZE) as u64, fd.stat()?.size)?;
    fd.close()?;

    let fd = open(c"big", READ)?;
    for number in 0..LARGEST {
        read(fd, &mut block, BLOCK_SIZE)?;
        let mut seen = [0; 8];
        seen.copy_from_slice(&block[..8]);
        expect("the block's number", number, usize::from_le_bytes(seen))?;
    }
    read(fd, &mut block, 0)?;
    fd.close()?;
    unlink(c"big")
}

/// Many files are made and removed.
pub fn createtest() -> Outcome {
    const FILES: usize = 52;
    for number in 0..FILES {
        open(numbered("ct", number)?.as_c_str(), CREATE)?.close()?;
    }
    for number in 0..FILES {
        unlink(numbered("ct", number)?.as_c_str())?;
    }
    for number in 0..FILES {
        open_fails(numbered("ct", number)?.as_c_str(), READ)?;
    }
    Ok(())
}

/// A file without a name lives until it is closed, beside a new file with its old name.
pub fn unlinkread() -> Outcome {
    let mut buffer = [0; 32];
    clear(c"unlinkread");
    scratch::make(c"unlinkread", b"hello")?;
    let old = open(c"unlinkread", UPDATE)?;
    unlink(c"unlinkread")?;
    scratch::make(c"unlinkread", b"yyy")?;
    read(old, &mut buffer, 5)?;
    ensure!(
        &buffer[..5] == b"hello",
        "expected the old file's bytes, saw others"
    );
    write(old, b"0123456789")?;
    old.close()?;
    let new = open(c"unlinkread", READ)?;
    read(new, &mut buffer, 3)?;
    all_are("the new file", b'y', &buffer[..3])?;
    new.close()?;
    unlink(c"unlinkread")
}

/// Writes of every size, up to more than a transaction holds.
pub fn bigwrite() -> Outcome {
    const LARGEST_WRITE: usize = 12 * BLOCK_SIZE;
    let mut buffer = [0; LARGEST_WRITE];
    for size in (499..LARGEST_WRITE).step_by(471) {
        clear(c"bigwrite");
        let fill = (size / 471) as u8;
        buffer[..size].fill(fill);
        let fd = open(c"bigwrite", CREATE)?;
        write(fd, &buffer[..size])?;
        write(fd, &buffer[..size])?;
        fd.close()?;
        let fd = open(c"bigwrite", READ)?;
        for _ in 0..2 {
            buffer[..size].fill(0xff);
            read(fd, &mut buffer[..size], size)?;
            all_are("a large write", fill, &buffer[..size])?;
        }
        fd.close()?;
        unlink(c"bigwrite")?;
    }
    Ok(())
}

/// Reads and writes of sizes that do not divide a block.
pub fn bigfile() -> Outcome {
    const CHUNK: usize = 600;
    const CHUNKS: u8 = 20;
    clear(c"bigfile");
    let fd = open(c"bigfile", CREATE)?;
    for number in 0..CHUNKS {
        write(fd, &[number; CHUNK])?;
    }
    fd.close()?;
    let fd = open(c"bigfile", READ)?;
    let mut half = [0; CHUNK / 2];
    for number in 0..CHUNKS {
        for _ in 0..2 {
            read(fd, &mut half, CHUNK / 2)?;
            all_are("half a chunk", number, &half)?;
        }
    }
    read(fd, &mut half, 0)?;
    fd.close()?;
    unlink(c"bigfile")
}
