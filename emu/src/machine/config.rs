//! What a machine is made of and what it starts with.

use super::Rules;

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many harts, 1 to 8.
    pub harts: usize,
    /// Bytes of memory.
    pub memory: usize,
    /// The rules it starts under.
    pub rules: Rules,
    /// Whether the virtio slots speak the legacy protocol.
    pub legacy: bool,
    /// Whether Sv48 may be used.
    pub sv48: bool,
    /// Whether physical memory is protected. A kernel that never sets the protection up needs a
    /// machine without it: on any other, everything is forbidden to supervisor mode.
    pub pmp: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            harts: 1,
            memory: 128 << 20,
            rules: Rules::default(),
            legacy: false,
            sv48: false,
            pmp: true,
        }
    }
}

/// A disk to plug in.
#[derive(Clone, Copy)]
pub struct Disk<'a> {
    /// The virtio slot, 0 to 7.
    pub slot: usize,
    /// Its contents.
    pub contents: &'a [u8],
    /// The serial number that the device tells.
    pub serial: &'a str,
}

/// What is booted.
#[derive(Clone, Copy)]
pub struct Boot<'a> {
    /// The kernel, an ELF file.
    pub kernel: &'a [u8],
    /// Its command line, for the device tree.
    pub command_line: &'a str,
    /// The disks.
    pub disks: &'a [Disk<'a>],
}

/// In which mode the kernel began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// Machine mode, all harts at once, as without firmware.
    Machine,
    /// Supervisor mode, the first hart only; this machine answers firmware calls.
    Supervisor,
}
