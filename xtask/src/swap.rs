//! The disk to swap to: an empty file made anew for every run, and the faults that it may have.
//!
//! The kernel knows the disk by its serial number, not by where it is attached. Its contents are
//! worthless after the run, so flushes do not reach the host's disk. The file is sparse and takes
//! only the space that the guest has written.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::cli::{Access, Fault, Memory, Often, SwapArguments};
use crate::drive::{REPORT_ERRORS, quoted};
use crate::workspace::Workspace;

/// The serial number by which the kernel recognises the disk.
pub const SERIAL: &str = "cowslip-swap";

/// The emulator's names for the disk, without and with faults.
pub const NODES: [&str; 2] = ["swap", "faulty-swap"];

/// The sectors of a page. QEMU counts faults in sectors.
const SECTORS_PER_PAGE: u64 = abi::PAGE_SIZE as u64 / 512;

/// A disk to swap to.
#[derive(Clone)]
pub struct Swap {
    /// The file, which belongs to this machine.
    pub path: PathBuf,
    faults: Vec<Fault>,
}

impl Swap {
    /// Makes the disk that the arguments ask for, if any.
    pub fn asked_for(workspace: &Workspace, arguments: &SwapArguments) -> Result<Option<Self>> {
        let create = |size| Self::create(workspace, size, arguments.swap_fault.clone());
        arguments.swap.map(create).transpose()
    }

    /// Makes a disk of this size with these faults.
    pub fn create(workspace: &Workspace, size: Memory, faults: Vec<Fault>) -> Result<Self> {
        let path = workspace.temporary("swap.img");
        File::create(&path)
            .and_then(|file| file.set_len(size.bytes()))
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path, faults })
    }

    /// Adds the disk to a command line.
    pub fn attach(&self, arch: Arch, command: &mut Command) {
        let path = quoted(&self.path);
        let [plain, faulty] = NODES;
        let file = format!("driver=file,node-name={plain},filename={path},cache.no-flush=on");
        command.args(["-blockdev", &file]);
        let mut drive = plain;
        if !self.faults.is_empty() {
            let mut debugged = format!("driver=blkdebug,node-name={faulty},image={plain}");
            for (number, fault) in self.faults.iter().enumerate() {
                debugged.push_str(&rule(fault, number));
            }
            command.args(["-blockdev", &debugged]);
            drive = faulty;
        }
        let device = match arch {
            Arch::Riscv64 => "virtio-blk-device,bus=virtio-mmio-bus.1",
            Arch::X86_64 => "virtio-blk-pci",
        };
        let device = format!("{device},drive={drive},serial={SERIAL},{REPORT_ERRORS}");
        command.args(["-device", &device]);
    }
}

/// Returns the rule of QEMU's `blkdebug` driver for this fault: error 5, EIO, in every state
/// (event "none").
fn rule(fault: &Fault, number: usize) -> String {
    let access = match fault.access {
        Access::Read => "read",
        Access::Write => "write",
    };
    let once = match fault.often {
        Often::Once => "on",
        Often::Always => "off",
    };
    let sector = fault.page * SECTORS_PER_PAGE;
    [
        "event=none".to_owned(),
        format!("iotype={access}"),
        format!("sector={sector}"),
        format!("once={once}"),
        "errno=5".to_owned(),
    ]
    .map(|part| format!(",inject-error.{number}.{part}"))
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_become_rules() {
        let fault = Fault::parse("write:40:once").expect("a fault");
        let text = rule(&fault, 1);
        for part in ["iotype=write", "sector=320", "once=on"] {
            assert!(text.contains(&format!(",inject-error.1.{part}")), "{text}");
        }
        let text = rule(&Fault::parse("read:0").expect("a fault"), 0);
        for part in ["iotype=read", "sector=0", "once=off"] {
            assert!(text.contains(&format!(",inject-error.0.{part}")), "{text}");
        }
        for bad in [
            "",
            "read",
            "read:",
            "seek:1",
            "read:-1",
            "read:1:twice",
            "read:1:once:x",
        ] {
            assert!(Fault::parse(bad).is_err(), "{bad}");
        }
    }
}
