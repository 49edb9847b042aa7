//! The arguments of `grade`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `grade`.
#[derive(Args)]
pub struct GradeArguments {
    /// The kernel: an ELF file, as `make kernel/kernel` makes it
    #[arg(long, value_name = "FILE", required_unless_present_any = ["self_test", "explain"])]
    pub kernel: Option<PathBuf>,

    /// The form of the results. All but text come at the end, and the lines on standard error
    #[arg(long, value_enum, default_value = "text")]
    pub format: crate::grade::Format,

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
    #[arg(long, conflicts_with_all = ["kernel", "format", "smp"])]
    pub self_test: bool,

    /// Run only the tests whose name (`cowbasic simple`) contains this; with --self-test, the
    /// mistakes
    pub filter: Option<String>,
}
