//! Directories and paths, one process at a time.

#![forbid(unsafe_code)]

use crate::lies::PROGRAM;
use crate::scratch::{
    self, CREATE, OpenFlags, READ, UPDATE, chdir, chdir_fails, clear, fails, link, link_fails,
    mkdir, mkdir_fails, open, open_fails, read, unlink, unlink_fails, write,
};
use core::ffi::CStr;
use user::file;
use user::testing::outcome::{Outcome, ensure};

/// A directory is made, entered, left and removed.
pub fn dirtest() -> Outcome {
    clear(c"dir0");
    mkdir(c"dir0")?;
    chdir(c"dir0")?;
    chdir(c"..")?;
    unlink(c"dir0")?;
    open_fails(c"dir0", READ)
}

/// Paths that lead up and down, and calls that must fail for the entries of a directory.
pub fn subdir() -> Outcome {
    for path in [c"dd/dd/ffff", c"dd/dd", c"dd/ff", c"dd", c"ff"] {
        clear(path);
    }
    mkdir(c"dd")?;
    scratch::make(c"dd/ff", b"ff")?;
    unlink_fails(c"dd")?;
    mkdir(c"/dd/dd")?;
    scratch::make(c"dd/dd/ff", b"FF")?;
    expect_bytes(c"dd/dd/../ff", b"ff")?;

    link(c"dd/dd/ff", c"dd/dd/ffff")?;
    unlink(c"dd/dd/ff")?;
    open_fails(c"dd/dd/ff", READ)?;
    chdir(c"dd")?;
    chdir(c"dd/../../dd")?;
    chdir(c"dd/../../../dd")?;
    chdir(c"./..")?;
    expect_bytes(c"dd/dd/ffff", b"FF")?;

    nothing_under_files()?;

    unlink(c"dd/dd/ffff")?;
    unlink(c"dd/ff")?;
    unlink_fails(c"dd")?;
    unlink(c"dd/dd")?;
    unlink(c"dd")
}

/// A file is no directory, and a directory is no file. The current directory is the parent of `dd`.
fn nothing_under_files() -> Outcome {
    for path in [c"dd/ff/ff", c"dd/xx/ff"] {
        open_fails(path, CREATE)?;
        open_fails(path, READ)?;
        mkdir_fails(path)?;
        unlink_fails(path)?;
        link_fails(path, c"dd/dd/xx")?;
        link_fails(c"dd/ff", path)?;
    }
    for flags in [CREATE, UPDATE, OpenFlags::WRITE_ONLY] {
        open_fails(c"dd", flags)?;
    }
    link_fails(c"dd/ff", c"dd/dd/ffff")?;
    mkdir_fails(c"dd/dd/ffff")?;
    unlink_fails(c"dd/dd/ff")?;
    chdir_fails(c"dd/ff")?;
    chdir_fails(c"dd/xx")
}

fn expect_bytes(path: &CStr, expected: &[u8; 2]) -> Outcome {
    let fd = open(path, READ)?;
    let mut bytes = [0; 8];
    read(fd, &mut bytes, 2)?;
    ensure!(
        &bytes[..2] == expected,
        "expected the bytes of the one file, saw those of another"
    );
    Ok(fd.close()?)
}

/// 14 bytes of a name count. The bytes behind them are ignored.
pub fn fourteen() -> Outcome {
    for path in [c"12345678901234/12345678901234", c"12345678901234"] {
        clear(path);
    }
    mkdir(c"12345678901234")?;
    mkdir(c"12345678901234/123456789012345")?;
    let file = c"123456789012345/123456789012345/123456789012345";
    open(file, CREATE)?.close()?;
    open(c"12345678901234/12345678901234/12345678901234", READ)?.close()?;
    mkdir_fails(c"12345678901234/12345678901234")?;
    mkdir_fails(c"123456789012345/12345678901234")?;
    // A name of 13 bytes names another file.
    open_fails(c"1234567890123", READ)?;

    unlink(file)?;
    unlink(c"12345678901234/12345678901234")?;
    unlink(c"12345678901234")
}

/// `.` and `..` cannot be removed, in any directory.
pub fn rmdot() -> Outcome {
    clear(c"dots");
    mkdir(c"dots")?;
    chdir(c"dots")?;
    unlink_fails(c".")?;
    unlink_fails(c"..")?;
    chdir(c"/")?;
    unlink_fails(c"dots/.")?;
    unlink_fails(c"dots/..")?;
    unlink(c"dots")
}

/// A file cannot be entered, and a directory cannot be written.
pub fn dirfile() -> Outcome {
    clear(c"dirfile");
    open(c"dirfile", CREATE)?.close()?;
    chdir_fails(c"dirfile")?;
    let inside = c"dirfile/xx";
    open_fails(inside, READ)?;
    open_fails(inside, CREATE)?;
    mkdir_fails(inside)?;
    unlink_fails(inside)?;
    link_fails(PROGRAM, inside)?;
    unlink(c"dirfile")?;

    open_fails(c".", UPDATE)?;
    let directory = open(c".", READ)?;
    fails("write to a directory", directory.write(b"x"))?;
    Ok(directory.close()?)
}

/// The empty path is resolved in more nested directories than the kernel may have inodes in memory.
/// No call keeps a reference.
pub fn iref() -> Outcome {
    const DEPTH: usize = 51;
    for _ in 0..DEPTH {
        mkdir(c"irefd")?;
        chdir(c"irefd")?;
        mkdir_fails(c"")?;
        fails("link to the empty path", file::link(PROGRAM, c""))?;
        open_fails(c"", CREATE)?;
        let xx = open(c"xx", CREATE)?;
        write(xx, b"x")?;
        xx.close()?;
        unlink(c"xx")?;
    }
    for _ in 0..DEPTH {
        chdir(c"..")?;
        unlink(c"irefd")?;
    }
    chdir(c"/")
}
