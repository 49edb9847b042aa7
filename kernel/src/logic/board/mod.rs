//! The description of the board: memory, harts, clock, command line.
//!
//! All of it is copied out of the boot loader's data, because that memory is given to programs
//! later. [`Board`] has the data that every architecture needs; `platform` is the rest, for the
//! architecture's own code. Neighbours: [`device_tree`] reads the description of a RISC-V board;
//! [`memory_map`] and [`sleep`] are the parts of a PC's description that need no machine.

use core::fmt;

use crate::list::List;

pub mod device_tree;
pub mod memory_map;
pub mod sleep;

/// The most harts that are used. On a board with more, the rest stays asleep.
pub const HARTS_MAX: usize = 8;
/// The most ranges of RAM that are used.
pub const RAM_MAX: usize = 4;
/// The most bytes of a command line.
pub const COMMAND_LINE_MAX: usize = 1024;

/// Physical memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first byte.
    pub start: u64,
    /// The size in bytes.
    pub size: u64,
}

impl Region {
    /// Returns the address one past the last byte.
    pub const fn end(self) -> u64 {
        self.start + self.size
    }
}

/// The board.
#[derive(Debug)]
pub struct Board<P> {
    /// The main memory. The range with the kernel's image is the first.
    pub ram: List<Region, RAM_MAX>,
    /// The firmware's numbers of the harts, beginning with the boot hart.
    pub harts: List<u64, HARTS_MAX>,
    /// Increments of the clock per second.
    pub timebase: u64,
    /// The kernel's command line.
    pub command_line: CommandLine,
    /// The data that only the architecture needs.
    pub platform: P,
}

impl<P> Board<P> {
    /// Returns the size of the memory in bytes.
    pub fn ram_size(&self) -> u64 {
        self.ram.iter().map(|range| range.size).sum()
    }
}

/// A copy of a command line.
#[derive(Debug)]
pub struct CommandLine {
    bytes: [u8; COMMAND_LINE_MAX],
    length: usize,
}

impl CommandLine {
    /// Copies a command line.
    pub fn new(text: &[u8]) -> Result<Self, BoardError> {
        let mut bytes = [0; COMMAND_LINE_MAX];
        bytes
            .get_mut(..text.len())
            .ok_or(BoardError::CommandLineTooLong(text.len()))?
            .copy_from_slice(text);
        Ok(Self {
            bytes,
            length: text.len(),
        })
    }

    /// Returns the text; empty if it is not UTF-8.
    pub fn text(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or("")
    }
}

/// The place where a board is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A device tree, as QEMU's `virt` has it.
    DeviceTree,
    /// ACPI's tables, as QEMU's `q35` has them.
    Acpi,
    /// The processor's identification.
    Processor,
}

/// The reason why the kernel cannot run on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardError {
    /// The description lacks something, or has it in an unusable form.
    Missing(Source, &'static str),
    /// The command line has more bytes than [`COMMAND_LINE_MAX`].
    CommandLineTooLong(usize),
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(Source::DeviceTree, what) => {
                write!(
                    f,
                    "the device tree has no usable {what}; boot on QEMU's `virt` machine"
                )
            }
            Self::Missing(Source::Acpi, what) => write!(
                f,
                "the firmware's tables have no usable {what}; boot on QEMU's `q35` machine"
            ),
            Self::Missing(Source::Processor, what) => {
                write!(
                    f,
                    "the processor has no {what}; boot with -cpu qemu64 or better"
                )
            }
            Self::CommandLineTooLong(length) => write!(
                f,
                "the command line has {length} bytes; shorten it to {COMMAND_LINE_MAX}"
            ),
        }
    }
}

impl core::error::Error for BoardError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_copied_whole_or_refused() {
        let line = CommandLine::new(b"audit -- ls").unwrap();
        assert_eq!(line.text(), "audit -- ls");
        assert_eq!(CommandLine::new(b"\xff").unwrap().text(), "");
        assert!(CommandLine::new(&[b'x'; COMMAND_LINE_MAX]).is_ok());
        let long = COMMAND_LINE_MAX + 1;
        assert_eq!(
            CommandLine::new(&[b'x'; COMMAND_LINE_MAX + 1]).unwrap_err(),
            BoardError::CommandLineTooLong(long)
        );
    }
}
