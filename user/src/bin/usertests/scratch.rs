//! Files for tests: calls that must succeed or must fail, with the name of the call in the error.

#![forbid(unsafe_code)]

use core::ffi::CStr;
use core::fmt::Display;
use user::file::{self, Fd};
use user::io::Lossy;
use user::path::PathBuffer;
use user::testing::outcome::{Outcome, ensure, failure};
use user::{Failed, Result};

pub use abi::OpenFlags;

/// Opens for reading.
pub const READ: OpenFlags = OpenFlags::READ_ONLY;
/// Opens for reading and writing.
pub const UPDATE: OpenFlags = OpenFlags::READ_WRITE;
/// Opens for reading and writing, and makes the file if it does not exist.
pub const CREATE: OpenFlags = OpenFlags::CREATE.with(OpenFlags::READ_WRITE);
/// Opens for writing. Makes the file if it does not exist, and empties it if it does.
pub const REPLACE: OpenFlags = OpenFlags::CREATE
    .with(OpenFlags::WRITE_ONLY)
    .with(OpenFlags::TRUNCATE);

/// Returns the result of a call that must succeed.
pub fn works<T>(what: impl Display, result: Result<T>) -> Outcome<T> {
    result.map_err(|Failed| failure!("{what}: expected success, saw -1"))
}

/// Fails unless the call failed.
pub fn fails<T>(what: impl Display, result: Result<T>) -> Outcome {
    ensure!(result.is_err(), "{what}: expected -1, saw success");
    Ok(())
}

/// Opens a file.
pub fn open(path: &CStr, flags: OpenFlags) -> Outcome<Fd> {
    works(
        format_args!("open {} with {:#x}", Lossy::from(path), flags.0),
        Fd::open(path, flags),
    )
}

/// Fails unless opening fails.
pub fn open_fails(path: &CStr, flags: OpenFlags) -> Outcome {
    fails(
        format_args!("open {} with {:#x}", Lossy::from(path), flags.0),
        Fd::open(path, flags),
    )
}

/// Removes a name.
pub fn unlink(path: &CStr) -> Outcome {
    works(
        format_args!("unlink {}", Lossy::from(path)),
        file::unlink(path),
    )
}

/// Fails unless removing fails.
pub fn unlink_fails(path: &CStr) -> Outcome {
    fails(
        format_args!("unlink {}", Lossy::from(path)),
        file::unlink(path),
    )
}

/// Removes what an earlier test that failed may have left.
pub fn clear(path: &CStr) {
    // Usually the file does not exist.
    let _ = file::unlink(path);
}

/// Makes a directory.
pub fn mkdir(path: &CStr) -> Outcome {
    works(
        format_args!("mkdir {}", Lossy::from(path)),
        file::make_directory(path),
    )
}

/// Fails unless making a directory fails.
pub fn mkdir_fails(path: &CStr) -> Outcome {
    fails(
        format_args!("mkdir {}", Lossy::from(path)),
        file::make_directory(path),
    )
}

/// Changes the current directory.
pub fn chdir(path: &CStr) -> Outcome {
    works(
        format_args!("chdir {}", Lossy::from(path)),
        file::change_directory(path),
    )
}

/// Fails unless changing the current directory fails.
pub fn chdir_fails(path: &CStr) -> Outcome {
    fails(
        format_args!("chdir {}", Lossy::from(path)),
        file::change_directory(path),
    )
}

/// Gives a file a second name.
pub fn link(old: &CStr, new: &CStr) -> Outcome {
    works(
        format_args!("link {} {}", Lossy::from(old), Lossy::from(new)),
        file::link(old, new),
    )
}

/// Fails unless linking fails.
pub fn link_fails(old: &CStr, new: &CStr) -> Outcome {
    fails(
        format_args!("link {} {}", Lossy::from(old), Lossy::from(new)),
        file::link(old, new),
    )
}

/// Writes `bytes` with one call.
pub fn write(fd: Fd, bytes: &[u8]) -> Outcome {
    let written = works("write", fd.write(bytes))?;
    let expected = bytes.len();
    ensure!(
        written == expected,
        "write: expected {expected} bytes, saw {written}"
    );
    Ok(())
}

/// Reads with one call. Fails unless that returns `expected` bytes.
pub fn read(fd: Fd, buffer: &mut [u8], expected: usize) -> Outcome {
    let count = works("read", fd.read(buffer))?;
    ensure!(
        count == expected,
        "read: expected {expected} bytes, saw {count}"
    );
    Ok(())
}

/// Fails unless all of `bytes` are `expected`.
pub fn all_are(what: impl Display, expected: u8, bytes: &[u8]) -> Outcome {
    for (at, &seen) in bytes.iter().enumerate() {
        ensure!(
            seen == expected,
            "{what}: expected byte {expected} at {at}, saw {seen}"
        );
    }
    Ok(())
}

/// Makes a file that holds `bytes`.
pub fn make(path: &CStr, bytes: &[u8]) -> Outcome {
    let fd = open(path, REPLACE)?;
    write(fd, bytes)?;
    Ok(fd.close()?)
}

/// Returns the name that begins with `prefix` and ends with `number`.
pub fn numbered(prefix: &str, number: usize) -> Outcome<PathBuffer> {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    Ok(PathBuffer::join(&[prefix.as_bytes(), &digits[start..]])?)
}
