//! The command line: what may be asked, and the small languages of its values (memory sizes,
//! files for the image).
//!
//! Invariant: a value that parsed is one the rest of the program can use without asking again.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use regex::bytes::Regex;

use crate::arch::Arch;
use crate::mutants::Shard;
use crate::swap::Fault;

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

    /// How fork copies memory: every page at once, or pages as they are written
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

/// The disk to swap to.
#[derive(Args, Clone)]
pub struct SwapArguments {
    /// Add a disk to swap to, of this size (up to 4G)
    #[arg(long, value_name = "SIZE", value_parser = Memory::parse_swap)]
    pub swap: Option<Memory>,

    /// Let this page of the swap disk fail to be read or written, always or once
    #[arg(long, value_name = "read|write:PAGE[:once]", value_parser = Fault::parse, requires = "swap", hide = true)]
    pub swap_fault: Vec<Fault>,
}

/// Arguments of `run`.
#[derive(Args)]
pub struct RunArguments {
    #[command(flatten)]
    pub machine: MachineArguments,

    #[command(flatten)]
    pub swap: SwapArguments,

    /// Run this shell line, power off and exit with its status
    #[arg(long, value_name = "CMD", value_parser = shell_line)]
    pub exec: Option<String>,

    /// Give up after this many seconds (exit code 124)
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    pub timeout: Option<u32>,

    /// Add a host file to the image, under its own name or under NAME (at most 14 bytes)
    ///
    /// A program in C (*.c) is compiled for the machine, against a library with the names of xv6's.
    #[arg(long, value_name = "HOSTFILE[:NAME]", value_parser = WithFile::parse)]
    pub with: Vec<WithFile>,

    /// Boot this xv6-format image instead of ours, on a copy; --exec is typed at its prompt
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,

    /// Let the guest change the file given with --image
    #[arg(long, requires = "image")]
    pub write: bool,

    /// End with success as soon as the console output matches
    #[arg(long, value_name = "REGEX")]
    pub expect: Option<Regex>,

    /// Count instructions instead of time: the same figures on every run (needs --smp 1)
    #[arg(long)]
    pub icount: bool,

    /// Hand this word to the kernel, for example test=swapdisk
    #[arg(long, value_name = "WORD", hide = true)]
    pub option: Vec<String>,

    /// Wait halted for a debugger; how to attach one is printed
    #[arg(long)]
    pub gdb: bool,
}

/// Arguments of `test`.
#[derive(Args)]
pub struct SuiteArguments {
    /// Run only the tests whose name contains this
    pub filter: Option<String>,

    /// Run the guest tests of this architecture only
    #[arg(long, value_enum)]
    pub arch: Option<Arch>,
}

/// Arguments of `bench`.
#[derive(Args)]
pub struct BenchArguments {
    /// Measure this architecture only
    #[arg(long, value_enum)]
    pub arch: Option<Arch>,

    /// Measure the same on Linux, with Debian's kernel, which is fetched when first asked for
    #[arg(long, value_enum)]
    pub against: Option<Rival>,

    /// Print the figures as JSON on standard output
    #[arg(long)]
    pub json: bool,

    /// Draw the cost of fork against the size of memory, as an SVG image
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,

    /// Hold the suite to the figures of this run: writes them to docs/costs.toml
    #[arg(long)]
    pub accept: bool,
}

/// A system to compare with.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rival {
    /// The Linux of Debian 13.
    Linux,
}

/// Arguments of `museum`.
#[derive(Args)]
pub struct TestArguments {
    /// Run only the tests whose name contains this
    pub filter: Option<String>,
}

/// Arguments of `check`.
#[derive(Args)]
pub struct CheckArguments {
    /// Only compile, and print what the compiler finds as cargo's JSON, for an editor
    #[arg(long, conflicts_with = "filter")]
    pub editor: bool,

    /// Run only the checks whose name contains this
    pub filter: Option<String>,
}

