//! Reading lines.
//!
//! Lines are read byte by byte, because the bytes behind a line belong to the commands that it
//! starts: they read the same file.

use alloc::vec::Vec;
use user::Result;
use user::file::Fd;

/// The longest line, in bytes.
pub const LINE_MAX: usize = 4096;

/// The result of reading a line.
pub enum Line {
    /// A line, without its newline.
    Text(Vec<u8>),
    /// A line of more than [`LINE_MAX`] bytes, which was skipped.
    TooLong,
    /// The end of the file.
    End,
}

/// Reads the next line of `file`; a last line without a newline is a line.
pub fn read_line(file: Fd) -> Result<Line> {
    let mut line = Vec::new();
    let mut length = 0;
    loop {
        let mut byte = [0];
        let at_end = file.read(&mut byte)? == 0;
        if at_end && length == 0 {
            return Ok(Line::End);
        }
        if at_end || byte[0] == b'\n' {
            return Ok(if length > LINE_MAX {
                Line::TooLong
            } else {
                Line::Text(line)
            });
        }
        length += 1;
        if length <= LINE_MAX {
            line.push(byte[0]);
        }
    }
}
