//! Files that several processes work on at once.

#![forbid(unsafe_code)]

use crate::scratch::{
    CREATE, READ, UPDATE, clear, numbered, open, open_fails, unlink, works, write,
};
use user::file::Fd;
use user::testing::child::{self, Child};
use user::testing::outcome::{Outcome, expect};

/// Two processes write through one open file. Every write is there.
pub fn sharedfd() -> Outcome {
    const WRITES: usize = 1000;
    const BYTES: usize = 10;
    clear(c"sharedfd");
    let fd = open(c"sharedfd", CREATE)?;
    let write_all = |byte: u8| {
        for _ in 0..WRITES {
            write(fd, &[byte; BYTES])?;
        }
        Ok(())
    };
    let other = child::start(|| write_all(b'c'))?;
    write_all(b'p')?;
    other.join()?;
    fd.close()?;

    let fd = open(c"sharedfd", READ)?;
    let mut counts = [0; 256];
    count(fd, &mut counts)?;
    fd.close()?;
    expect(
        "bytes of the child",
        WRITES * BYTES,
        counts[usize::from(b'c')],
    )?;
    expect(
        "bytes of the parent",
        WRITES * BYTES,
        counts[usize::from(b'p')],
    )?;
    unlink(c"sharedfd")
}

/// Counts the bytes of a file by their value.
fn count(fd: Fd, counts: &mut [usize; 256]) -> Outcome {
    let mut buffer = [0; 1000];
    loop {
        let read = works("read", fd.read(&mut buffer))?;
        if read == 0 {
            return Ok(());
        }
        for &byte in &buffer[..read] {
            counts[usize::from(byte)] += 1;
        }
    }
}

/// Four processes write a file each. No byte lands in another file.
pub fn fourfiles() -> Outcome {
    const FILES: usize = 4;
    const WRITES: usize = 12;
    const BYTES: usize = 500;
    let content = |number: usize| b'0' + number as u8;
    let mut children: [Option<Child>; FILES] = [const { None }; FILES];
    for (number, place) in children.iter_mut().enumerate() {
        let path = numbered("four", number)?;
        clear(path.as_c_str());
        *place = Some(child::start(|| {
            let fd = open(path.as_c_str(), CREATE)?;
            for _ in 0..WRITES {
                write(fd, &[content(number); BYTES])?;
            }
            Ok(fd.close()?)
        })?);
    }
    for child in children.into_iter().flatten() {
        child.join()?;
    }
    for number in 0..FILES {
        let path = numbered("four", number)?;
        let fd = open(path.as_c_str(), READ)?;
        let mut counts = [0; 256];
        count(fd, &mut counts)?;
        fd.close()?;
        expect(
            "bytes of one process",
            WRITES * BYTES,
            counts[usize::from(content(number))],
        )?;
        expect("bytes in all", WRITES * BYTES, counts.iter().sum())?;
        unlink(path.as_c_str())?;
    }
    Ok(())
}

/// Four processes make and remove files in one directory. Afterwards the files that were made
/// exist, and the removed ones do not.
pub fn createdelete() -> Outcome {
    const PROCESSES: usize = 4;
    const FILES: usize = 20;
    let path = |process: usize, file: usize| numbered(["pa", "pb", "pc", "pd"][process], file);
    let removed = |file: usize| file % 2 == 1;
    let mut children: [Option<Child>; PROCESSES] = [const { None }; PROCESSES];
    for (process, place) in children.iter_mut().enumerate() {
        *place = Some(child::start(|| {
            for file in 0..FILES {
                open(path(process, file)?.as_c_str(), CREATE)?.close()?;
                if removed(file) {
                    unlink(path(process, file)?.as_c_str())?;
                }
            }
            Ok(())
        })?);
    }
    for child in children.into_iter().flatten() {
        child.join()?;
    }
    for process in 0..PROCESSES {
        for file in 0..FILES {
            let path = path(process, file)?;
            if removed(file) {
                open_fails(path.as_c_str(), READ)?;
            } else {
                open(path.as_c_str(), UPDATE)?.close()?;
                unlink(path.as_c_str())?;
            }
        }
    }
    Ok(())
}
