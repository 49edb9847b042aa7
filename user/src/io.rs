//! Printing, and reading line by line.
//!
//! What one `print!` prints is collected and written with as few calls as possible, so that the
//! lines of concurrent programs do not mix.

use crate::file::Fd;
use crate::syscall::Result;
use alloc::vec::Vec;
use core::ffi::CStr;
use core::fmt::{self, Write};

/// Bytes collected before they are written.
const BUFFER: usize = 256;

/// Collects what is printed and writes it when full, and on drop.
struct Printer {
    fd: Fd,
    used: usize,
    buffer: [u8; BUFFER],
}

impl Printer {
    fn flush(&mut self) {
        // If standard output is gone, there is nowhere to report it. Programs whose purpose is
        // their output use `Fd::write_all` and see the error.
        let _ = self.fd.write_all(&self.buffer[..self.used]);
        self.used = 0;
    }
}

impl Write for Printer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.used == BUFFER {
                self.flush();
            }
            self.buffer[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Prints `text`. The printing macros call this.
pub fn print(fd: Fd, text: fmt::Arguments) {
    let mut printer = Printer {
        fd,
        used: 0,
        buffer: [0; BUFFER],
    };
    // The printer itself never fails. If a `Display` fails, what it printed before is kept.
    let _ = printer.write_fmt(text);
}

/// Prints to standard output.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {
        $crate::io::print($crate::file::Fd::OUTPUT, format_args!($($text)*))
    };
}

/// Prints a line to standard output.
#[macro_export]
macro_rules! println {
    ($($text:tt)*) => {
        $crate::io::print($crate::file::Fd::OUTPUT, format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Prints a line to standard error.
#[macro_export]
macro_rules! eprintln {
    ($($text:tt)*) => {
        $crate::io::print($crate::file::Fd::ERROR, format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Bytes as text: what is not UTF-8 is shown as U+FFFD.
#[derive(Clone, Copy, Debug)]
pub struct Lossy<'a>(pub &'a [u8]);

impl<'a> From<&'a CStr> for Lossy<'a> {
    fn from(text: &'a CStr) -> Self {
        Self(text.to_bytes())
    }
}

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            formatter.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                formatter.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

/// Reads a file line by line.
#[derive(Debug)]
pub struct Lines {
    fd: Fd,
    buffer: [u8; 512],
    start: usize,
    end: usize,
}

impl Lines {
    /// Returns the lines of `fd` from its offset on.
    pub fn new(fd: Fd) -> Self {
        Self {
            fd,
            buffer: [0; 512],
            start: 0,
            end: 0,
        }
    }

    /// Puts the next line, its newline included, into `line`. Returns `false` at the end of the
    /// file. A last line without a newline counts as a line.
    pub fn next_into(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        loop {
            if self.start == self.end {
                self.start = 0;
                self.end = self.fd.read(&mut self.buffer)?;
                if self.end == 0 {
                    return Ok(!line.is_empty());
                }
            }
            let rest = &self.buffer[self.start..self.end];
            let newline = rest.iter().position(|&byte| byte == b'\n');
            let taken = newline.map_or(rest.len(), |at| at + 1);
            line.extend_from_slice(&rest[..taken]);
            self.start += taken;
            if newline.is_some() {
                return Ok(true);
            }
        }
    }
}
