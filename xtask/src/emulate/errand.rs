//! A boot of Cowslip that runs one shell line and powers off, on this machine.

use anyhow::{Error, Result};
use emu::{Boot, Config, Disk, Machine, Stop};

use crate::swap;

/// What is booted, and the line.
pub struct Errand<'a> {
    /// The kernel's file.
    pub kernel: &'a [u8],
    /// The disk.
    pub image: &'a [u8],
    /// The instructions of the kernel that are meant to be atomic.
    pub atomics: &'a [u64],
    /// The shell line.
    pub line: &'a str,
    /// The size of the disk to swap to, in MiB; 0 for none.
    pub swap: usize,
}

impl Errand<'_> {
    /// Runs until the machine is off, something is reported, or so many steps are made.
    pub fn run(&self, config: &Config, steps: u64) -> Result<(Machine, Stop)> {
        let swap_disk = vec![0; self.swap << 20];
        let disks = [
            Disk {
                slot: 0,
                contents: self.image,
                serial: "cowslip-files",
            },
            Disk {
                slot: 1,
                contents: &swap_disk,
                serial: swap::SERIAL,
            },
        ];
        let boot = Boot {
            kernel: self.kernel,
            command_line: &format!("-- {}", self.line),
            disks: &disks[..1 + usize::from(self.swap > 0)],
        };
        let mut machine = Machine::boot(config, &boot).map_err(Error::msg)?;
        machine.declare_atomic(self.atomics);
        machine.set_attended(false);
        let stop = machine.run(steps);
        Ok((machine, stop))
    }
}
