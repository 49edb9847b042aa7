//! Files, directories, pipes and devices.

use crate::syscall::{self, Failed, Result, check};
use abi::{OpenFlags, Stat};
use core::ffi::CStr;

/// An open descriptor: a number, closed only by [`Fd::close`] or the end of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd(pub i32);

/// Returns the address of a string as the kernel wants it.
fn address(path: &CStr) -> u64 {
    path.as_ptr() as u64
}

/// Converts a length to what the kernel takes. A length that does not fit is cut, because reads and
/// writes may be short.
fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

impl Fd {
    /// Standard input.
    pub const INPUT: Self = Self(0);
    /// Standard output.
    pub const OUTPUT: Self = Self(1);
    /// Standard error.
    pub const ERROR: Self = Self(2);

    /// Opens the file at `path`.
    pub fn open(path: &CStr, flags: OpenFlags) -> Result<Self> {
        // SAFETY: the kernel only reads the path.
        check(unsafe { syscall::open(address(path), flags.0) }).map(|fd| Self(fd as i32))
    }

    /// Reads up to `buffer.len()` bytes; 0 is the end of the file.
    pub fn read(self, buffer: &mut [u8]) -> Result<usize> {
        let start = buffer.as_mut_ptr() as u64;
        // SAFETY: the kernel writes within the buffer, which is borrowed for writing.
        let count = check(unsafe { syscall::read(self.0, start, length(buffer.len())) })? as usize;
        // The count cannot be true if the buffer is smaller.
        if count <= buffer.len() {
            Ok(count)
        } else {
            Err(Failed)
        }
    }

    /// Writes up to `bytes.len()` bytes. Returns how many were written.
    pub fn write(self, bytes: &[u8]) -> Result<usize> {
        // SAFETY: the kernel only reads the bytes.
        check(unsafe { syscall::write(self.0, bytes.as_ptr() as u64, length(bytes.len())) })
            .map(|count| count as usize)
    }

    /// Writes all of `bytes`.
    pub fn write_all(self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let count = self.write(bytes)?;
            // A write that moves nothing and does not fail would be repeated for ever.
            if count == 0 {
                return Err(Failed);
            }
            bytes = bytes.get(count..).ok_or(Failed)?;
        }
        Ok(())
    }

    /// Describes the file.
    pub fn stat(self) -> Result<Stat> {
        let mut stat = Stat::default();
        // SAFETY: the kernel writes the structure of the contract into one of ours.
        check(unsafe { syscall::fstat(self.0, &raw mut stat as u64) })?;
        Ok(stat)
    }

    /// Returns a second descriptor for the same open file: the lowest free number.
    pub fn duplicate(self) -> Result<Self> {
        // SAFETY: touches no memory of ours.
        check(unsafe { syscall::dup(self.0) }).map(|fd| Self(fd as i32))
    }

    /// Gives the descriptor up.
    pub fn close(self) -> Result<()> {
        // SAFETY: touches no memory of ours.
        check(unsafe { syscall::close(self.0) }).map(drop)
    }
}

/// Returns a pipe: its read end and its write end.
pub fn pipe() -> Result<(Fd, Fd)> {
    let mut ends = [0i32; 2];
    // SAFETY: the kernel writes two 32-bit descriptors into the array.
    check(unsafe { syscall::pipe(ends.as_mut_ptr() as u64) })?;
    Ok((Fd(ends[0]), Fd(ends[1])))
}

/// Makes a directory.
pub fn make_directory(path: &CStr) -> Result<()> {
    // SAFETY: the kernel only reads the path.
    check(unsafe { syscall::mkdir(address(path)) }).map(drop)
}

/// Makes a device file.
pub fn make_device(path: &CStr, major: i32, minor: i32) -> Result<()> {
    // SAFETY: the kernel only reads the path.
    check(unsafe { syscall::mknod(address(path), major, minor) }).map(drop)
}

/// Gives the file at `old` a second name.
pub fn link(old: &CStr, new: &CStr) -> Result<()> {
    // SAFETY: the kernel only reads the paths.
    check(unsafe { syscall::link(address(old), address(new)) }).map(drop)
}

/// Removes a name.
pub fn unlink(path: &CStr) -> Result<()> {
    // SAFETY: the kernel only reads the path.
    check(unsafe { syscall::unlink(address(path)) }).map(drop)
}

/// Changes the current directory.
pub fn change_directory(path: &CStr) -> Result<()> {
    // SAFETY: the kernel only reads the path.
    check(unsafe { syscall::chdir(address(path)) }).map(drop)
}
