//! The architectures of the guest, and what differs between them on the host: the compiler's
//! target, the emulator with its firmware, the machine, and the meaning of its exit codes.

use clap::ValueEnum;

/// An architecture of the guest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, ValueEnum)]
pub enum Arch {
    /// RISC-V, on QEMU's `virt` machine.
    #[value(name = "riscv64")]
    Riscv64,
    /// A PC, on QEMU's `q35` machine.
    #[value(name = "x86_64")]
    X86_64,
}

/// The emulator of an architecture, and where it comes from.
pub struct Emulator {
    /// The emulator's program.
    pub program: &'static str,
    /// Debian's packages of the emulator, the newest first.
    pub packages: &'static [&'static str],
    /// A file of the firmware, in one of the emulator's data folders.
    pub firmware: &'static str,
    /// The package that has the firmware.
    pub firmware_package: &'static str,
    /// The folder of the cache into which a copy is unpacked.
    pub folder: &'static str,
}

impl Arch {
    /// All architectures.
    pub const ALL: [Self; 2] = [Self::Riscv64, Self::X86_64];

    /// Returns the name that the command line and the kernel use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Riscv64 => "riscv64",
            Self::X86_64 => "x86_64",
        }
    }

    /// Returns the target that the guests are built for.
    pub const fn target(self) -> &'static str {
        match self {
            Self::Riscv64 => "riscv64imac-unknown-none-elf",
            Self::X86_64 => "x86_64-unknown-none",
        }
    }

    /// Returns further flags of the compiler. Kernel and programs are linked at fixed addresses;
    /// the kernel's code model places symbols in the lowest or highest 2 GiB, where the programs
    /// and the kernel are.
    pub const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Riscv64 => &[],
            Self::X86_64 => &["-Crelocation-model=static", "-Ccode-model=kernel"],
        }
    }

    /// Returns further arguments of cargo. A file of the xv6 format ends at 268 KiB, and on x86_64
    /// the largest program has more code than that unless it is built to be small.
    pub const fn profile(self) -> &'static [&'static str] {
        match self {
            Self::Riscv64 => &[],
            Self::X86_64 => &["--config", "profile.release.package.user.opt-level='s'"],
        }
    }

    /// Returns the emulator.
    pub const fn emulator(self) -> &'static Emulator {
        match self {
            // Later suites have a package for riscv alone.
            Self::Riscv64 => &Emulator {
                program: "qemu-system-riscv64",
                packages: &["qemu-system-riscv", "qemu-system-misc"],
                firmware: "opensbi-riscv64-generic-fw_dynamic.bin",
                firmware_package: "opensbi",
                folder: "emulator",
            },
            Self::X86_64 => &Emulator {
                program: "qemu-system-x86_64",
                packages: &["qemu-system-x86"],
                firmware: "bios-256k.bin",
                firmware_package: "seabios",
                folder: "emulator-x86_64",
            },
        }
    }

    /// Returns the C compiler for the tests' programs, and Debian's package of it. On a host of
    /// that architecture the host's own compiler is used.
    pub fn c_compiler(self) -> (&'static str, &'static str) {
        match self {
            Self::Riscv64 => ("riscv64-linux-gnu-gcc", "gcc-riscv64-linux-gnu"),
            Self::X86_64 if std::env::consts::ARCH == "x86_64" => ("gcc", "gcc"),
            Self::X86_64 => ("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu"),
        }
    }

    /// Returns the status with which a guest ended, from the emulator's exit code. A PC's exit
    /// device turns a value n into 2n + 1, and this kernel writes its status plus 1. Exit code 1
    /// therefore remains for the emulator's own failures, and 0 for a user who leaves the emulator.
    pub const fn status(self, code: u8) -> Option<u8> {
        match self {
            Self::Riscv64 => Some(code),
            Self::X86_64 => match code {
                0 => Some(0),
                3.. if code % 2 == 1 => Some(code / 2 - 1),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_become_statuses() {
        for status in 0..=124 {
            assert_eq!(Arch::Riscv64.status(status), Some(status));
            assert_eq!(Arch::X86_64.status((status + 1) << 1 | 1), Some(status));
        }
        assert_eq!(Arch::X86_64.status(1), None, "the emulator's own failure");
        assert_eq!(Arch::X86_64.status(0), Some(0), "left by Ctrl-A X");
        assert_eq!(Arch::X86_64.status(134), None);
    }
}
