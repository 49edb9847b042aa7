//! Paths that a program puts together.

use crate::syscall::{Failed, Result};
use abi::PATH_MAX;
use core::ffi::CStr;

/// A path that is never longer than the kernel accepts.
#[derive(Clone, Copy, Debug)]
pub struct PathBuffer {
    // The bytes always end with a NUL: `used` stays below the length, and the bytes past it are 0.
    bytes: [u8; PATH_MAX],
    used: usize,
}

impl PathBuffer {
    /// Returns the path made of `parts`, without separators. Fails if it is too long or holds a
    /// NUL.
    pub fn join(parts: &[&[u8]]) -> Result<Self> {
        let mut path = Self {
            bytes: [0; PATH_MAX],
            used: 0,
        };
        for part in parts {
            let end = path.used + part.len();
            if end >= PATH_MAX || part.contains(&0) {
                return Err(Failed);
            }
            path.bytes[path.used..end].copy_from_slice(part);
            path.used = end;
        }
        Ok(path)
    }

    /// Returns the path with its NUL.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).expect("bytes past `used` are 0")
    }
}
