//! Character devices, found by the major number of a device file.
//!
//! The console is read line by line and has no end. The other devices report one line about the
//! kernel: a read returns the line, the next read the end of the file, and a write makes a new
//! line. So `cat` works on them.

use core::fmt::{self, Write};

use abi::{AUDIT_MAJOR, CONSOLE_MAJOR, FAIL_NTH_MAJOR, STRETCH_MAJOR};
use sync::atomic::{AtomicBool, Ordering};

use super::bounce::SMALL;
use crate::console;
use crate::process::{self, Caller};
use crate::stretch;
use crate::syscall::Failed;
use crate::user_memory::UserSlice;

/// A device that this kernel has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// The keyboard and the screen.
    Console,
    /// A read audits the memory system and returns the verdict.
    Audit,
    /// A write sets which allocation of the caller fails; a read returns how many allocations are
    /// left before that.
    FailNth,
    /// A read returns the longest stretch without pre-emption since the previous read.
    Stretch,
}

/// An open device.
pub struct Device {
    which: Which,
    /// Whether the line has been read.
    told: AtomicBool,
}

impl Device {
    /// Returns the device with this number, if there is one.
    pub fn open(major: u16) -> Option<Self> {
        let which = match major {
            CONSOLE_MAJOR => Which::Console,
            AUDIT_MAJOR => Which::Audit,
            FAIL_NTH_MAJOR => Which::FailNth,
            STRETCH_MAJOR => Which::Stretch,
            _ => return None,
        };
        Some(Self {
            which,
            told: AtomicBool::new(false),
        })
    }

    /// Reads into the caller's memory. Returns how many bytes were read.
    pub fn read(&self, to: UserSlice, caller: &mut Caller) -> Result<usize, Failed> {
        let mut line = Line::new();
        match self.which {
            Which::Console => return read_console(to, caller),
            _ if self.told.swap(true, Ordering::Relaxed) => return Ok(0),
            Which::Audit => line.say(format_args!("{}", process::audit(&mut caller.held))),
            Which::FailNth => line.say(format_args!("{}", caller.thread.fail_nth.left())),
            Which::Stretch => line.say(format_args!("{}", stretch::take_longest())),
        }
        let told = &line.bytes[..line.length.min(to.len())];
        to.write(0, told, caller)?;
        Ok(told.len())
    }

    /// Writes the caller's bytes. Returns how many were written.
    pub fn write(&self, from: UserSlice, caller: &mut Caller) -> Result<usize, Failed> {
        match self.which {
            Which::Console => write_console(from, caller),
            Which::Audit | Which::Stretch => Err(Failed),
            Which::FailNth => {
                let nth = read_number(from, caller)?;
                caller.thread.fail_nth.set(nth);
                self.told.store(false, Ordering::Relaxed);
                Ok(from.len())
            }
        }
    }
}

/// One line of text.
struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Line {
    const fn new() -> Self {
        Self {
            bytes: [0; 256],
            length: 0,
        }
    }

    /// Appends a text and ends the line. Text that does not fit is cut off.
    fn say(&mut self, text: fmt::Arguments<'_>) {
        // An error only means that the text was cut off.
        let _ = self.write_fmt(text);
        let end = self.length.min(self.bytes.len() - 1);
        self.bytes[end] = b'\n';
        self.length = end + 1;
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.bytes[self.length..];
        let count = text.len().min(room.len());
        room[..count].copy_from_slice(&text.as_bytes()[..count]);
        self.length += count;
        if count == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/// The length of the largest number with the end of its line.
const NUMBER_MAX: usize = "4294967295\n".len();

/// Reads a decimal number, which may have white space around it.
fn read_number(from: UserSlice, caller: &mut Caller) -> Result<u32, Failed> {
    let mut bytes = [0; NUMBER_MAX];
    let bytes = bytes.get_mut(..from.len()).ok_or(Failed)?;
    from.read(0, bytes, caller)?;
    let text = core::str::from_utf8(bytes).map_err(|_| Failed)?;
    text.trim_ascii().parse().map_err(|_| Failed)
}

fn read_console(to: UserSlice, caller: &mut Caller) -> Result<usize, Failed> {
    process::reads_console(&caller.thread.process, &mut caller.held);
    let mut bytes = [0; SMALL];
    let wanted = to.len().min(SMALL);
    let count = console::read(&mut bytes[..wanted], &mut caller.held).map_err(|_| Failed)?;
    to.write(0, &bytes[..count], caller)?;
    Ok(count)
}

fn write_console(from: UserSlice, caller: &mut Caller) -> Result<usize, Failed> {
    let mut done = 0;
    while done < from.len() {
        let mut bytes = [0; SMALL];
        let piece = &mut bytes[..(from.len() - done).min(SMALL)];
        let result = from.read(done, piece, caller);
        let good = result.map_or_else(|bad| bad.copied, |()| piece.len());
        console::write(&piece[..good]);
        result?;
        done += good;
        if caller.process().is_killed() {
            return Err(Failed);
        }
    }
    Ok(done)
}