/// Arguments of `oracle`: the simulator's, which answers `--help` too.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct OracleArguments {
    /// `--steps N`, `--harts N`, `--mode eager|cow`, `--seed S`, `--threads N`
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

/// Arguments of `powercut`.
#[derive(Args)]
pub struct PowercutArguments {
    #[command(flatten)]
    pub machine: MachineArguments,

    /// How many times the power is cut
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub cuts: u64,

    /// The seed of the first cut; each further one has the next
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `grade`.
#[derive(Args)]
pub struct GradeArguments {
    /// The kernel: an ELF file, as `make kernel/kernel` makes it
    #[arg(long, value_name = "FILE", required_unless_present_any = ["self_test", "explain"])]
    pub kernel: Option<PathBuf>,

    /// Print the results as JSON on standard output
    #[arg(long)]
    pub json: bool,

    /// How many harts the machine has (1 to 4); given more than once, each in turn
    #[arg(long, value_name = "N", default_values_t = [1, 3], value_parser = clap::value_parser!(u8).range(1..=4))]
    pub smp: Vec<u8>,

    /// What the kernel runs on; the second is the cross-check
    #[arg(long, value_enum, default_value = "emu")]
    pub on: crate::grade::Emulator,

    /// Grade this kernel first, and ask of the other only what it passes, and copy-on-write
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    /// On QEMU: take a kernel for hung when its console has been silent for so many seconds
    #[arg(long, value_name = "S", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..))]
    pub stall: u32,

    /// Also run the tests on a machine that is out to break the kernel, with 2 and 3 harts, and
    /// report races and missing fences
    #[arg(long, conflicts_with = "self_test")]
    pub sanitize: bool,

    /// Exit with 1 if a test failed
    #[arg(long)]
    pub strict: bool,

    /// Print what a test does, its rule and the mistakes it finds, instead
    #[arg(long, value_name = "TEST")]
    pub explain: Option<String>,

    /// Grade our own kernel, and variants of it that each make a known mistake, instead
    #[arg(long, conflicts_with_all = ["kernel", "json", "smp"])]
    pub self_test: bool,

    /// Run only the tests whose name (`cowbasic simple`) contains this; with --self-test, the
    /// mistakes
    pub filter: Option<String>,
}

/// Arguments of `emu`.
#[derive(Args, Clone)]
pub struct EmuArguments {
    /// The kernel instead of ours: an ELF file; in machine mode if it begins at 0x80000000
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,

    /// The disk image instead of ours; it is not changed
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,

    /// How many harts the machine has (1 to 8)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub smp: u8,

    /// How much memory it has, with K, M or G
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = Memory::parse)]
    pub mem: Memory,

    /// Decide by this seed; switches all adversity on unless --adversity says otherwise
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Try every seed from A up to B and shrink the first failure
    #[arg(long, value_name = "A..B", value_parser = crate::emulate::Seeds::parse, conflicts_with_all = ["seed", "trace"])]
    pub seeds: Option<crate::emulate::Seeds>,

    /// What the machine may do: turns, tlb, fetch, stores, loads, sc, devices, ad-trap; all, none
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub adversity: Option<Vec<String>>,

    /// What is watched: translations, races, stuck, kernel; all
    #[arg(long, value_name = "LIST", value_delimiter = ',', num_args = 0..=1, default_missing_value = "all")]
    pub sanitize: Vec<String>,

    /// Run this shell line, then end
    #[arg(long, value_name = "LINE", value_parser = shell_line)]
    pub exec: Option<String>,

    /// Stop after so many million instructions (exit code 124)
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub limit: u64,

    /// Add a disk to swap to, of this size
    #[arg(long, value_name = "SIZE", value_parser = Memory::parse_swap)]
    pub swap: Option<Memory>,

    /// Hand this word to the kernel, for example fork=eager
    #[arg(long, value_name = "WORD")]
    pub option: Vec<String>,

    /// Let the disks speak the legacy virtio protocol
    #[arg(long)]
    pub legacy: bool,

    /// Leave memory protection out, for kernels that set none up (xv6 of 2019 and 2020)
    #[arg(long)]
    pub no_pmp: bool,

    /// Let the kernel choose Sv48
    #[arg(long)]
    pub sv48: bool,

    /// Write a snapshot of the machine to this file when the run ends
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "gdb"])]
    pub snapshot: Option<PathBuf>,

    /// Go on from the snapshot in this file instead of booting. Kernel, harts, memory and disks
    /// must be the same; seed, adversity and watchers are the snapshot's, unless some are given
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// Write every turn of a hart to this file: its first step, the hart, its mode and place
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// Say how fast the machine was
    #[arg(long)]
    pub speed: bool,

    /// Wait for a debugger on this port of the local host. It can go back in time: reverse-step,
    /// reverse-continue, watch
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        default_missing_value = "1234",
        conflicts_with_all = ["seeds", "speed"]
    )]
    pub gdb: Option<u16>,
}

