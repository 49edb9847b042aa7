//! The command line: the commands, and the arguments that several of them have.
//!
//! The modules below have the arguments of single commands, except [`value`], which reads the
//! values of arguments.

mod bench;
mod emu;
mod grade;
mod run;
mod test;
mod value;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use self::bench::BenchArguments;
pub use self::emu::EmuArguments;
pub use self::grade::GradeArguments;
pub use self::run::{GdbArguments, RunArguments, SwapArguments};
pub use self::test::{
    CheckArguments, MutantsArguments, PowercutArguments, SuiteArguments, TestArguments,
};
pub use self::value::{Access, Fault, Memory, Often, Seeds, WithFile};
use crate::arch::Arch;

/// Build, boot, test and debug Cowslip.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Exit codes: a guest's status 0 to 120 is handed on; 121 the kernel panicked, \
                  122 the kernel refused to start, 124 time ran out, 125 xtask itself failed."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub invocation: Invocation,
}

/// What xtask is started for.
#[derive(Subcommand)]
pub enum Invocation {
    /// What a person asks for.
    #[command(flatten)]
    Command(Command),
    /// Become a program that ends with process PARENT
    #[command(hide = true)]
    Guard(GuardArguments),
}

/// The things xtask does.
#[derive(Subcommand)]
pub enum Command {
    /// Find or install everything the other commands need, and say what was found
    Setup,
    /// Build what changed, make the disk image and boot it
    ///
    /// Ends at a shell prompt; Ctrl-A X leaves. With --exec it runs one shell line instead, powers
    /// off and exits with the line's status.
    Run(RunArguments),
    /// Run the host tests, then the guest tests of both architectures at 1, 2 and 4 harts
    Test(SuiteArguments),
    /// Count what fork and the faults after it cost, in guest instructions
    ///
    /// Runs `forkbench` in every fork mode, on both architectures unless one is given.
    Bench(BenchArguments),
    /// Kill the emulator while programs write, and judge what is left on the disk
    Powercut(PowercutArguments),
    /// Formatting, lints and documentation of all rooms, width of comments, citations, the museum
    Check(CheckArguments),
    /// Boot under a debugger: gdb attached to a halted machine, with symbols
    Gdb(GdbArguments),
    /// Run a kernel on a machine of our own that is out to break it
    ///
    /// Ours, or anybody's for QEMU's `virt` board. The same seed gives the same run. Exits with 0,
    /// or with 1 if a sanitizer found something.
    Emu(Box<EmuArguments>),
    /// Test somebody's xv6 kernel with the programs of `lab/`
    ///
    /// Boots the kernel with a disk of ours, runs every test and reports on each, with the likely
    /// mistake. Exits with 0 when grading worked.
    Grade(GradeArguments),
    /// Run random programs on a simulated machine that is out to break the memory system
    Oracle(OracleArguments),
    /// Check every interleaving of the protocol of shared page tables, within bounds
    Model(ModelArguments),
    /// Print which lines of the memory system and the file system their host tests run
    ///
    /// Exits with 1 if that is less than 95 % of the memory system's.
    Coverage,
    /// Change the memory system in small ways, one at a time, and see its tests fail
    ///
    /// Exits with 1 if fewer than 95 % of the mutants that compile are noticed.
    Mutants(MutantsArguments),
    /// Put known mistakes back, one by one, and see the test that is named after each fail
    Museum(TestArguments),
}

/// The machine to boot.
#[derive(Args, Clone)]
pub struct MachineArguments {
    /// The architecture of the machine
    #[arg(long, value_enum, default_value_t = Arch::Riscv64)]
    pub arch: Arch,

    /// How many harts the machine has (1 to 8)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub smp: u8,

    /// How much memory it has, with K, M or G
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = Memory::parse)]
    pub mem: Memory,

    /// Give it this processor, as the emulator's -cpu has it, such as rv64,v=true
    #[arg(long, value_name = "MODEL")]
    pub cpu: Option<String>,

    /// How fork copies memory: every page at once, pages as they are written, or page tables too
    #[arg(long, value_enum, default_value_t = Fork::Cow)]
    pub fork: Fork,

    /// Give every program a stack of this many pages (1 to 16); some labs of 2024 and 2025 need 2
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub stack_pages: Option<u8>,

    /// Let sbrk with one argument promise nothing, as the lazy labs of 2019 and 2020 expect
    #[arg(long)]
    pub lazy_sbrk: bool,

    /// Have the kernel audit its memory whenever a program has waited for its last child
    #[arg(long)]
    pub audit: bool,
}

/// Arguments of `oracle`: the simulator's, which answers `--help` too.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct OracleArguments {
    /// `--steps N`, `--harts N`, `--mode eager|cow|shared`, `--seed S`, `--threads N`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// Arguments of `model`: the checker's, which answers `--help` too.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct ModelArguments {
    /// `--processes N`, `--pages N`, `--evictions N`, `--format sv39|x86-64`, `--mistake NAME`,
    /// `--explore`, `--threads N`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

/// Arguments of `guard`.
#[derive(Args)]
pub struct GuardArguments {
    /// The process that starts this one
    pub parent: i32,

    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// How fork copies memory, as the kernel option `fork=` spells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Fork {
    /// Every page at once, as plain xv6 does.
    Eager,
    /// Pages are shared until somebody writes.
    Cow,
    /// Page tables are shared too, until somebody changes what is in them.
    Shared,
}

impl Fork {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Eager, Self::Cow, Self::Shared];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Cow => "cow",
            Self::Shared => "shared",
        }
    }

    /// Returns the kernel option that asks for this.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Eager => "fork=eager",
            Self::Cow => "fork=cow",
            Self::Shared => "fork=shared",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_fit_a_clock() {
        let parse =
            |timeout: &str| Cli::try_parse_from(["xtask", "run", "--timeout", timeout]).map(|_| ());
        assert!(parse("1").is_ok());
        let longest = u32::MAX.to_string();
        assert!(parse(&longest).is_ok());
        for bad in ["0", "-1", "18446744073709551615", "18446744073709551616"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
