//! The arguments of the commands that boot Cowslip under QEMU: `run` and `gdb`.

use std::path::PathBuf;

use clap::Args;
use regex::bytes::Regex;

use super::MachineArguments;
use super::value::{Fault, Memory, WithFile, shell_line};

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
