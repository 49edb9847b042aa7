//! The emulated machine, and QEMU's command line for it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::cli::{Fork, Memory};
use crate::drive::{REPORT_ERRORS, quoted};
use crate::setup::emulator;
use crate::swap::Swap;

/// A machine to boot.
#[derive(Clone)]
pub struct Machine {
    /// Its architecture.
    pub arch: Arch,
    /// The kernel.
    pub kernel: PathBuf,
    /// The first file system of a Linux kernel, which the boot loader gives it.
    pub initrd: Option<PathBuf>,
    /// The disk, if it has one.
    pub disk: Option<Disk>,
    /// The disk to swap to, if it has one.
    pub swap: Option<Swap>,
    /// What runs before the kernel.
    pub firmware: Firmware,
    /// The processor. None means the emulator's default.
    pub cpu: Option<String>,
    /// Whether the disks speak the legacy protocol of virtio, as kernels up to 2021 expect.
    pub legacy_disks: bool,
    /// The number of harts.
    pub smp: u8,
    /// The size of memory.
    pub mem: Memory,
    /// Kernel options, such as `test=panic`.
    pub options: Vec<String>,
    /// The shell line to run. None means an interactive shell.
    pub line: Option<String>,
    /// What the guest's clock counts.
    pub clock: Clock,
    /// Where a debugger may attach, in the form of QEMU's `-gdb`. The machine waits for it.
    pub debugger: Option<String>,
    /// The abstract socket that events go to: see [`crate::host_error`].
    pub events: Option<String>,
}

/// What runs before the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Firmware {
    /// OpenSBI, which stays in memory and serves the kernel.
    OpenSbi,
    /// Nothing: the kernel begins in machine mode.
    Absent,
}

/// Where the console of a machine is.
pub enum Console {
    /// On the standard streams, with QEMU's monitor at Ctrl-A.
    WithMonitor,
    /// On the standard streams. Every byte of input goes to the guest.
    Plain,
    /// In a file, without input.
    File(PathBuf),
}

/// A disk image.
#[derive(Clone)]
pub struct Disk {
    /// The file.
    pub path: PathBuf,
    /// What happens to the contents after the run.
    pub keep: Keep,
}

/// What happens to the contents of a disk image after the run.
#[derive(Clone, PartialEq, Eq)]
pub enum Keep {
    /// They are discarded. Flushes need not reach the host's disk.
    Nothing,
    /// They are discarded, but every write and flush is also recorded in this file, in the format
    /// of QEMU's `blklogwrites`. The file exists and is empty.
    Recorded(PathBuf),
    /// They belong to the user. A flush of the guest flushes the host's file.
    Everything,
}

impl Disk {
    /// Adds the drive `x0` to a command line.
    fn attach(&self, command: &mut Command) {
        let path = quoted(&self.path);
        let drive = format!("file={path},if=none,format=raw,id=x0");
        match &self.keep {
            Keep::Everything => command.args(["-drive", &drive]),
            Keep::Nothing => command.args(["-drive", &format!("{drive},cache=unsafe")]),
            Keep::Recorded(recording) => {
                // The recorder must see flushes, but the host's disk need not.
                let file = |name: &str, path: &str| {
                    format!("driver=file,node-name={name},filename={path},cache.no-flush=on")
                };
                command
                    .args(["-blockdev", &file("image", &path)])
                    .args(["-blockdev", &file("recording", &quoted(recording))])
                    .args([
                        "-blockdev",
                        "driver=blklogwrites,node-name=x0,file=image,log=recording",
                    ])
            }
        };
    }
}

/// What the guest's clock counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Time.
    Time,
    /// Instructions: one takes a nanosecond, on every run and every host.
    Instructions,
}

impl Machine {
    /// Returns a machine with one hart and 128 MiB that boots to an interactive shell.
    pub fn new(arch: Arch, kernel: &Path) -> Self {
        Self {
            arch,
            kernel: kernel.to_owned(),
            firmware: Firmware::OpenSbi,
            initrd: None,
            disk: None,
            swap: None,
            cpu: None,
            legacy_disks: false,
            smp: 1,
            mem: Memory::mebibytes(128),
            options: Vec::new(),
            line: None,
            clock: Clock::Time,
            debugger: None,
            events: None,
        }
    }

