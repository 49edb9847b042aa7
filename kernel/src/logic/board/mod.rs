//! What the kernel is told about the board it runs on: memory, harts, clock, command line.
//!
//! Everything is copied out of what the boot loader hands over, because that memory is given to the
//! programs later. [`Board`] has what every architecture has; `platform` is the rest, which only
//! the architecture's own code looks at. Neighbours: [`device_tree`] reads the description of a
//! RISC-V board, [`memory_map`] and [`sleep`] the parts of a PC's that need no machine.

use core::fmt;

use crate::list::List;

pub mod device_tree;
pub mod memory_map;
pub mod sleep;

/// Most harts that are used; a board with more runs on this many.
pub const HARTS_MAX: usize = 8;
/// Most ranges of RAM that are used.
pub const RAM_MAX: usize = 4;
/// Most bytes of a command line.
pub const COMMAND_LINE_MAX: usize = 1024;

/// Physical memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first byte.
    pub start: u64,
    /// How many bytes.
    pub size: u64,
}

impl Region {
    /// One past the last byte.
    pub const fn end(self) -> u64 {
        self.start + self.size
    }
}

/// The board.
#[derive(Debug)]
pub struct Board<P> {
    /// The main memory; the range that has the kernel's image is the first.
    pub ram: List<Region, RAM_MAX>,
    /// The firmware's numbers of the harts, the one that boots first.
    pub harts: List<u64, HARTS_MAX>,
    /// Increments of the clock per second.
    pub timebase: u64,
    /// What the boot loader wants the kernel to know.
    pub command_line: CommandLine,
    /// What only the architecture knows.
    pub platform: P,
}

impl<P> Board<P> {
    /// Returns how much memory there is, in bytes.
    pub fn ram_size(&self) -> u64 {
        self.ram.iter().map(|range| range.size).sum()
    }
}

/// A command line, copied.
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

/// Where a board is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A device tree, as QEMU's `virt` has it.
    DeviceTree,
    /// ACPI's tables, as QEMU's `q35` has them.
    Acpi,
    /// The processor's identification.
    Processor,
}

/// Why the kernel cannot run on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardError {
    /// The description lacks something, or has it in a form that is of no use.
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
