//! Several names of one file, in one process and in competing ones.

#![forbid(unsafe_code)]

use crate::lies::PROGRAM;
use crate::scratch::{
    self, CREATE, READ, clear, link, link_fails, numbered, open, open_fails, read, unlink,
};
use core::ffi::CStr;
use user::file;
use user::process;
use user::random::Random;
use user::testing::child;
use user::testing::outcome::{Outcome, ensure, expect};

/// A file lives as long as it has a name. A directory can have only one name.
pub fn linktest() -> Outcome {
    clear(c"lf1");
    clear(c"lf2");
    scratch::make(c"lf1", b"hello")?;
    link(c"lf1", c"lf2")?;
    unlink(c"lf1")?;
    open_fails(c"lf1", READ)?;

    let fd = open(c"lf2", READ)?;
    expect("the number of names", 1, fd.stat()?.links)?;
    let mut buffer = [0; 32];
    read(fd, &mut buffer, 5)?;
    fd.close()?;

    link_fails(c"lf2", c"lf2")?;
    unlink(c"lf2")?;
    link_fails(c"lf2", c"lf1")?;
    link_fails(c".", c"lf1")
}

/// Two processes make, link and remove files at once. Afterwards exactly the files that must exist
/// do, once each.
pub fn concreate() -> Outcome {
    const FILES: usize = 40;
    for number in 0..FILES {
        clear(numbered("C", number)?.as_c_str());
        let path = numbered("C", number)?;
        let path = path.as_c_str();
        let other = child::start(|| How::every(5, number).make(path))?;
        How::every(3, number).make(path)?;
        other.join()?;
    }
    expect_entries(FILES)?;
    for number in 0..FILES {
        let path = numbered("C", number)?;
        let path = path.as_c_str();
        // The process that comes second finds no file.
        let other = child::start(|| {
            open_and_unlink(path);
            Ok(())
        })?;
        open_and_unlink(path);
        other.join()?;
        open_fails(path, READ)?;
    }
    Ok(())
}

/// How a process makes a file.
#[derive(Clone, Copy)]
enum How {
    Create,
    /// As another name of the first file, which exists already.
    Link,
}

impl How {
    /// Returns a link for one in `period` numbers.
    fn every(period: usize, number: usize) -> Self {
        if number % period == 1 {
            Self::Link
        } else {
            Self::Create
        }
    }

    fn make(self, path: &CStr) -> Outcome {
        match self {
            Self::Create => Ok(open(path, CREATE)?.close()?),
            Self::Link => {
                // The other process may have made the file first.
                let _ = file::link(c"C0", path);
                Ok(())
            }
        }
    }
}

fn open_and_unlink(path: &CStr) {
    for _ in 0..3 {
        if let Ok(fd) = file::Fd::open(path, READ) {
            // A valid descriptor can be closed.
            let _ = fd.close();
        }
    }
    clear(path);
}

/// Fails unless `.` has exactly one entry for each of the files.
fn expect_entries(files: usize) -> Outcome {
    let mut seen = [false; 64];
    let directory = open(c".", READ)?;
    let mut entry = [0; 16];
    while directory.read(&mut entry)? == entry.len() {
        let (number, name) = entry.split_at(2);
        let name = name.split(|&byte| byte == 0).next().unwrap_or(&[]);
        let Some(digits) = name.strip_prefix(b"C") else {
            continue;
        };
        let digits = core::str::from_utf8(digits).ok();
        let Some(index) = digits.and_then(|digits| digits.parse::<usize>().ok()) else {
            continue;
        };
        if number == [0, 0] {
            continue;
        }
        ensure!(index < files, "C{index}: expected no such name, saw one");
        ensure!(!seen[index], "C{index}: expected one entry, saw two");
        seen[index] = true;
    }
    for (index, &seen) in seen[..files].iter().enumerate() {
        ensure!(seen, "C{index}: expected an entry, saw none");
    }
    Ok(directory.close()?)
}

/// Two processes make, link and remove one name at random.
pub fn linkunlink() -> Outcome {
    clear(c"x");
    let other = child::start(|| {
        churn(97);
        Ok(())
    })?;
    churn(1);
    other.join()?;
    clear(c"x");
    open_fails(c"x", READ)
}

fn churn(seed: u64) {
    let mut random = Random::new(seed ^ process::id() as u64);
    for _ in 0..100 {
        // Any of these calls may fail, because the other process uses the name too.
        match random.below(3) {
            0 => {
                if let Ok(fd) = file::Fd::open(c"x", CREATE) {
                    let _ = fd.close();
                }
            }
            1 => {
                let _ = file::link(PROGRAM, c"x");
            }
            _ => clear(c"x"),
        }
    }
}