    /// Sets how fork copies memory.
    pub fn fork(&mut self, fork: Fork) {
        self.options.push(fork.option().to_owned());
    }

    /// Returns the emulator's command line.
    pub fn command(&self, console: &Console) -> Command {
        let mut command = Command::new(emulator(self.arch));
        match self.arch {
            Arch::Riscv64 => {
                let firmware = match self.firmware {
                    Firmware::OpenSbi => "default",
                    Firmware::Absent => "none",
                };
                command.args(["-machine", "virt", "-bios", firmware, "-nographic"]);
                let legacy = self.legacy_disks;
                command.args(["-global", &format!("virtio-mmio.force-legacy={legacy}")]);
            }
            Arch::X86_64 => {
                command.args(["-machine", "q35", "-nodefaults", "-no-reboot"]);
                command.args(["-display", "none"]);
                command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
            }
        }
        match console {
            Console::WithMonitor => command.args(["-serial", "mon:stdio"]),
            Console::Plain => command.args(["-serial", "stdio", "-monitor", "none"]),
            Console::File(path) => {
                let serial = format!("file:{}", path.display());
                command.args(["-serial", &serial, "-monitor", "none"])
            }
        };
        command.arg("-kernel").arg(&self.kernel).args([
            "-m",
            &self.mem.to_string(),
            "-smp",
            &self.smp.to_string(),
        ]);
        if let Some(initrd) = &self.initrd {
            command.arg("-initrd").arg(initrd);
        }
        if let Some(cpu) = &self.cpu {
            command.args(["-cpu", cpu]);
        }
        if let Some(disk) = &self.disk {
            disk.attach(&mut command);
            // On the `virt` machine the disk gets the first of the slots, because xv6 looks at no
            // other.
            let device = match self.arch {
                Arch::Riscv64 => "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0",
                Arch::X86_64 => "virtio-blk-pci,drive=x0",
            };
            command.args(["-device", &format!("{device},{REPORT_ERRORS}")]);
        }
        if let Some(swap) = &self.swap {
            swap.attach(self.arch, &mut command);
        }
        let line = self.kernel_line();
        if !line.is_empty() {
            command.args(["-append", &line]);
        }
        if self.clock == Clock::Instructions {
            command.args(["-icount", "shift=0,sleep=off"]);
        }
        if let Some(socket) = &self.events {
            let socket = format!("socket,id=events,abstract=on,path={socket}");
            command.args(["-chardev", &socket]);
            command.args(["-mon", "chardev=events,mode=control"]);
        }
        if let Some(debugger) = &self.debugger {
            command.args(["-S", "-gdb", debugger]);
        }
        command
    }

    /// Returns the kernel's command line: options, then after a lone `--` the shell line.
    fn kernel_line(&self) -> String {
        let mut words = self.options.join(" ");
        if let Some(line) = &self.line {
            words.push_str(" -- ");
            words.push_str(line);
        }
        words
    }
}

/// Returns a TCP port of this host at which no process listens.
pub fn free_port() -> Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .context("no free TCP port for the debugger")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(machine: &Machine) -> Vec<String> {
        machine
            .command(&Console::Plain)
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_shell_line_follows_the_options() {
        let mut machine = Machine::new(Arch::Riscv64, Path::new("kernel"));
        assert!(!arguments(&machine).contains(&"-append".to_owned()));
        machine.fork(Fork::Eager);
        machine.line = Some("echo a, b -- c".to_owned());
        let arguments = arguments(&machine);
        let at = arguments
            .iter()
            .position(|word| word == "-append")
            .expect("a kernel line");
        assert_eq!(arguments[at + 1], "fork=eager -- echo a, b -- c");
    }

    #[test]
    fn commas_in_the_path_of_a_disk_stay_part_of_it() {
        let mut machine = Machine::new(Arch::Riscv64, Path::new("kernel"));
        machine.disk = Some(Disk {
            path: PathBuf::from("/a,b/fs.img"),
            keep: Keep::Everything,
        });
        assert!(
            arguments(&machine)
                .iter()
                .any(|word| word.starts_with("file=/a,,b/fs.img,if=none"))
        );
    }
}