/// Arguments of `mutants`.
#[derive(Args)]
pub struct MutantsArguments {
    /// Try so many, drawn at random, instead of all
    #[arg(long, value_name = "N", value_parser = positive)]
    pub sample: Option<usize>,

    /// What determines the sample
    #[arg(long, value_name = "S", default_value_t = 1, requires = "sample")]
    pub seed: u64,

    /// Try only the K-th (from 0) of N equal parts, of the sample if there is one
    #[arg(long, value_name = "K/N", value_parser = Shard::parse)]
    pub shard: Option<Shard>,

    /// How many at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub jobs: u8,
}

/// Arguments of `gdb`.
#[derive(Args)]
pub struct GdbArguments {
    #[command(flatten)]
    pub machine: MachineArguments,

    #[command(flatten)]
    pub swap: SwapArguments,

    /// Run this shell line instead of an interactive shell
    #[arg(long, value_name = "CMD", value_parser = shell_line)]
    pub exec: Option<String>,

    /// Handed to gdb, after `--`
    #[arg(last = true, value_name = "GDB ARGUMENTS")]
    pub gdb: Vec<String>,
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
}

impl Fork {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Eager, Self::Cow];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Cow => "cow",
        }
    }

    /// Returns the kernel option that asks for this.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Eager => "fork=eager",
            Self::Cow => "fork=cow",
        }
    }
}

/// A memory size in KiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory(u64);

impl Memory {
    /// This many MiB.
    pub const fn mebibytes(count: u64) -> Self {
        Self(count * 1024)
    }

    /// This many bytes.
    pub const fn bytes(self) -> u64 {
        self.0 * 1024
    }

    /// Reads the size of a swap disk: whole pages, and as many as the kernel uses.
    fn parse_swap(text: &str) -> Result<Self, String> {
        const MAX: u64 = 4 << 30;
        let size = Self::parse(text)?;
        if size.0 > MAX / 1024 {
            return Err(format!(
                "`{text}` is more than a swap disk may have; give at most 4G"
            ));
        }
        if !size.bytes().is_multiple_of(abi::PAGE_SIZE as u64) {
            return Err(format!(
                "`{text}` is not a number of pages; give a multiple of 4K"
            ));
        }
        Ok(size)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let cure = || format!("`{text}` is not a memory size; write for example 128M or 1G");
        let (digits, scale) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (&text[..at], 1),
            Some((at, 'm' | 'M')) => (&text[..at], 1024),
            Some((at, 'g' | 'G')) => (&text[..at], 1024 * 1024),
            _ => return Err(cure()),
        };
        let count: u64 = digits.parse().map_err(|_| cure())?;
        match count.checked_mul(scale) {
            Some(size) if size > 0 => Ok(Self(size)),
            _ => Err(cure()),
        }
    }
}

impl fmt::Display for Memory {
    /// As QEMU's `-m` reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}K", self.0)
    }
}

/// A host file and its name in the root of the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WithFile {
    /// The file on the host.
    pub host: PathBuf,
    /// Its name in the image.
    pub name: String,
}

impl WithFile {
    /// Reads `HOSTFILE[:NAME]`; a file whose own name has a colon is found as such.
    fn parse(text: &str) -> Result<Self, String> {
        let (host, name) = match text.rsplit_once(':') {
            Some((host, name)) if !Path::new(text).exists() => (host, Some(name)),
            _ => (text, None),
        };
        let path = PathBuf::from(host);
        if path.is_dir() {
            return Err(format!(
                "`{host}` is a directory; --with adds one file, and may be given more than once"
            ));
        }
        if !path.exists() {
            return Err(format!("there is no file `{host}`"));
        }
        if !path.is_file() {
            return Err(format!("`{host}` is not a regular file"));
        }
        let name = match name {
            Some(name) => name.trim_start_matches('/').to_owned(),
            // A program in C is compiled, and its program is not called after the language.
            None => match path.file_name().and_then(|name| name.to_str()) {
                Some(name) => name.strip_suffix(".c").unwrap_or(name).to_owned(),
                None => return Err(format!("`{host}` has no usable name; add `:NAME`")),
            },
        };
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            return Err(format!(
                "`{name}` cannot name a file in the root of the image"
            ));
        }
        if name.len() > abi::NAME_MAX {
            return Err(format!(
                "the name `{name}` is longer than {} bytes; give a shorter one as `{host}:NAME`",
                abi::NAME_MAX
            ));
        }
        Ok(Self { host: path, name })
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("`{text}` is not a number above 0")),
    }
}

fn shell_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the line is empty; leave --exec out for an interactive shell".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("the line has control characters; a shell line is one line of text".to_owned());
    }
    Ok(text.to_owned())
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

    #[test]
    fn memory_sizes() {
        assert_eq!(Memory::parse("24M"), Ok(Memory::mebibytes(24)));
        assert_eq!(Memory::parse("1g"), Ok(Memory::mebibytes(1024)));
        assert_eq!(Memory::parse("512K"), Ok(Memory(512)));
        for bad in ["", "M", "128", "-1M", "0M", "99999999999999999999G", "12é"] {
            assert!(Memory::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_of_swap() {
        assert_eq!(Memory::parse_swap("256M"), Ok(Memory::mebibytes(256)));
        assert_eq!(Memory::parse_swap("4K"), Ok(Memory(4)));
        assert_eq!(Memory::parse_swap("4G"), Ok(Memory::mebibytes(4096)));
        let largest = u64::MAX.to_string() + "K";
        for bad in ["0", "0K", "5G", "4097M", "6K", "4194305K", largest.as_str()] {
            assert!(Memory::parse_swap(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_for_the_image() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let with = WithFile::parse(manifest).expect("a file under its own name");
        assert_eq!(with.name, "Cargo.toml");
        let with = WithFile::parse(&format!("{manifest}:/m")).expect("a file under a given name");
        assert_eq!(
            (with.host.as_path(), with.name.as_str()),
            (Path::new(manifest), "m")
        );
        for name in ["", "a/b", "..", "fifteen-letters"] {
            assert!(
                WithFile::parse(&format!("{manifest}:{name}")).is_err(),
                "{name}"
            );
        }
        let refused = |text: &str| WithFile::parse(text).expect_err("it is no file");
        assert!(refused("/no/such/file").contains("there is no file"));
        let folder = env!("CARGO_MANIFEST_DIR");
        assert!(refused(folder).contains("is a directory"));
        assert!(refused(&format!("{folder}:name")).contains("is a directory"));
        assert!(refused("/dev/null").contains("not a regular file"));
    }

    #[test]
    fn shell_lines_are_one_line() {
        assert!(shell_line("cowtest; echo done").is_ok());
        for bad in ["", "  ", "ls\nls", "a\0b"] {
            assert!(shell_line(bad).is_err());
        }
    }
}
